#ifndef WJOBS_KIN_H
#define WJOBS_KIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/process/pids.h"

/*
 * Which processes belong to a run beyond its leader: those of its group and
 * session, their descendants, and the orphans that we adopted and whose
 * environment holds the run's id. A hook is one of its own, though it is told
 * the id of a run: it has an id of its own beside that. Only descendants of ours are ever looked at,
 * so no stranger is taken for one, however fast numbers are used again.
 *
 * To look through all of /proc for each run would cost more than most runs do.
 * New processes get ever higher numbers, and the system tells the last one: so
 * it is enough to look at the numbers given since the last time, and at those
 * of ours that were there then. All of /proc is read where the numbers began
 * anew, and now and then, within a small share of the time. Where there is no
 * /proc, the group is all there is.
 */
#define KIN_REAPED 16

struct kin {
	const struct pids *leaders; /* those not reaped yet; the host's */
	struct pids orphans;        /* adopted: pid to its struct orphan */
	struct linux_process *seen; /* our descendants but for the leaders */
	size_t len;
	bool is_subreaper;
	int last_pid_fd;          /* for linux_last_pid */
	pid_t reaped[KIN_REAPED]; /* leaders, the latest: need no look */
	unsigned reaped_at;
	struct kin_absent { /* numbers given, and no process seen yet */
		pid_t pid;
		int64_t since_us, again_us;
	} * absent;
	size_t absent_len;
	pid_t known_pid; /* the last number that was given when we looked */
	int64_t read_us, read_cost_us;       /* all of /proc */
	int64_t refresh_us, refresh_cost_us; /* those seen before */
};

struct kin_run {
	pid_t leader;
	bool is_reaped;
	bool is_stopped; /* none of its own may be missed */
	const char *id;  /* see kin_id */
};

/*
 * What tells the processes of a command from all others: its WJOBS_HOOK_ID,
 * else its WJOBS_RUN_ID, else NULL. Borrowed.
 */
const char *kin_id(const char *const *envp);

/* Becomes a subreaper. leaders is borrowed. */
void kin_init(struct kin *kin, const struct pids *leaders);
void kin_release(struct kin *kin);
void kin_reaped(struct kin *kin, pid_t pid); /* anything was */

/*
 * Send a signal (0: none) to all of them that live, save the leader's group
 * while the leader is not reaped: that one can be signalled as a whole, and
 * safely. How many there were.
 */
int kin_signal(struct kin *kin, const struct kin_run *run, int signal);

#endif
