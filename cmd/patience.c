#include "cmd/patience.h"

#include <time.h>

#include "cmd/opt.h"
#include "lib/base/clock.h"
#include "lib/base/ulid.h"

void
patience_begin(struct patience *patience, int64_t span_ms, int64_t first_ms,
    int64_t most_ms)
{
	patience->until_ms = span_ms == OPT_NO_LIMIT
	    ? -1
	    : clock_boot_ms() + span_ms;
	patience->pause_ms = first_ms;
	patience->most_ms = most_ms;
}

bool
patience_pause(struct patience *patience)
{
	double ms = (double)patience->pause_ms * (1 - random_fraction() / 2);
	struct timespec ts;
	int64_t left_ms;

	if (patience->until_ms >= 0) {
		left_ms = patience->until_ms - clock_boot_ms();
		if (left_ms <= 0)
			return false;
		if (ms > (double)left_ms)
			ms = (double)left_ms + 1;
	}
	ts.tv_sec = (time_t)(ms / 1000);
	ts.tv_nsec = (long)((ms - (double)ts.tv_sec * 1000) * 1e6);
	nanosleep(&ts, NULL);
	if ((patience->pause_ms *= 2) > patience->most_ms)
		patience->pause_ms = patience->most_ms;
	return true;
}
