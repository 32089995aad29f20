#ifndef WJOBS_KIN_H
#define WJOBS_KIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/process/pids.h"

/*
 * Which processes belong to a run beyond its leader: those of its group and
 * session, their descendants, and the orphans that we adopted and whose
 * environment holds the run's id. Only descendants of ours are ever looked at,
 * so no stranger is taken for one, however fast numbers are used again.
 *
 * To find them takes a look at all of /proc. An ordinary run costs none: first
 * the group is asked, then whether any process was made since the last look
 * that is not a leader of ours. On a busy machine looks for mere counting take
 * a twentieth of the time at most; a run that ends in between is then counted
 * by its group alone. Where there is no /proc, the group is all there is.
 */
struct kin {
	const struct pids *leaders; /* those not reaped yet; the host's */
	struct pids orphans;        /* adopted: pid to its struct orphan */
	struct linux_process *seen; /* our descendants at the last look */
	size_t len;
	uint64_t looks;
	int64_t looked_us, cost_us;
	/* The number given last when all we had below us was known; 0: never */
	pid_t known_pid;
	uint32_t spawned; /* leaders since then */
};

struct kin_run {
	pid_t leader;
	bool is_reaped;
	uint64_t looks; /* kin.looks when the leader was reaped */
	const char *id; /* its WJOBS_RUN_ID; NULL: none */
};

/* Becomes a subreaper. leaders is borrowed. */
void kin_init(struct kin *kin, const struct pids *leaders);
void kin_release(struct kin *kin);
void kin_spawned(struct kin *kin);           /* a leader was */
void kin_reaped(struct kin *kin, pid_t pid); /* anything was */

/*
 * May any of a run's be alive, its unreaped leader apart? With is_exact, true
 * where that is not known; ask again a little later.
 */
bool kin_survives(struct kin *kin, const struct kin_run *run, bool is_exact);
/*
 * Send a signal (0: none) to all of them that live, save the leader's group
 * while the leader is not reaped: that one can be signalled as a whole, and
 * safely. How many there were.
 */
int kin_signal(struct kin *kin, const struct kin_run *run, int signal);

#endif
