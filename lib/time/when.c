#include "lib/time/when.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/time/civil.h"
#include "lib/time/duration.h"
#include "lib/time/stamp.h"

/*
 * A zone is a row of spans of constant offset. Within one, local time is UTC
 * and a number, and cron_next answers. At a change of offset of up to three
 * hours an expression that is not wild takes note of two things: the local
 * times that the change skipped (they fire once, at its first instant), and
 * those that the wall showed before (they do not fire again).
 */
#define SHIFT_MAX_S (3 * 3600)
#define FAR_S       (3 * CIVIL_DAY_S) /* more than two offsets can differ */
#define FIRST_S     (CIVIL_YEAR_0_S - FAR_S)
#define LAST_S      (CIVIL_YEAR_9999_S + FAR_S)
#define SHORT_SPANS 8 /* in a row, within three hours: no zone has so many */

/* Local times, from low to below high. */
struct part {
	int64_t low, high;
};

/*
 * What a change at a span's begin means: `fresh` is the first local time that
 * the wall had not shown before, `skipped` are the times that it left out.
 */
struct seam {
	int64_t fresh;
	struct part skipped;
};

static struct seam
seam_of(const struct zone *zone, const struct zone_span *span, int depth)
{
	int64_t base = span->begin_s + span->offset_s, shown, shift;
	struct seam seam = { base, { base, base } };
	struct zone_span prev;

	if (span->begin_s < FIRST_S)
		return seam;
	prev = zone_span_at(zone, span->begin_s - 1);
	shown = span->begin_s + prev.offset_s;
	shift = (int64_t)span->offset_s - prev.offset_s;
	if (prev.begin_s > span->begin_s - SHIFT_MAX_S && depth > 0) {
		struct seam before = seam_of(zone, &prev, depth - 1);

		if (before.fresh > shown)
			shown = before.fresh;
	}
	if (shift > 0 && shift <= SHIFT_MAX_S && shown < base)
		seam.skipped.low = shown;
	if (shown > base && shown - base <= SHIFT_MAX_S)
		seam.fresh = shown;
	return seam;
}

/* The seam matters only to what fires within its three hours. */
static struct seam
seam_near(const struct cron *cron, const struct zone *zone,
    const struct zone_span *span, int64_t local)
{
	int64_t base;

	if (span->begin_s < FIRST_S)
		return (struct seam){ INT64_MIN, { 0, 0 } };
	base = span->begin_s + span->offset_s;
	if (cron->wild || local > base + SHIFT_MAX_S)
		return (struct seam){ base, { base, base } };
	return seam_of(zone, span, SHORT_SPANS);
}

static bool
has_skipped(const struct cron *cron, const struct seam *seam)
{
	return seam->skipped.low < seam->skipped.high &&
	    cron_next(cron, seam->skipped.low - 1) < seam->skipped.high;
}

/* The first second >= s at which one expression fires, or WHEN_NEVER. */
static int64_t
next_s(const struct cron *cron, const struct zone *zone, int64_t s)
{
	struct zone_span span;
	struct seam seam;
	int64_t from, found;

	for (;;) {
		span = zone_span_at(zone, s);
		from = s + span.offset_s;
		seam = seam_near(cron, zone, &span, from);
		if (s == span.begin_s && has_skipped(cron, &seam))
			return s;
		if (from < seam.fresh)
			from = seam.fresh;
		found = cron_next(cron, from - 1);
		if (found == INT64_MAX || span.end_s > LAST_S ||
		    found < span.end_s + span.offset_s)
			return found == INT64_MAX ? WHEN_NEVER
						  : found - span.offset_s;
		/* nothing fires until far away: nor do the spans between */
		if (span.end_s - s > FAR_S &&
		    found - span.offset_s - span.end_s > FAR_S)
			s = found - span.offset_s - FAR_S;
		else
			s = span.end_s;
	}
}

/* The last second <= s at which one expression fires, or WHEN_BEFORE. */
static int64_t
prev_s(const struct cron *cron, const struct zone *zone, int64_t s)
{
	struct zone_span span;
	struct seam seam;
	int64_t found;

	for (;;) {
		span = zone_span_at(zone, s);
		found = cron_prev(cron, s + span.offset_s);
		seam = seam_near(cron, zone, &span, found);
		if (found != INT64_MIN && found >= seam.fresh)
			return found - span.offset_s;
		if (span.begin_s < FIRST_S)
			return WHEN_BEFORE;
		seam = seam_near(cron, zone, &span, INT64_MIN);
		if (has_skipped(cron, &seam))
			return span.begin_s;
		if (found == INT64_MIN)
			s = span.begin_s - 1;
		else if (s - span.begin_s > FAR_S &&
		    span.begin_s + span.offset_s - found > FAR_S)
			s = found - span.offset_s + FAR_S;
		else
			s = span.begin_s - 1;
	}
}

void
when_release(struct when *when)
{
	if (when == NULL)
		return;
	free(when->cron);
	*when = (struct when){ 0 };
}

