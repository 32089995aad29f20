#ifndef WJOBS_SPAWN_H
#define WJOBS_SPAWN_H

#include <sys/types.h>

#include "lib/base/err.h"

/*
 * One child by vfork and exec: own session and process group, default signal
 * dispositions, empty mask, no descriptor but 0, 1 and 2, its directory.
 * Between the two only async-signal-safe calls; the step that failed and its
 * errno come back. Plain fork is not used: from a large parent it is 20 times
 * slower (measured).
 */
enum spawn_step { /* where it failed */
	SPAWN_FORK,
	SPAWN_SESSION,
	SPAWN_DIR,
	SPAWN_FDS,
	SPAWN_EXEC,
};

struct spawn {
	const char *path; /* of the program, resolved (program_find) */
	const char *const *argv, *const *envp; /* NULL-terminated */
	const char *dir;                       /* NULL: stay */
	int fd[3]; /* what becomes 0, 1, 2; -1: /dev/null */
	/*
	 * Descriptors above these that we were born with are the command's too;
	 * spawn_setup must not have been called.
	 */
	bool keep_fds;
	int death_signal; /* where we die before it; 0: none. Linux alone */
};

/*
 * Once, before the first: what all children have in common is found out, and
 * where the system cannot mark all descriptors in one step, those that we were
 * born with are marked close-on-exec. It may be left out.
 */
void spawn_setup(void);
void spawn_teardown(void);

/*
 * *pid is the child, to be reaped by the caller. False with err->sys set, and
 * err->msg naming the step, the program or the directory; *step says which. A
 * text file that may be executed and has no #! line is given to /bin/sh, as a
 * shell would do it.
 */
bool spawn_start(const struct spawn *spawn, pid_t *pid, enum spawn_step *step,
    struct err *err) MUST_CHECK;

/*
 * The program takes the place of this process, whose number, session and
 * descriptors it keeps; SIGPIPE is as by default again. Returns only where that
 * fails: false, with err->sys set. A script without #! as above.
 */
bool spawn_become(const char *path, const char *const *argv,
    const char *const *envp, struct err *err);

#endif
