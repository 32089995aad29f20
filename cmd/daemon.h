#ifndef WJOBS_DAEMON_H
#define WJOBS_DAEMON_H

#include "cmd/cmd.h"

/*
 * The scheduler, the workers, or both, as a process: loop, signals, store,
 * log, around engine/scheduler and engine/worker. Returns when it was stopped:
 * 0 if every run ended by itself, 1 if stopping killed one.
 */
struct daemon_options {
	const char *worker_id; /* NULL: the jobfile's, else made up */
	bool schedules, works; /* one of them at least */
};

int daemon_run(
    struct cli *cli, const struct daemon_options *options, struct err *err);

#endif
