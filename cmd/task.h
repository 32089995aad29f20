#ifndef WJOBS_TASK_H
#define WJOBS_TASK_H

#include "cmd/batch.h"
#include "cmd/feed.h"
#include "cmd/printer.h"
#include "cmd/progress.h"
#include "lib/base/ulid.h"

/*
 * A batch under way, and its tasks: batch.c's own, and task.c's. A task is a
 * line's command until its last attempt has ended; between attempts it has no
 * slot, and comes before lines that have not begun.
 */
#define BATCH_FAILURES 100 /* so many are listed */
#define BATCH_SIGNALS  4

struct batch;

struct task {
	struct proc proc; /* first: a proc is its task */
	struct batch *batch;
	struct print *print;
	struct clock_timer pause; /* before the next attempt */
	char *text;
	int64_t number;
	int attempt;
	struct task *prev, *next; /* of a list */
};

struct task_list {
	struct task *first, *last;
	int64_t len;
};

struct batch {
	struct cli *cli;
	const struct batch_options *options;
	struct job job; /* what all have in common */
	struct ev_loop *loop;
	struct clock *clock;
	struct proc_host *host;
	struct proc_command command;
	const char **envp;
	char run_id[sizeof "WJOBS_RUN_ID=" + ULID_LEN];
	char line[48], attempt[48]; /* of the environment */
	struct feed feed;
	ev_io readable;
	bool has_ended; /* all lines were read */
	struct printer printer;
	struct progress progress;
	struct clock_timer show, deadline;
	ev_signal signal[BATCH_SIGNALS];
	struct task_list running, waiting, ready;
	int64_t total, done, failed;
	bool is_stopping; /* no command is begun any more */
	bool is_late;     /* by the deadline */
	bool is_broken;   /* our own output is */
	bool is_over;
	int interrupted; /* the signal that ends it, or 0 */
	struct err *err;
};

/* Begin what there is room for; and see whether that was all. */
void batch_go(struct batch *batch);
/* Nothing is begun any more, nor tried again. */
void batch_stop(struct batch *batch, bool stops_running);
/* What waits for another attempt is forgotten. */
void batch_drop_waiting(struct batch *batch);

#endif
