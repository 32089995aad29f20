#ifndef WJOBS_EXEC_H
#define WJOBS_EXEC_H

#include "lib/process/proc.h"
#include "lib/process/program.h"

/*
 * From a command to a process: whether a shell is needed, which program it is,
 * and its start with fd as 0, 1 and 2 (-1: /dev/null).
 */
struct exec {
	struct program_cache *programs;
	int64_t mono_ms;
	const struct proc_command *command;
	int fd[3];
};

/* As spawn_start. */
bool exec_start(const struct exec *exec, pid_t *pid, enum spawn_step *step,
    struct err *err) MUST_CHECK;

#endif
