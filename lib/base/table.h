#ifndef WJOBS_TABLE_H
#define WJOBS_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "lib/base/err.h"

/*
 * A table for people: columns aligned by display width, the last one cut at
 * the terminal's edge, and others that may be; colours only where asked for. Cells are made visible.
 */
enum table_align { TABLE_LEFT, TABLE_RIGHT };
enum table_colour {
	TABLE_PLAIN,
	TABLE_DIM,
	TABLE_BOLD,
	TABLE_GREEN,
	TABLE_YELLOW,
	TABLE_RED,
};

struct table;

struct table *table_new(void);
void table_free(struct table *table);
void
table_column(struct table *table, const char *title, enum table_align align);
/* The column just added may be cut down to `least` where the edge is near. */
void table_may_cut(struct table *table, int least);
/* Begin a row, then its cells from left to right; missing ones are empty. */
void table_row(struct table *table);
void table_cell(struct table *table, enum table_colour colour, const char *fmt,
    ...) PRINTF_LIKE(3, 4);
/* Text that may hold several colours: pieces appended to the last cell. */
void table_more(struct table *table, enum table_colour colour, const char *fmt,
    ...) PRINTF_LIKE(3, 4);
/* Whether the environment's locale writes UTF-8. */
bool table_can_utf8(void);
/* width 0: as wide as it needs to be. No header for an empty table. */
void
table_print(const struct table *table, FILE *out, int width, bool has_colour);

#endif
