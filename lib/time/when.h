#ifndef WJOBS_WHEN_H
#define WJOBS_WHEN_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/str.h"
#include "lib/time/cron.h"
#include "lib/time/zone.h"

/*
 * When a job is due: one or more cron expressions in a zone, or a grid of
 * intervals. Owns the daylight-saving rule of cron(8) (SPEC: for shifts of up
 * to three hours, fixed times in a gap run once at the first instant after it,
 * fixed times that come twice run the first time, wild ones follow the wall).
 *
 * A backward shift of more than three hours is new time, as a clock that was
 * corrected: what its wall shows again runs again.
 *
 * Instants are milliseconds since the epoch, UTC, in the years 0 to 9999.
 * next(t) > t always, prev(t) <= t always, and prev(next(t)) == next(t).
 */
enum when_kind { WHEN_CRON, WHEN_INTERVAL, WHEN_REBOOT };

struct when {
	enum when_kind kind;
	struct cron *cron; /* n of them, owned */
	size_t n;
	const struct zone *zone; /* borrowed */
	int64_t interval_ms, anchor_ms;
};

#define WHEN_NEVER  INT64_MAX
#define WHEN_BEFORE INT64_MIN

void when_release(struct when *when);
/* The first instant > after_ms, or WHEN_NEVER (reboot, or past year 9999). */
int64_t when_next(const struct when *when, int64_t after_ms);
/* The last instant <= until_ms, or WHEN_BEFORE. Computed, not iterated to. */
int64_t when_prev(const struct when *when, int64_t until_ms);
/* How many instants lie in (after_ms, until_ms]. */
int64_t when_count(const struct when *when, int64_t after_ms, int64_t until_ms);
/* In plain words, with the zone: "at 03:00, Europe/Berlin". */
void when_describe(const struct when *when, struct str *out);
/*
 * A typical gap between instants near `at_ms`, in milliseconds: the median of
 * the next seven. WHEN_NEVER where fewer than two instants come.
 */
int64_t when_gap_ms(const struct when *when, int64_t at_ms);

#endif
