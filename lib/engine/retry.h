#ifndef WJOBS_RETRY_H
#define WJOBS_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/jobfile/job.h"
#include "lib/store/record.h"

/*
 * Whether a failed attempt is tried again, and after how long. Attempts count
 * from 1; `retry.max` counts what comes after the first, so 5 retries from 2s
 * wait 2, 4, 8, 16 and 32 s.
 */

/* The attempt has just failed for that reason; exit_code is -1 without one. */
bool retry_is_wanted(const struct job_retry *retry, int attempt,
    enum record_reason reason, int exit_code);

/*
 * The pause after failed attempt n: delay * backoff^(n-1), at most max_delay,
 * never overflowing, never below 1 ms. Jitter takes off up to that fraction;
 * `chance` is a random number from 0 to 1.
 */
int64_t
retry_delay_ms(const struct job_retry *retry, int attempt, double chance);

#endif
