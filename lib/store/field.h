#ifndef WJOBS_FIELD_H
#define WJOBS_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/str.h"
#include "lib/base/ulid.h"
#include "lib/time/zone.h"

/*
 * Rows as text for programs. What can be read has one table of fields, a name
 * and a getter; from it come JSON objects and bare values, for all who write
 * a row: the commands that read, and what hooks are told.
 */
struct field;

enum field_kind {
	FIELD_NULL,
	FIELD_TEXT,
	FIELD_INT,
	FIELD_REAL,
	FIELD_BOOL,
	FIELD_ID,
	FIELD_TIME,
	FIELD_LIST,  /* texts; one alone is written as a text */
	FIELD_PAIRS, /* lines of "key=value": an object */
	FIELD_TIMES, /* instants */
	FIELD_TREE,  /* all fields of another table, as an object */
	FIELD_ROWS,  /* rows of another table: a list of objects */
};

/* What a getter returns; it borrows from the row. */
struct field_value {
	enum field_kind kind;
	union {
		const char *text;
		const struct ulid *id;
		int64_t number;
		double real;
		bool truth;
		const char *const *list; /* NULL-terminated */
	} is;
	size_t len;              /* of a text, a tree, times */
	const struct zone *zone; /* of times; NULL is UTC */
	const int64_t *times;
	const struct field *tree;
	/* Of rows: so many of that size, with len fields each. */
	const void *rows;
	size_t n, size;
};

struct field {
	const char *name;
	struct field_value (*get)(const void *row, const struct field *field);
	int id; /* the getter's own, as is key */
	const char *key;
	bool only_named; /* not in `--json` unless -o names it */
};

static inline struct field_value
field_null(void)
{
	return (struct field_value){ .kind = FIELD_NULL };
}

struct field_value field_text(const char *text); /* NULL is null */
struct field_value field_bytes(const char *text, size_t len);
struct field_value field_int(int64_t number);
struct field_value field_real(double real);
struct field_value field_bool(bool truth);
struct field_value field_id(const struct ulid *id);
/* CLOCK_NONE, CLOCK_NEVER: null. */
struct field_value field_time(int64_t ms, const struct zone *zone);
struct field_value field_span(int64_t ms); /* in seconds; below 0: null */
struct field_value field_list(const char *const *list); /* NULL is null */

/* How times are written: in their zone unless told otherwise. */
struct field_style {
	bool utc, epoch;
};

/*
 * The row as one line of JSON, without a newline: the fields that pick names,
 * n of them by index and in order; NULL is the first n. To free.
 */
char *field_json(const struct field_style *style, const struct field *field,
    const size_t *pick, size_t n, const void *row);
/*
 * A value alone: what JSON would say, without its quotes; null is nothing. A
 * tab or newline within a text is made visible, so that a line has its fields.
 */
void field_add_bare(struct str *out, const struct field_style *style,
    const struct field_value *value, const void *row);

#endif
