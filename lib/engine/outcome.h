#ifndef WJOBS_OUTCOME_H
#define WJOBS_OUTCOME_H

#include "lib/jobfile/job.h"
#include "lib/process/proc.h"
#include "lib/store/record.h"

/*
 * From how a command ended to what its record says: status, reason, one line
 * of error. Being stopped outweighs how it then ended; a signal outweighs an
 * exit status; unwanted output fails what else succeeded.
 */
void outcome_fill(struct record *record, const struct job *job,
    const struct proc_result *result);

/* Put the attempt that just ended with those before it. */
void outcome_add_attempt(struct record *record, int64_t began_ms);

/* What the log calls record->job: "job" or "handler". */
const char *outcome_key(const struct record *record);

/* The log's line on a run that ended, and on one that will be tried again. */
void outcome_log(const struct record *record);
void outcome_log_retry(const struct record *record, int64_t delay_ms);

#endif
