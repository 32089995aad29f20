#include "lib/base/table.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

#define TABLE_GAP        2
#define TABLE_LAST_LEAST 8 /* the last column is never cut below this */

/* A run of one colour within a cell. */
struct piece {
	enum table_colour colour;
	char *text; /* made visible, hence valid UTF-8 */
};

struct cell {
	struct piece *piece;
	size_t n;
	int width;
};

struct row {
	struct cell *cell;
	size_t n;
};

struct column {
	char *title;
	enum table_align align;
	int width;
	int least; /* what it may be cut down to; 0: it may not */
};

struct table {
	struct column *column;
	size_t columns;
	struct row *row;
	size_t rows;
};

bool
table_can_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	const char *value;
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++) {
		value = getenv(names[i]);
		if (value == NULL || value[0] == '\0')
			continue;
		return strcasestr(value, "utf-8") != NULL ||
		    strcasestr(value, "utf8") != NULL;
	}
	return false;
}

/*
 * How many columns of a terminal a code point takes. What combines with the
 * letter before it takes none, what East Asia writes wide takes two; the rare
 * ones that this short list misses misalign a row and do no other harm.
 */
static int
table_rune_width(uint32_t cp)
{
	static const struct {
		uint32_t first, last;
		int width;
	} range[] = {
		{ 0x0300, 0x036f, 0 },
		{ 0x0483, 0x0489, 0 },
		{ 0x0591, 0x05bd, 0 },
		{ 0x064b, 0x065f, 0 },
		{ 0x1100, 0x115f, 2 },
		{ 0x1ab0, 0x1aff, 0 },
		{ 0x1dc0, 0x1dff, 0 },
		{ 0x200b, 0x200d, 0 },
		{ 0x20d0, 0x20ff, 0 },
		{ 0x2e80, 0x303e, 2 },
		{ 0x3041, 0xa4cf, 2 },
		{ 0xa960, 0xa97f, 2 },
		{ 0xac00, 0xd7a3, 2 },
		{ 0xf900, 0xfaff, 2 },
		{ 0xfe00, 0xfe0f, 0 },
		{ 0xfe20, 0xfe2f, 0 },
		{ 0xfe30, 0xfe6f, 2 },
		{ 0xff00, 0xff60, 2 },
		{ 0xffe0, 0xffe6, 2 },
		{ 0x1f300, 0x1f64f, 2 },
		{ 0x1f680, 0x1f6ff, 2 },
		{ 0x1f900, 0x1f9ff, 2 },
		{ 0x20000, 0x3fffd, 2 },
		{ 0xe0100, 0xe01ef, 0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(range) && cp >= range[i].first; i++) {
		if (cp <= range[i].last)
			return range[i].width;
	}
	return 1;
}

/* The first code point of valid UTF-8, and its length. */
static size_t
table_rune(const char *s, uint32_t *cp)
{
	unsigned char c = (unsigned char)s[0];
	size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4, i;

	*cp = len == 1 ? c : c & (0xffu >> (len + 1));
	for (i = 1; i < len; i++)
		*cp = *cp << 6 | ((unsigned char)s[i] & 0x3fu);
	return len;
}

static int
table_width(const char *s)
{
	uint32_t cp;
	int width = 0;

	while (*s != '\0') {
		s += table_rune(s, &cp);
		width += table_rune_width(cp);
	}
	return width;
}

/* How many bytes of s fit into `room` columns, and how many those take. */
static size_t
table_fit(const char *s, int room, int *taken)
{
	size_t len = 0, n;
	uint32_t cp;
	int width;

	*taken = 0;
	while (s[len] != '\0') {
		n = table_rune(s + len, &cp);
		width = table_rune_width(cp);
		if (*taken + width > room)
			break;
		*taken += width;
		len += n;
	}
	return len;
}

struct table *
table_new(void)
{
	return mem_zalloc(1, sizeof(struct table));
}

static void
table_cell_release(struct cell *cell)
{
	size_t i;

	for (i = 0; i < cell->n; i++)
		free(cell->piece[i].text);
	free(cell->piece);
}

void
table_free(struct table *table)
{
	size_t i, j;

	if (table == NULL)
		return;
	for (i = 0; i < table->columns; i++)
		free(table->column[i].title);
	for (i = 0; i < table->rows; i++) {
		for (j = 0; j < table->row[i].n; j++)
			table_cell_release(&table->row[i].cell[j]);
		free(table->row[i].cell);
	}
	free(table->column);
	free(table->row);
	free(table);
}

void
table_column(struct table *table, const char *title, enum table_align align)
{
	table->column = mem_grow(
	    table->column, table->columns + 1, sizeof *table->column);
	table->column[table->columns++] = (struct column){
		.title = mem_strdup(title),
		.align = align,
		.width = table_width(title),
	};
}

void
table_may_cut(struct table *table, int least)
{
	table->column[table->columns - 1].least = least;
}

void
table_row(struct table *table)
{
	table->row = mem_grow(table->row, table->rows + 1, sizeof *table->row);
	table->row[table->rows++] = (struct row){ 0 };
}

static void
table_add_piece(
    struct table *table, enum table_colour colour, const char *fmt, va_list ap)
{
	struct row *row = &table->row[table->rows - 1];
	struct cell *cell = &row->cell[row->n - 1];
	struct column *column = &table->column[row->n - 1];
	struct str text = { 0 };
	char *raw = NULL;

	if (vasprintf(&raw, fmt, ap) < 0)
		raw = mem_strdup("");
	str_add_visible(&text, raw, strlen(raw), false);
	free(raw);
	cell->width += table_width(str_text(&text));
	if (cell->width > column->width)
		column->width = cell->width;
	cell->piece = mem_grow(cell->piece, cell->n + 1, sizeof *cell->piece);
	cell->piece[cell->n++] = (struct piece){ colour, str_take(&text) };
}

void
table_cell(struct table *table, enum table_colour colour, const char *fmt, ...)
{
	struct row *row;
	va_list ap;

	row = &table->row[table->rows - 1];
	row->cell = mem_grow(row->cell, row->n + 1, sizeof *row->cell);
	row->cell[row->n++] = (struct cell){ 0 };
	va_start(ap, fmt);
	table_add_piece(table, colour, fmt, ap);
	va_end(ap);
}

void
table_more(struct table *table, enum table_colour colour, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	table_add_piece(table, colour, fmt, ap);
	va_end(ap);
}

static void
table_put(FILE *out, enum table_colour colour, bool has_colour, const char *s,
    size_t n)
{
	static const char *const code[] = {
		[TABLE_PLAIN] = "0",
		[TABLE_DIM] = "2",
		[TABLE_BOLD] = "1",
		[TABLE_GREEN] = "32",
		[TABLE_YELLOW] = "33",
		[TABLE_RED] = "31",
	};

	if (n == 0)
		return;
	if (has_colour && colour != TABLE_PLAIN)
		fprintf(out, "\033[%sm%.*s\033[0m", code[colour], (int)n, s);
	else
		fwrite(s, 1, n, out);
}

/* A cell in at most `room` columns; what is cut off leaves a mark. */
static void
table_put_cell(FILE *out, const struct cell *cell, int room, bool has_colour)
{
	bool is_cut = cell->width > room;
	const char *mark = table_can_utf8() ? "\xe2\x80\xa6" : "~";
	size_t i, len;
	int taken;

	if (is_cut)
		room--;
	for (i = 0; i < cell->n && room > 0; i++) {
		len = table_fit(cell->piece[i].text, room, &taken);
		table_put(out, cell->piece[i].colour, has_colour,
		    cell->piece[i].text, len);
		room -= taken;
		if (cell->piece[i].text[len] != '\0')
			break;
	}
	if (is_cut)
		fputs(mark, out);
}

static void
table_print_row(const struct table *table, const struct row *row, FILE *out,
    const int *room, bool has_colour)
{
	int blank = 0; /* owed, so that no line ends in blanks */
	size_t i;

	for (i = 0; i < row->n; i++) {
		const struct cell *cell = &row->cell[i];
		int pad = room[i] > cell->width ? room[i] - cell->width : 0;
		bool is_left = table->column[i].align == TABLE_LEFT;

		if (cell->width == 0) {
			blank += room[i] + TABLE_GAP;
			continue;
		}
		fprintf(out, "%*s", is_left ? blank : blank + pad, "");
		table_put_cell(out, cell, room[i], has_colour);
		blank = TABLE_GAP + (is_left ? pad : 0);
	}
	fputc('\n', out);
}

static void
table_print_header(
    const struct table *table, FILE *out, const int *room, bool has_colour)
{
	struct row row = { 0 };
	size_t i;

	row.n = table->columns;
	row.cell = mem_zalloc(row.n, sizeof *row.cell);
	for (i = 0; i < row.n; i++) {
		row.cell[i].piece = mem_alloc(sizeof *row.cell[i].piece);
		row.cell[i].piece[0] = (struct piece){ TABLE_BOLD,
			table->column[i].title };
		row.cell[i].n = 1;
		row.cell[i].width = table_width(table->column[i].title);
	}
	table_print_row(table, &row, out, room, has_colour);
	for (i = 0; i < row.n; i++)
		free(row.cell[i].piece);
	free(row.cell);
}

/* Cut a column by what the table is too wide; what is left of that. */
static int
table_cut(int *room, int least, int excess)
{
	int cut = *room - least < excess ? *room - least : excess;

	if (cut <= 0)
		return excess;
	*room -= cut;
	return excess - cut;
}

/* How wide each column is printed: the last is cut first, then who may be. */
static int *
table_rooms(const struct table *table, int width)
{
	int *room = mem_zalloc(table->columns, sizeof *room);
	size_t last = table->columns - 1, i;
	int excess = (int)last * TABLE_GAP - width;

	for (i = 0; i <= last; i++) {
		room[i] = table->column[i].width;
		excess += room[i];
	}
	if (width <= 0 || excess <= 0)
		return room;
	excess = table_cut(&room[last], TABLE_LAST_LEAST, excess);
	for (i = 0; i < last; i++)
		if (table->column[i].least > 0)
			excess = table_cut(
			    &room[i], table->column[i].least, excess);
	return room;
}

void
table_print(const struct table *table, FILE *out, int width, bool has_colour)
{
	size_t i;
	int *room;

	if (table->rows == 0 || table->columns == 0)
		return;
	room = table_rooms(table, width);
	table_print_header(table, out, room, has_colour);
	for (i = 0; i < table->rows; i++)
		table_print_row(table, &table->row[i], out, room, has_colour);
	free(room);
}
