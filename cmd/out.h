#ifndef WJOBS_OUT_H
#define WJOBS_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/table.h"
#include "lib/base/ulid.h"
#include "lib/time/stamp.h"

/*
 * What a reading command prints. Each has one table of fields, a name and a
 * getter; from it come `--json`, one object a line, and `-o FIELD[,FIELD]`,
 * bare values with tabs between. Neither asked for, the command prints a
 * table for people.
 */
struct out_field;

enum out_kind {
	OUT_NULL,
	OUT_TEXT,
	OUT_INT,
	OUT_REAL,
	OUT_BOOL,
	OUT_ID,
	OUT_TIME,
	OUT_LIST,  /* texts; one alone is written as a text */
	OUT_PAIRS, /* lines of "key=value": an object */
	OUT_TIMES, /* instants */
	OUT_TREE,  /* all fields of another table, as an object */
	OUT_ROWS,  /* rows of another table: a list of objects */
};

/* What a getter returns; it borrows from the row. */
struct out_value {
	enum out_kind kind;
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
	const struct out_field *tree;
	/* Of rows: so many of that size, with len fields each. */
	const void *rows;
	size_t n, size;
};

struct out_field {
	const char *name;
	struct out_value (*get)(const void *row, const struct out_field *field);
	int id; /* the getter's own, as is key */
	const char *key;
	bool only_named; /* not in `--json` unless -o names it */
};

static inline struct out_value
out_null(void)
{
	return (struct out_value){ .kind = OUT_NULL };
}

struct out_value out_text(const char *text); /* NULL is null */
struct out_value out_bytes(const char *text, size_t len);
struct out_value out_int(int64_t number);
struct out_value out_real(double real);
struct out_value out_bool(bool truth);
struct out_value out_id(const struct ulid *id);
/* CLOCK_NONE, CLOCK_NEVER: null. */
struct out_value out_time(int64_t ms, const struct zone *zone);
struct out_value out_span(int64_t ms); /* in seconds; below 0: null */
struct out_value out_list(const char *const *list); /* NULL is null */

/* The options, and what they were set to. Zeroed is none. */
struct out {
	bool json, utc, epoch;
	const char *names; /* -o */
	const struct out_field *field;
	size_t n;
	size_t *pick; /* the fields to print, by index, in order */
	size_t picks;
};

#define OUT_OPTS(o)                                                            \
	{ 0, "json", OPT_FLAG, { .flag = &(o).json }, NULL,                    \
		.help = "print JSON, one object a line" },                     \
	    { 'o', "output", OPT_TEXT, { .text = &(o).names },                 \
		    "FIELD[,FIELD]",                                           \
		    .help = "print the values of these alone, tabs between" }, \
	    { 0, "utc", OPT_FLAG, { .flag = &(o).utc }, NULL,                  \
		    .help = "write times in UTC" },                            \
	{                                                                      \
		0, "epoch", OPT_FLAG, { .flag = &(o).epoch }, NULL,            \
		    .help = "write times as seconds since 1970"                \
	}

/* Resolve -o against the fields. An unknown one is ERR_USAGE. */
bool out_begin(struct out *out, const struct out_field *field, size_t n,
    struct err *err) MUST_CHECK;
void out_release(struct out *out);
/* Whether out_row prints; else the command makes its table. */
bool out_is_machine(const struct out *out);
void out_row(const struct out *out, const void *row);

/* Times in a table: "-" for none, else as the options say. */
const char *out_human(const struct out *out, int64_t ms,
    const struct zone *zone, char buf[STAMP_TEXT_SIZE]);
/* The same in fewer columns, "11-24 03:00 +0100", for narrow terminals. */
const char *out_short(const struct out *out, int64_t ms,
    const struct zone *zone, char buf[STAMP_TEXT_SIZE]);
/* A table on standard output, as wide and as colourful as that is. */
void out_table(const struct table *table);
int out_width(void); /* 0: not a terminal */
/* Whether there are so many columns, as there always are in a pipe. */
bool out_is_wide(int columns);
bool out_has_colour(void);

#endif
