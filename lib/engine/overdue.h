#ifndef WJOBS_OVERDUE_H
#define WJOBS_OVERDUE_H

#include "lib/engine/engine.h"
#include "lib/jobfile/jobfile.h"

/*
 * `on_late`: looks after the jobs and handlers that have it, and tells when one
 * is overdue (monitor.h), once until its next success. The store knows what ran
 * where and whether people were told, so that of many instances one tells; it
 * is asked no sooner than a job could have become overdue, by one timer for
 * all of them, and not more often than once in OVERDUE_LEAST_MS each.
 *
 * By its schedule no job is late before it was watched for so long: what a
 * scheduler that was down has missed is not told as late when it begins. With
 * expect_within it is.
 */
#define OVERDUE_LEAST_MS 1000
#define OVERDUE_AGAIN_MS 30000 /* the store did not answer */

struct overdue;

/* engine and file outlive it. NULL where nobody wants to hear of anything. */
struct overdue *overdue_new(struct engine *engine, const struct jobfile *file,
    bool has_jobs, bool has_handlers);
/* All of these take NULL. */
void overdue_start(struct overdue *overdue);
void overdue_stop(struct overdue *overdue);
/* Only once the store's ports answer no more, for what they have been asked. */
void overdue_free(struct overdue *overdue);

#endif
