#ifndef WJOBS_WORKER_H
#define WJOBS_WORKER_H

#include "lib/engine/engine.h"
#include "lib/jobfile/jobfile.h"

/*
 * The workers of a queue: they take work for the handlers of the jobfile, as
 * many pieces at a time as there are workers and as each handler allows, make
 * one attempt of each, and say how it ended. The next attempt may be another
 * instance's. The slots are theirs alone; the scheduler's pool is not touched.
 *
 * Nothing is taken ahead of a free slot. The store is asked when a slot is
 * free and something may have come: after an end, at a hint, when delayed work
 * is due, and every WORKER_POLL_MS in any case.
 */
#define WORKER_POLL_MS 5000

struct worker;

/* engine and file outlive it; engine->queue and the clock are used. */
struct worker *worker_new(struct engine *engine, const struct jobfile *file);
void worker_free(struct worker *worker); /* after `stopped` */
void worker_start(struct worker *worker);
/* A hint: there may be work, or something to be cancelled. */
void worker_rang(struct worker *worker);
/*
 * The session is in doubt, or with `now` over: others will take what runs here
 * for theirs. It is told to end, or killed, and nobody is told of its end.
 */
void worker_lease_lost(struct worker *worker, bool now);
/*
 * As scheduler_stop: take nothing more, and let what runs finish for
 * stop_timeout; then TERM; then KILL. What that ends is released, with no
 * attempt spent.
 */
void worker_stop(struct worker *worker,
    void (*stopped)(void *data, bool killed_any), void *data);

struct worker_counts {
	size_t slots, running;
};
struct worker_counts worker_counts(const struct worker *worker);

#endif
