#include <stdlib.h>
#include <string.h>

#include "cmd/why.h"
#include "lib/base/str.h"
#include "lib/time/civil.h"
#include "lib/time/cron_why.h"
#include "lib/time/duration.h"

/* The part of `why` that needs the jobfile alone. */

void
why_schedule_look(struct why *why)
{
	const struct when *when = &why->job->when;
	int64_t at_ms = when_prev(when, why->at_ms);

	/* "now" has milliseconds, which a cron expression knows nothing of */
	why->is_due = when->kind == WHEN_CRON
	    ? civil_floor_div(why->at_ms, 1000) * 1000 == at_ms
	    : why->at_ms == at_ms;
	if (why->is_due)
		why->at_ms = at_ms;
	at_ms = when_prev(when, why->at_ms - 1);
	why->prev_ms = at_ms == WHEN_BEFORE ? CLOCK_NONE : at_ms;
	at_ms = when_next(when, why->at_ms);
	why->next_ms = at_ms == WHEN_NEVER ? CLOCK_NONE : at_ms;
}

/* Cron */

/* The clocks were changed at just this instant. */
static void
why_say_change(struct why *why)
{
	int64_t at_s = why->at_ms / 1000;
	struct zone_span span = zone_span_at(why->zone, at_s), prev;
	struct civil from, to;

	if (span.begin_s != at_s)
		return;
	prev = zone_span_at(why->zone, at_s - 1);
	if (prev.offset_s == span.offset_s)
		return;
	from = civil_from_seconds(at_s + prev.offset_s);
	to = civil_from_seconds(at_s + span.offset_s);
	why_say(why,
	    "daylight saving: the clocks of %s go from %02d:%02d to "
	    "%02d:%02d at this instant",
	    zone_name(why->zone), from.hour, from.minute, to.hour, to.minute);
}

void
why_schedule_say_gap(struct why *why)
{
	const struct when *when = &why->job->when;
	int64_t local_s = why->at_ms / 1000 +
	    zone_offset(why->zone, why->at_ms / 1000);
	size_t i;

	for (i = 0; when->kind == WHEN_CRON && i < when->n; i++)
		if (cron_why(&when->cron[i], local_s) == 0)
			return;
	if (when->kind != WHEN_CRON)
		return;
	why_say_change(why);
	why_say(why,
	    "what was due in the time that was skipped is due now, "
	    "once");
}

/* It is named, and yet not due: the wall showed it before. */
static void
why_say_twice(struct why *why, int64_t local_s)
{
	struct civil c = civil_from_seconds(local_s);
	char time[STAMP_TEXT_SIZE];

	why_say(why,
	    "daylight saving: the clocks of %s show %02d:%02d:%02d "
	    "twice; a fixed time is due the first time, at %s",
	    zone_name(why->zone), c.hour, c.minute, c.second,
	    why_time(why, zone_utc_of(why->zone, local_s) * 1000, time));
}

/* "minute,hour", for scripts. */
static void
why_list_fields(unsigned missed, struct str *out)
{
	unsigned bit;
	char *p;

	for (bit = CRON_SECOND; bit <= CRON_WEEKDAY; bit <<= 1)
		if ((missed & bit) != 0)
			str_addf(out, "%s%s", out->len > 0 ? "," : "",
			    cron_why_name((enum cron_field)bit));
	for (p = out->s; p != NULL && *p != '\0'; p++)
		if (*p == ' ')
			*p = '_';
}

/* The fields of all expressions; of several each has its line. */
static void
why_say_cron(struct why *why)
{
	const struct when *when = &why->job->when;
	int64_t at_s = civil_floor_div(why->at_ms, 1000);
	int64_t local_s = at_s + zone_offset(why->zone, at_s);
	struct str fields = { 0 }, text = { 0 };
	unsigned all = 0, missed;
	bool is_twice = false;
	size_t i;

	for (i = 0; i < when->n; i++) {
		missed = cron_why(&when->cron[i], local_s);
		all |= missed;
		str_clear(&text);
		cron_why_describe(&when->cron[i], local_s, &text);
		if (missed == 0)
			why_say_twice(why, local_s);
		else
			why_say(why, "%s%s%s",
			    when->n > 1 ? why->job->cron[i] : "",
			    when->n > 1 ? ": " : "", str_text(&text));
		is_twice |= missed == 0;
	}
	why_list_fields(all, &fields);
	why_decide(
	    why, WHY_NOT_DUE, is_twice ? "daylight_saving" : str_text(&fields));
	why_say_change(why);
	str_release(&fields);
	str_release(&text);
}

static void
why_say_around(struct why *why)
{
	char prev[STAMP_TEXT_SIZE], next[STAMP_TEXT_SIZE];

	why_say(why, "it is due before it at %s, after it at %s",
	    why_time(why, why->prev_ms, prev),
	    why_time(why, why->next_ms, next));
}

void
why_schedule_say(struct why *why)
{
	char span[DURATION_TEXT_SIZE];
	struct str text = { 0 };

	when_describe(&why->job->when, &text);
	why_say(why, "schedule: %s", str_text(&text));
	str_release(&text);
	switch (why->job->when.kind) {
	case WHEN_CRON:
		why_say_cron(why);
		break;
	case WHEN_INTERVAL:
		why_decide(why, WHY_NOT_DUE, "interval");
		break;
	case WHEN_REBOOT:
		why_decide(why, WHY_NOT_DUE, "reboot");
		return;
	}
	why_say_around(why);
	if (job_delay_ms(why->job) > 0)
		why_say(why, "jitter: each begins %s after it is due",
		    duration_human(job_delay_ms(why->job), span));
	if (!why->job->enabled)
		why_say(why, "enabled: false, so that it is never due");
}

/* Ahead */

bool
why_schedule_is_ahead(const struct why *why)
{
	return why->at_ms + job_delay_ms(why->job) > why->now_ms;
}

void
why_schedule_say_ahead(struct why *why)
{
	int64_t delay_ms = job_delay_ms(why->job);
	int64_t left_ms = why->at_ms + delay_ms - why->now_ms;
	char span[DURATION_TEXT_SIZE], time[STAMP_TEXT_SIZE];
	char extra[DURATION_TEXT_SIZE];

	why_decide(why, WHY_AHEAD, why->at_ms <= why->now_ms ? "jitter" : NULL);
	if (delay_ms == 0)
		why_say(
		    why, "it will be due in %s", duration_human(left_ms, span));
	else
		why_say(why, "it will begin in %s, at %s: jitter adds %s",
		    duration_human(left_ms, span),
		    why_time(why, why->at_ms + delay_ms, time),
		    duration_human(delay_ms, extra));
}
