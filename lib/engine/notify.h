#ifndef WJOBS_NOTIFY_H
#define WJOBS_NOTIFY_H

#include "lib/engine/engine.h"
#include "lib/engine/monitor.h"
#include "lib/jobfile/job.h"

/*
 * Hooks: commands that are told of a run by their environment and, on standard
 * input, by its record as JSON. They run beside the run and delay nothing:
 * NOTIFY_AT_ONCE of them at a time, NOTIFY_WAITING wait, what comes beyond that
 * is dropped and logged; each has NOTIFY_TIMEOUT_MS. What becomes of them is
 * logged and changes no run.
 *
 * Whether a failure is one to tell of, the store says, so that it holds across
 * restarts and hosts. Where it does not say so in time, what this process has
 * seen of the job decides, and nobody is told of one end twice.
 *
 * An engine without a notify (NULL) runs none, and all of these do nothing
 * where the job has no such hook. Records are copied.
 */
#define NOTIFY_AT_ONCE    8
#define NOTIFY_WAITING    1000
#define NOTIFY_TIMEOUT_MS 30000
/* The store says whether it is time to tell; so long is it waited for. */
#define NOTIFY_STORE_MS 2000
/* A stop waits so long for what is still to be told. */
#define NOTIFY_STOP_MS 30000

struct notify;

/* engine outlives it, and so do the jobs that it is told of. */
struct notify *notify_new(struct engine *engine);
/*
 * None may still run: see notify_stop. Only once the store's port answers no
 * more, for what it has been asked. Takes NULL.
 */
void notify_free(struct notify *notify);

/* The first attempt has begun. */
void notify_start(
    struct engine *engine, const struct job *job, const struct record *record);
/* It failed, and is tried again in so long. */
void notify_retry(struct engine *engine, const struct job *job,
    const struct record *record, int64_t delay_ms);
/*
 * An instant, or several, that are not run. `skip`, its operation, is about to
 * be posted with no `done` yet: CLAIM_LOST says that another instance has
 * settled it. NULL: it is known that nobody has.
 */
void notify_skip(struct engine *engine, const struct job *job,
    const struct record *record, struct store_op *skip);
/*
 * The job is overdue, which `row` says, and it is known that nobody was told.
 */
void notify_late(struct engine *engine, const struct job *job,
    const struct monitor_row *row);
/*
 * The run has ended. `end`, its STORE_END or WORK_END, is about to be posted
 * with no `done` yet: its answer says what there is to tell, and CLAIM_LOST
 * that there is nothing. NULL: nothing is recorded, and what this process has
 * seen decides.
 */
void notify_end(struct engine *engine, const struct job *job,
    const struct record *record, struct store_op *end);
/* The same where the answer is known already; failures below 0: it is not. */
void notify_ended(struct engine *engine, const struct job *job,
    const struct record *record, bool is_telling, int64_t failures);

/*
 * Calls `stopped` once nothing waits or runs any more, maybe from within; after
 * NOTIFY_STOP_MS what is left is killed, with `now` at once.
 */
void notify_stop(
    struct notify *notify, bool now, void (*stopped)(void *data), void *data);
/* Is there nothing to wait for? Takes NULL. */
bool notify_is_idle(const struct notify *notify);

#endif