/* Whole seconds since the epoch, within what a calendar can say. */
static int64_t
seconds_of(int64_t ms)
{
	int64_t s = civil_floor_div(ms, 1000);

	if (s < CIVIL_YEAR_0_S)
		return CIVIL_YEAR_0_S - 1;
	return s < CIVIL_YEAR_9999_S ? s : CIVIL_YEAR_9999_S;
}

static int64_t
cron_list_next(const struct when *when, int64_t after_ms)
{
	int64_t s = seconds_of(after_ms) + 1, best = WHEN_NEVER, found;
	size_t i;

	for (i = 0; i < when->n; i++) {
		found = next_s(&when->cron[i], when->zone, s);
		if (found < best)
			best = found;
	}
	/* in zones west of Greenwich the year 9999 ends later */
	return best <= CIVIL_YEAR_9999_S && s <= CIVIL_YEAR_9999_S ? best * 1000
								   : WHEN_NEVER;
}

static int64_t
cron_list_prev(const struct when *when, int64_t until_ms)
{
	int64_t s = seconds_of(until_ms), best = WHEN_BEFORE, found;
	size_t i;

	for (i = 0; i < when->n; i++) {
		found = prev_s(&when->cron[i], when->zone, s);
		if (found > best)
			best = found;
	}
	return best >= CIVIL_YEAR_0_S && s >= CIVIL_YEAR_0_S ? best * 1000
							     : WHEN_BEFORE;
}

/* How many instants of the grid lie at or before ms, from the anchor on. */
static int64_t
grid_index(const struct when *when, int64_t ms)
{
	int64_t first = CIVIL_YEAR_0_S * 1000 - 1;
	int64_t last = CIVIL_YEAR_9999_S * 1000;

	if (ms < first)
		ms = first;
	if (ms > last)
		ms = last;
	return civil_floor_div(ms - when->anchor_ms, when->interval_ms);
}

static int64_t
grid_at(const struct when *when, int64_t index)
{
	return when->anchor_ms + index * when->interval_ms;
}

int64_t
when_next(const struct when *when, int64_t after_ms)
{
	int64_t next;

	switch (when->kind) {
	case WHEN_CRON:
		return cron_list_next(when, after_ms);
	case WHEN_INTERVAL:
		next = grid_at(when, grid_index(when, after_ms) + 1);
		return next <= CIVIL_YEAR_9999_S * 1000 && next > after_ms
		    ? next
		    : WHEN_NEVER;
	case WHEN_REBOOT:
		break;
	}
	return WHEN_NEVER;
}

int64_t
when_prev(const struct when *when, int64_t until_ms)
{
	int64_t prev;

	switch (when->kind) {
	case WHEN_CRON:
		return cron_list_prev(when, until_ms);
	case WHEN_INTERVAL:
		prev = grid_at(when, grid_index(when, until_ms));
		return prev >= CIVIL_YEAR_0_S * 1000 && prev <= until_ms
		    ? prev
		    : WHEN_BEFORE;
	case WHEN_REBOOT:
		break;
	}
	return WHEN_BEFORE;
}

/*
 * Counting goes span by span. A single expression is counted in closed form.
 * Of several, an instant that two of them name is one: their times of day are
 * laid over one another, once for each set of expressions that share a day.
 */
struct tally {
	const struct when *when;
	struct part *part;  /* of each expression, within the span at hand */
	bool *active;       /* does it fire on the day at hand? */
	bool *known_active; /* of the day that known_n stands for */
	int64_t known_n;    /* -1 where there is none yet */
};

/* The seconds of each minute of a day that are named, by minute. */
#define DAY_MINUTES 1440

static uint64_t
minute_mask(const struct part *part, int64_t minute_s)
{
	int64_t low = part->low - minute_s, high = part->high - minute_s;

	if (low >= 60 || high <= 0)
		return 0;
	low = low < 0 ? 0 : low;
	high = high > 60 ? 60 : high;
	return ((UINT64_C(1) << high) - 1) & ~((UINT64_C(1) << low) - 1);
}

static void
lay_over(const struct cron *cron, const struct part *part, int64_t day_s,
    uint64_t *minutes)
{
	int i;

	for (i = 0; i < DAY_MINUTES; i++)
		if (cron->hours >> i / 60 & 1 && cron->minutes >> i % 60 & 1)
			minutes[i] |= cron->seconds &
			    minute_mask(part, day_s + i * 60);
}

static bool
is_whole(const struct part *part, int64_t day_s)
{
	return part->low <= day_s && part->high >= day_s + CIVIL_DAY_S;
}

