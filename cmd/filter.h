#ifndef WJOBS_FILTER_H
#define WJOBS_FILTER_H

#include "cmd/acquire.h"
#include "cmd/cmd.h"

/*
 * A command run here and now, as a filter: `run JOB...` and `exec`. Its output
 * passes whole on our own two streams, signals are passed on to it at once, and
 * its exit status becomes ours.
 */
struct filter {
	const struct jobfile *file; /* NULL: `exec` without one */
	const char *worker_id;      /* NULL: host name and a suffix */
	const char *kind;           /* of the records; NULL: the job's */
	bool own_input;             /* the command reads our standard input */
	/* All is under that lock, which is taken; released after. Or NULL. */
	struct acquire *lock;
	/* History is kept there, or nowhere; where it cannot be, a warning. */
	const struct store_place *place;
	struct store_limits limits;
	/* The jobs are the file's, so others may claim them as well. */
	bool has_claims;
};

/* As main has it for ERR_UNREACHABLE: no claim can be made. */
#define FILTER_UNREACHABLE 4

/* Statuses of env(1), nohup(1) and timeout(1), but for the first. */
#define FILTER_NO_STORE       4 /* ours: nothing may run without it */
#define FILTER_TIMED_OUT      124
#define FILTER_FAILED         125
#define FILTER_NOT_EXECUTABLE 126
#define FILTER_NOT_FOUND      127
#define FILTER_SIGNAL_BASE    128
/* Of a program that could not be run, by errno. */
int filter_spawn_status(int sys);

/*
 * Run n jobs in the order given; one that failed does not stop the next, a
 * signal does. Returns the first failure's status, else 0, with err filled
 * where there is something to say.
 */
int filter_run(struct cli *cli, const struct filter *filter,
    const struct job *const *jobs, size_t n, struct err *err);

#endif
