#ifndef WJOBS_NOTIFY_H
#define WJOBS_NOTIFY_H

#include "lib/engine/engine.h"
#include "lib/jobfile/job.h"

/*
 * Hooks: commands that are told of a run by their environment and, on standard
 * input, by its record as JSON. They run beside the run and delay nothing:
 * NOTIFY_AT_ONCE of them at a time, NOTIFY_WAITING wait, what comes beyond that
 * is dropped and logged; each has NOTIFY_TIMEOUT_MS. What becomes of them is
 * logged and changes no run.
 *
 * An engine without a notify (NULL) runs none, and all of these do nothing
 * where the job has no such hook. Records are copied.
 */
#define NOTIFY_AT_ONCE    8
#define NOTIFY_WAITING    1000
#define NOTIFY_TIMEOUT_MS 30000
/* The store says whether it is time to tell; so long is it waited for. */
#define NOTIFY_STORE_MS 2000

struct notify;

/* engine outlives it. */
struct notify *notify_new(struct engine *engine);
/* None may still run: see notify_stop. Takes NULL. */
void notify_free(struct notify *notify);

/* The first attempt has begun. */
void notify_start(
    struct engine *engine, const struct job *job, const struct record *record);
/* It failed, and is tried again in so long. */
void notify_retry(struct engine *engine, const struct job *job,
    const struct record *record, int64_t delay_ms);
/* An instant, or several, that are not run. */
void notify_skip(
    struct engine *engine, const struct job *job, const struct record *record);
/*
 * The run has ended. `end`, its STORE_END or WORK_END, is about to be posted
 * with no `done` yet: its answer says what there is to tell. NULL: nothing is
 * recorded, and each end stands for itself.
 */
void notify_end(struct engine *engine, const struct job *job,
    const struct record *record, struct store_op *end);
/* The same where the answer is known already. */
void notify_ended(struct engine *engine, const struct job *job,
    const struct record *record, bool is_telling, int64_t failures);

/*
 * Calls `stopped` once nothing waits or runs any more, maybe from within. With
 * `now` what runs is killed.
 */
void notify_stop(
    struct notify *notify, bool now, void (*stopped)(void *data), void *data);
/* Is there anything to wait for? */
bool notify_is_idle(const struct notify *notify);

#endif
