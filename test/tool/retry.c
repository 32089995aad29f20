/*
 * lib/engine/retry: what its waits promise, for attempts up to a million and
 * the extremes of every key that has a say.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/engine/retry.h"
#include "lib/time/duration.h"

#define ATTEMPTS 1000000

static const int64_t delay[] = { 1, 1000, 90000, DURATION_MAX_MS };
static const int64_t most[] = { 1, 3600000, DURATION_MAX_MS };
static const double backoff[] = { 1, 1.1, 2, 1000 };
static const double jitter[] = { 0, 0.1, 1 };

static void
fail(const struct job_retry *r, int attempt, const char *what, int64_t ms)
{
	printf("%s: attempt %d, delay %lld, backoff %g, at most %lld, jitter "
	       "%g: %lld\n",
	    what, attempt, (long long)r->delay_ms, r->backoff,
	    (long long)r->max_delay_ms, r->jitter, (long long)ms);
	exit(1);
}

/* Few attempts matter where nothing changes any more. */
static int
next_attempt(int attempt)
{
	return attempt < 5000 ? attempt + 1 : attempt + attempt / 97;
}

static void
check_one(const struct job_retry *r)
{
	struct job_retry plain = *r;
	int64_t ms, bound, before = 0;
	int attempt, i;

	plain.jitter = 0;
	for (attempt = 0; attempt <= ATTEMPTS;
	     attempt = next_attempt(attempt)) {
		bound = retry_delay_ms(&plain, attempt, 1);
		if (bound < before)
			fail(&plain, attempt, "shrinks", bound);
		if (bound < 1 || bound > r->max_delay_ms)
			fail(&plain, attempt, "out of bounds", bound);
		before = bound;
		for (i = 0; i <= 10; i++) {
			ms = retry_delay_ms(r, attempt, i / 10.0);
			if (ms < 1 || ms > bound)
				fail(r, attempt, "jitter adds", ms);
			if ((double)ms + 1 < (double)bound * (1 - r->jitter))
				fail(r, attempt, "jitter takes too much", ms);
		}
	}
	if (r->backoff > 1 && before != r->max_delay_ms)
		fail(&plain, ATTEMPTS, "never reaches its limit", before);
	if (retry_delay_ms(&plain, 1, 1) !=
	    (r->delay_ms < r->max_delay_ms ? r->delay_ms : r->max_delay_ms))
		fail(&plain, 1, "begins elsewhere", before);
}

int
main(void)
{
	struct job_retry r = { .max = ATTEMPTS, .on = JOB_RETRY_ANY };
	size_t d, m, b, j;

	for (d = 0; d < ARRAY_LEN(delay); d++)
		for (m = 0; m < ARRAY_LEN(most); m++)
			for (b = 0; b < ARRAY_LEN(backoff); b++)
				for (j = 0; j < ARRAY_LEN(jitter); j++) {
					r.delay_ms = delay[d];
					r.max_delay_ms = most[m];
					r.backoff = backoff[b];
					r.jitter = jitter[j];
					check_one(&r);
				}
	puts("kept");
	return 0;
}
