#ifndef WJOBS_ACCOUNT_H
#define WJOBS_ACCOUNT_H

#include "lib/engine/entry.h"

/*
 * What the store is told of a job's instants, so that each is accounted for
 * once. Every instant up to an entry's watermark is *settled* (claimed by a
 * run, or recorded as skipped), or stands in the backlog, or belongs to a run
 * that waits for its first slot. The store's watermark never passes an instant
 * that is not settled, so that a crash at any point leaves it to be found; and
 * a skip is recorded only once the watermark may pass it, so that none is found
 * twice.
 *
 * A watermark that other instances share is no instance's own to move: each
 * claim and each skip moves it past its own instants alone, and what it jumps
 * over is a gap, which the next grant hands to whoever gets it.
 */

/* What was not run: the instants from due_ms to last_ms, count of them. */
struct skip {
	int64_t due_ms, last_ms, count;
	enum record_trigger trigger;
	enum record_reason reason;
	char *error; /* owned */
};

/* Record a skip, now or once all before it is settled. Takes its error. */
void account_skip(struct entry *entry, struct skip skip);
/* Something was settled: record what waited for it. */
void account_catch_up(struct entry *entry);
/* Forget the skips that wait. */
void account_drop(struct entry *entry);

/* How far the store's watermark may go. */
int64_t account_settled_ms(const struct entry *entry);
/* Post a record's end, or the watermark alone, as far as it may go. */
void account_end(struct entry *entry, const struct record *record);
void account_watermark(struct entry *entry);

/*
 * Of a store that others share: record what a grant says nobody accounted for,
 * the job's instants within the gap.
 */
void account_gap(
    struct engine *engine, const struct job *job, const struct store_gap *gap);

#endif
