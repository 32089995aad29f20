#ifndef WJOBS_DUE_H
#define WJOBS_DUE_H

#include "lib/engine/entry.h"

/*
 * What becomes of a job's due instants: a run now, a place in the backlog, or
 * a skip; by `overlap` where a run is in the way, by `catch_up` where they
 * passed with nobody there.
 */

/* Instants that wait until nothing is in their way, in order. */
struct backlog {
	size_t len;
	struct waiter {
		int64_t due_ms;
		enum record_trigger trigger;
	} item[JOB_CATCH_UP_MAX + 2];
};

/* How many wait. */
size_t due_waiting(const struct entry *entry);
void due_push(struct entry *entry, int64_t due_ms, enum record_trigger trigger);
/* Another instance catches up. */
void due_drop_catch_up(struct entry *entry);
/* Do again what another instance had begun when it died. */
void due_rerun(struct entry *entry, int64_t due_ms, const struct ulid *lost);
/* Let what waits begin, as far as nothing is in its way. */
void due_drain(struct entry *entry);
/*
 * Settle all instants from next_ms to limit_ms, of which there is at least
 * one. A last one that is only a little late is due, unless we only start now.
 */
void due_settle(struct entry *entry, int64_t limit_ms, bool at_start);
/* The instants from first_ms to last_ms passed with nobody there. */
void due_missed(
    struct entry *entry, int64_t first_ms, int64_t last_ms, bool has_due);

#endif
