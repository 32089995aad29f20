#ifndef WJOBS_LAUNCH_H
#define WJOBS_LAUNCH_H

#include "lib/process/proc.h"
#include "lib/process/program.h"

/*
 * From a command to a process: whether a shell is needed, which program it is,
 * and its start with fd as 0, 1 and 2 (-1: /dev/null).
 */
struct launch {
	struct program_cache *programs;
	int64_t mono_ms;
	const struct proc_command *command;
	int fd[3];
};

/* As spawn_start. */
bool launch_start(const struct launch *launch, pid_t *pid,
    enum spawn_step *step, struct err *err) MUST_CHECK;

#endif
