#ifndef WJOBS_OPT_H
#define WJOBS_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/err.h"

/*
 * Options: one table a command, which parses by getopt_long(3), prints --help,
 * and is what the man page and the completions are tested against. A table
 * ends with a zeroed entry. `-h, --help` and `--version` belong to each table
 * without being written there.
 */
enum opt_kind {
	OPT_FLAG,     /* .flag becomes true */
	OPT_TEXT,     /* .text borrows the argument */
	OPT_INT,      /* .number, from min to max */
	OPT_DURATION, /* .ms, over 0 */
	OPT_TIME,     /* .text, for stamp_parse once the zone is known */
	OPT_LIST,     /* .list: each use adds its argument */
};

/* What an option allows beyond the rule of its kind. */
enum opt_allow {
	OPT_NONE_OK = 1, /* a duration: `none`, which is OPT_NO_LIMIT */
	OPT_ZERO_OK = 2, /* a duration: 0s */
	OPT_BARE_OK = 4, /* a duration: no argument, which is OPT_NO_LIMIT; one
			    that is given then stands behind a `=` */
};

#define OPT_NO_LIMIT INT64_C(-1)

/* Zeroed is empty. The texts are borrowed from argv. */
struct opt_list {
	const char **item;
	size_t len;
};

void opt_list_release(struct opt_list *list);

struct opt {
	int letter; /* 0: none */
	const char *name;
	enum opt_kind kind;
	/* Typed pointers, so that a wrong one does not compile. */
	union {
		bool *flag;
		const char **text;
		int64_t *number;
		int64_t *ms;
		struct opt_list *list;
	} to;
	const char *arg; /* its name in the help; NULL for flags */
	const char *help;
	unsigned allow;   /* enum opt_allow */
	int64_t min, max; /* of OPT_INT; both 0: from 0 to INT_MAX */
};

enum opt_result { OPT_PARSED, OPT_HELP, OPT_VERSION, OPT_FAILED };

/*
 * Parse argv[1] and on. On OPT_PARSED *argc and *argv are what is left: the
 * operands. With `stops` options end at the first operand, else they may stand
 * anywhere before "--". A misuse is OPT_FAILED with ERR_USAGE, and what was
 * parsed before it is set.
 */
enum opt_result opt_parse(const struct opt *opts, bool stops, int *argc,
    char ***argv, struct err *err);

/* The table as lines of help: "  -n, --limit N     print N fires". */
void opt_help(const struct opt *opts, FILE *out);

#endif
