#ifndef WJOBS_BATCH_H
#define WJOBS_BATCH_H

#include "cmd/cmd.h"

/* Commands of a file or of standard input, one a line, some at a time. */
enum batch_halt { BATCH_GO_ON, BATCH_HALT_SOON, BATCH_HALT_NOW };

struct batch_options {
	const char *path;    /* NULL or "-": standard input */
	int64_t width;       /* so many at a time */
	int64_t timeout_ms;  /* of each attempt, or JOB_NO_LIMIT */
	int64_t deadline_ms; /* of all, or JOB_NO_LIMIT */
	int64_t kill_after_ms, retries;
	enum batch_halt halt; /* after the first failure */
	bool is_tagged, is_ordered;
};

/*
 * The exit status: 0 all succeeded, 1 some failed, 128 and the signal that
 * ended it. What failed is added to cli->errors.
 */
int batch_run(
    struct cli *cli, const struct batch_options *options, struct err *err);

#endif