/* How many seconds of a local day fire, all expressions taken together. */
static int64_t
tally_day(struct tally *tally, int64_t day)
{
	uint64_t minutes[DAY_MINUTES] = { 0 };
	int64_t day_s = day * CIVIL_DAY_S, n = 0;
	size_t len = tally->when->n, i;
	bool whole = true;

	for (i = 0; i < len; i++) {
		tally->active[i] = cron_next(&tally->when->cron[i], day_s - 1) <
		    day_s + CIVIL_DAY_S;
		whole = whole && is_whole(&tally->part[i], day_s);
	}
	if (whole && tally->known_n >= 0 &&
	    memcmp(tally->active, tally->known_active, len) == 0)
		return tally->known_n;
	for (i = 0; i < len; i++)
		if (tally->active[i])
			lay_over(&tally->when->cron[i], &tally->part[i], day_s,
			    minutes);
	for (i = 0; i < DAY_MINUTES; i++)
		n += __builtin_popcountll(minutes[i]);
	if (whole) {
		memcpy(tally->known_active, tally->active, len);
		tally->known_n = n;
	}
	return n;
}

static int64_t
tally_span(struct tally *tally)
{
	int64_t low = INT64_MAX, high = INT64_MIN, day, n = 0;
	size_t i;

	if (tally->when->n == 1)
		return cron_count(tally->when->cron, tally->part->low - 1,
		    tally->part->high - 1);
	for (i = 0; i < tally->when->n; i++) {
		if (tally->part[i].low < low)
			low = tally->part[i].low;
		if (tally->part[i].high > high)
			high = tally->part[i].high;
	}
	for (day = civil_floor_div(low, CIVIL_DAY_S); day * CIVIL_DAY_S < high;
	     day++)
		n += tally_day(tally, day);
	return n;
}

/*
 * Count within one span, from `from` to below `until`; what a gap skipped
 * fires at the span's first second, unless something does so anyway.
 */
static int64_t
count_span(struct tally *tally, const struct zone_span *span, int64_t from,
    int64_t until)
{
	const struct when *when = tally->when;
	int64_t local = from + span->offset_s;
	bool skipped = false, regular = false;
	size_t i;

	for (i = 0; i < when->n; i++) {
		const struct cron *cron = &when->cron[i];
		struct seam seam = seam_near(cron, when->zone, span, local);
		bool first = from == span->begin_s;

		tally->part[i].low = local > seam.fresh ? local : seam.fresh;
		tally->part[i].high = until + span->offset_s;
		skipped = skipped || (first && has_skipped(cron, &seam));
		regular = regular ||
		    (first && local >= seam.fresh && cron_matches(cron, local));
	}
	return tally_span(tally) + (skipped && !regular);
}

static int64_t
cron_list_count(const struct when *when, int64_t after_s, int64_t until_s)
{
	struct tally tally = { when, mem_zalloc(when->n, sizeof *tally.part),
		mem_zalloc(when->n, 1), mem_zalloc(when->n, 1), -1 };
	int64_t from = after_s + 1, n = 0;

	while (from <= until_s) {
		struct zone_span span = zone_span_at(when->zone, from);
		int64_t end = span.end_s <= until_s ? span.end_s : until_s + 1;

		n += count_span(&tally, &span, from, end);
		from = end;
	}
	free(tally.part);
	free(tally.active);
	free(tally.known_active);
	return n;
}

int64_t
when_count(const struct when *when, int64_t after_ms, int64_t until_ms)
{
	if (after_ms >= until_ms)
		return 0;
	switch (when->kind) {
	case WHEN_CRON:
		return cron_list_count(
		    when, seconds_of(after_ms), seconds_of(until_ms));
	case WHEN_INTERVAL:
		return grid_index(when, until_ms) - grid_index(when, after_ms);
	case WHEN_REBOOT:
		break;
	}
	return 0;
}

static int
compare_gaps(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

int64_t
when_gap_ms(const struct when *when, int64_t at_ms)
{
	int64_t gaps[7], last = when_next(when, at_ms), next;
	size_t n = 0;

	while (n < ARRAY_LEN(gaps) && last != WHEN_NEVER &&
	    (next = when_next(when, last)) != WHEN_NEVER) {
		gaps[n++] = next - last;
		last = next;
	}
	if (n == 0)
		return WHEN_NEVER;
	qsort(gaps, n, sizeof *gaps, compare_gaps);
	return gaps[n / 2];
}

static void
describe_grid(const struct when *when, struct str *out)
{
	char text[DURATION_TEXT_SIZE], stamp[STAMP_TEXT_SIZE];

	str_addf(out, "every %s", duration_format(when->interval_ms, text));
	if (when->anchor_ms != 0)
		str_addf(out, " on the grid from %s",
		    stamp_human(when->anchor_ms, when->zone, stamp));
}

void
when_describe(const struct when *when, struct str *out)
{
	size_t i;

	switch (when->kind) {
	case WHEN_CRON:
		for (i = 0; i < when->n; i++) {
			if (i > 0)
				str_add(out, "; and ");
			cron_describe(&when->cron[i], out);
		}
		str_addf(out, ", %s", zone_name(when->zone));
		break;
	case WHEN_INTERVAL:
		describe_grid(when, out);
		break;
	case WHEN_REBOOT:
		str_add(out, "once after each boot");
		break;
	}
}
