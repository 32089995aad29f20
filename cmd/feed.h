#ifndef WJOBS_FEED_H
#define WJOBS_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

/*
 * Commands, one a line, of a file or of standard input, read as they come and
 * no further than they are asked for. Blank lines are no commands, nor are
 * those whose first character that is not blank is a #.
 */
/* What the system takes as one argument, without the NUL behind it. */
#define FEED_LINE_MAX (128 * 1024 - 1)

enum feed_state {
	FEED_LINE,
	FEED_WAIT, /* more may come: ask again when `fd` is readable */
	FEED_END,
	FEED_FAILED /* err says why; nothing more will come */
};

struct feed {
	int fd;
	bool is_mine, is_file; /* to be closed; read by place, not by turn */
	bool is_at_end;
	bool is_skipping; /* the rest of a line that was too long */
	int64_t at;       /* of a file: what is read next */
	int64_t number;   /* of the line that comes next, from 1 */
	const char *path; /* borrowed; NULL: standard input */
	char *buf;
	size_t begin, end;
};

struct feed_line {
	const char *text; /* NUL-terminated; borrowed until the next call */
	size_t len;
	int64_t number;
	const char *wrong; /* why it cannot be run; NULL: it can */
};

/* path is borrowed; NULL or "-" is standard input. */
bool feed_open(struct feed *feed, const char *path, struct err *err) MUST_CHECK;
void feed_close(struct feed *feed);
/* Never waits. */
enum feed_state
feed_next(struct feed *feed, struct feed_line *line, struct err *err);
/* How many commands it holds in all; -1 where that cannot be seen yet. */
int64_t feed_count(const struct feed *feed);

#endif
