#include "lib/engine/retry.h"

#include <math.h>

/* The bit of `retry.on` that a reason answers to; 0: never tried again. */
static unsigned
retry_bit(enum record_reason reason)
{
	switch (reason) {
	case RECORD_EXIT:
		return JOB_RETRY_EXIT;
	case RECORD_SIGNAL:
		return JOB_RETRY_SIGNAL;
	case RECORD_TIMEOUT:
		return JOB_RETRY_TIMEOUT;
	case RECORD_SPAWN:
		return JOB_RETRY_SPAWN;
	case RECORD_OUTPUT:
		return JOB_RETRY_OUTPUT;
	case RECORD_NO_REASON:
	case RECORD_OVERLAP:
	case RECORD_LATE:
	case RECORD_MISSED:
	case RECORD_PAUSED:
	case RECORD_LOCK:
	case RECORD_STORE:
	case RECORD_SHUTDOWN:
	case RECORD_LOST_LEASE:
	case RECORD_SUPERSEDED:
	case RECORD_CANCELLED_BY_USER:
	case RECORD_CRASH:
	case RECORD_REASONS:
		break;
	}
	return 0;
}

bool
retry_is_wanted(const struct job_retry *retry, int attempt,
    enum record_reason reason, int exit_code)
{
	unsigned bit = retry_bit(reason);

	if (attempt > retry->max || bit == 0)
		return false;
	if ((retry->on & (JOB_RETRY_ANY | bit)) != 0)
		return true;
	return reason == RECORD_EXIT &&
	    job_code_is_in(&retry->codes, exit_code);
}

int64_t
retry_delay_ms(const struct job_retry *retry, int attempt, double chance)
{
	double most = (double)retry->max_delay_ms;
	double delay = (double)retry->delay_ms *
	    pow(retry->backoff, attempt - 1);

	/* written so that an infinity, or a NaN of 0 * inf, is the most */
	if (!(delay <= most))
		delay = most;
	delay *= 1 - retry->jitter * chance;
	return delay < 1 ? 1 : (int64_t)delay;
}
