#ifndef WJOBS_SCHEDULER_H
#define WJOBS_SCHEDULER_H

#include "lib/engine/engine.h"
#include "lib/jobfile/jobfile.h"
#include "lib/store/store.h"

/*
 * The scheduler: one timer a job, armed at its next due instant. When it fires,
 * catch-up, overlap and deadline are settled, and runs are made. The identity
 * of a run is its due instant, and the next one is computed from the last, never
 * from the clock: an early wake-up cannot run one twice, and a late one loses
 * none. Each instant ends as a run or in a record that says why not.
 *
 * Nothing here blocks, and time comes from the engine's clock alone, so the
 * same code runs under a simulated one.
 */
struct scheduler;

/*
 * A clock set back by less than this repeats nothing; by more, the schedule
 * starts afresh. From cron(8).
 */
#define SCHEDULER_AFRESH_MS (INT64_C(3) * 60 * 60 * 1000)

/*
 * The last instant before a wake-up is late, and run, if it lies no further
 * back than this; what lies further back was missed, and `catch_up` decides.
 * cron's own grain is a minute.
 */
#define SCHEDULER_LATE_MS INT64_C(60000)

/* engine and file outlive it. */
struct scheduler *
scheduler_new(struct engine *engine, const struct jobfile *file);
void scheduler_free(struct scheduler *scheduler); /* after `stopped` */

/*
 * Begin, with what the store found: what was missed meanwhile is settled,
 * retries go on, runs that outlived their scheduler go on blocking.
 */
void
scheduler_start(struct scheduler *scheduler, const struct store_start *found);

/*
 * What a store brings that was reached only after the start, or what other
 * instances left behind as they died: instants that nobody saw before we began
 * are settled by the job's policy, once; retries go on; runs that outlived
 * their scheduler go on blocking; and lost runs are done again, where the job
 * wants that. May be called as often as there is anything, with what is known
 * already, too.
 */
void
scheduler_found(struct scheduler *scheduler, const struct store_start *found);

/*
 * The store's clock less ours, as it was measured just now: sets the engine's
 * field, and the timers of shared jobs by it.
 */
void scheduler_store_clock(struct scheduler *scheduler, int64_t offset_ms);

/*
 * The store has not been reached for so long that others will soon take this
 * instance for dead: runs that it claimed for all are told to end (failed,
 * lost_lease) where on_lease_loss is kill. With `now` they are killed, others
 * are recorded as lost_lease, and retries are left to others. Later claims are
 * made as usual.
 */
void scheduler_lease_lost(struct scheduler *scheduler, bool now);

/*
 * Each call is one step harder: no new runs, and stop_timeout for those under
 * way; then TERM at once; then KILL. `stopped` is called once, when none is
 * left; killed_any says whether stopping ended one. Maybe from within.
 */
void scheduler_stop(struct scheduler *scheduler,
    void (*stopped)(void *data, bool killed_any), void *data);

/* For status lines and tests. */
struct scheduler_counts {
	size_t jobs, waiting, running, resting;
};
struct scheduler_counts scheduler_counts(const struct scheduler *scheduler);
/* The next instant of any job, or CLOCK_NEVER. */
int64_t scheduler_next_ms(const struct scheduler *scheduler);

#endif
