#ifndef WJOBS_OUT_H
#define WJOBS_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/table.h"
#include "lib/store/field.h"
#include "lib/time/stamp.h"

/*
 * What a reading command prints. Each has one table of fields (field.h); from
 * it come `--json`, one object a line, and `-o FIELD[,FIELD]`, bare values with
 * tabs between. Neither asked for, the command prints a table for people.
 */

/* The options, and what they were set to. Zeroed is none. */
struct out {
	bool json;
	struct field_style style;
	const char *names; /* -o */
	const struct field *field;
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
	    { 0, "utc", OPT_FLAG, { .flag = &(o).style.utc }, NULL,            \
		    .help = "write times in UTC" },                            \
	{                                                                      \
		0, "epoch", OPT_FLAG, { .flag = &(o).style.epoch }, NULL,      \
		    .help = "write times as seconds since 1970"                \
	}

/* Resolve -o against the fields. An unknown one is ERR_USAGE. */
bool out_begin(struct out *out, const struct field *field, size_t n,
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
