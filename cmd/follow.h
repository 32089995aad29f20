#ifndef WJOBS_FOLLOW_H
#define WJOBS_FOLLOW_H

#include "cmd/future.h"
#include "cmd/output.h"

/*
 * `logs -F`: the output of runs while they run, from the files that their
 * scheduler writes for it, and of runs too short to have one from the store.
 */

/*
 * One run, or a piece of work: to its end, from one attempt to the next.
 */
bool follow_run(struct output *output, struct shelf *shelf,
    const struct future *future, struct err *err) MUST_CHECK;
/*
 * A job's runs, from its newest on, one after the other, for ever: until the
 * reader of our output goes away, or the store fails.
 */
bool
follow_job(struct output *output, const char *job, struct err *err) MUST_CHECK;
/*
 * What a run that is still under way wrote so far. False where there is no
 * such file: it has just begun, or ended.
 */
bool follow_peek(struct output *output, const struct ulid *id);

#endif
