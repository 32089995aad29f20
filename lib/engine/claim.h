#ifndef WJOBS_CLAIM_H
#define WJOBS_CLAIM_H

#include "lib/engine/run.h"

/*
 * A run's question to the store, whether its instant is its own to run, and
 * what becomes of each answer. A claim is the same one, under the run's id,
 * however often it is asked.
 *
 * The store's answer may take its time. Where the job may run without it
 * (on_lock_error: run) that is RUN_CLAIM_MS; else the run waits, but keeps no
 * slot from others for more than CLAIM_SEATED_MS.
 */
#define CLAIM_SEATED_MS   10
#define CLAIM_PATIENCE_MS 5000 /* on_lock_error: skip */
#define CLAIM_RETRY_MS    250  /* after a store that did not answer */
#define CLAIM_EARLY_MS    1000 /* what an early instant is waited for */
#define CLAIM_QUEUE_MS    1000 /* overlap: queue; on average */

/* Ask. The run has an attempt, and perhaps a slot. */
void claim_ask(struct run *run);
/* A claim is to be made before there is a slot. */
bool claim_goes_first(const struct run *run);
/*
 * After a rest, which is in nobody's way, others must know that it goes on
 * before it does: RUN_RESTING until then, so that an instant that is due
 * meanwhile still ends it.
 */
bool claim_resumes(const struct run *run);
void claim_resume(struct run *run);
/* The run is gone: no answer is wanted any more. */
void claim_forget(struct run *run);
/*
 * Its end, though no attempt was made: the store may hold the instant for it,
 * or may do so once it answers.
 */
void claim_end(struct run *run);

/* A hash of when the job is due, the same on each host; never 0. */
uint64_t claim_schedule(const struct job *job);

#endif
