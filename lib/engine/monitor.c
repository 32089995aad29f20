#include "lib/engine/monitor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/time/duration.h"

#define STUCK_FACTOR 3
/*
 * A run that seems to have begun so long before its instant did so by a clock
 * that is behind; half the gap where that is less.
 */
#define CLOCK_SLACK_MS INT64_C(60000)

const char *
monitor_state_name(enum monitor_state state)
{
	static const char *const name[MONITOR_STATES] = {
		[MONITOR_OK] = "ok",
		[MONITOR_NEW] = "new",
		[MONITOR_DISABLED] = "disabled",
		[MONITOR_PAUSED] = "paused",
		[MONITOR_FAILING] = "failing",
		[MONITOR_LOST] = "lost",
		[MONITOR_OVERDUE] = "overdue",
		[MONITOR_STUCK] = "stuck",
	};

	return name[state];
}

enum monitor_column {
	MONITOR_ROW_JOB,
	MONITOR_ROW_HEALTHY,
	MONITOR_ROW_STATE,
	MONITOR_ROW_REASON,
	MONITOR_ROW_SINCE,
};

static struct field_value
monitor_get(const void *data, const struct field *field)
{
	const struct monitor_row *row = data;

	switch ((enum monitor_column)field->id) {
	case MONITOR_ROW_JOB:
		return field_text(row->job);
	case MONITOR_ROW_HEALTHY:
		return field_bool(row->healthy);
	case MONITOR_ROW_STATE:
		return field_text(row->state);
	case MONITOR_ROW_REASON:
		return field_text(row->reason);
	case MONITOR_ROW_SINCE:
		return field_time(row->since_ms, row->zone);
	}
	return field_null();
}

const struct field monitor_field[MONITOR_FIELDS] = {
	{ "job", monitor_get, .id = MONITOR_ROW_JOB },
	{ "healthy", monitor_get, .id = MONITOR_ROW_HEALTHY },
	{ "state", monitor_get, .id = MONITOR_ROW_STATE },
	{ "reason", monitor_get, .id = MONITOR_ROW_REASON },
	{ "since", monitor_get, .id = MONITOR_ROW_SINCE },
};

bool
monitor_is_healthy(enum monitor_state state)
{
	switch (state) {
	case MONITOR_OK:
	case MONITOR_NEW:
	case MONITOR_DISABLED:
	case MONITOR_PAUSED:
		return true;
	case MONITOR_FAILING:
	case MONITOR_LOST:
	case MONITOR_OVERDUE:
	case MONITOR_STUCK:
	case MONITOR_STATES:
		break;
	}
	return false;
}

int64_t
monitor_percentile(const struct history_sample *sample, size_t p)
{
	return sample->n == 0
	    ? -1
	    : sample->duration_ms[(sample->n * p + 99) / 100 - 1];
}

int64_t
monitor_attempt_ms(const struct record *record)
{
	const char *last = record->attempts, *p;
	long long began, duration;

	for (p = last; p != NULL && *p != '\0'; p++)
		if (p[0] == '\n' && p[1] != '\0')
			last = p + 1;
	if (last == NULL ||
	    sscanf(last, "%lld\t%lld", &began, &duration) != 2 || duration < 0)
		return record->started_ms;
	/* it waited for a while after that, which nobody has written down */
	return began + duration;
}

/* Sums of instants that a file may have any value of. */
static int64_t
monitor_add(int64_t ms, int64_t more)
{
	return ms > CLOCK_NEVER - more ? CLOCK_NEVER : ms + more;
}

static int64_t
monitor_latest(int64_t a, int64_t b)
{
	return a > b ? a : b; /* CLOCK_NONE is the least of all */
}

static int64_t
monitor_slack_ms(const struct when *when, int64_t at_ms)
{
	int64_t half = when_gap_ms(when, at_ms) / 2;

	return half < CLOCK_SLACK_MS ? half : CLOCK_SLACK_MS;
}

/* What the next two instants are counted from. */
static int64_t
monitor_begun_ms(const struct monitor_facts *facts, int64_t delay_ms)
{
	const struct history_job *state = facts->state;
	const struct when *when = &facts->job->when;
	int64_t begun = facts->live_started_ms;

	if (state != NULL && state->has_last)
		begun = monitor_latest(begun, state->last_started_ms);
	if (begun == CLOCK_NONE)
		return facts->first_ms;
	begun += monitor_slack_ms(when, begun) - delay_ms;
	if (facts->live_started_ms != CLOCK_NONE && state != NULL)
		begun = monitor_latest(begun, state->watermark_ms);
	return begun;
}

int64_t
monitor_deadline_ms(const struct monitor_facts *facts)
{
	const struct job *job = facts->job;
	int64_t from, delay, second;

	if (job == NULL || !job->enabled || facts->is_paused)
		return CLOCK_NEVER;
	if (job->expect_ms != JOB_NO_LIMIT) {
		from = facts->state != NULL ? facts->state->last_success_ms
					    : CLOCK_NONE;
		if (from == CLOCK_NONE)
			from = facts->first_ms;
		return from == CLOCK_NONE ? CLOCK_NEVER
					  : monitor_add(from, job->expect_ms);
	}
	if (job->kind == JOB_HANDLER)
		return CLOCK_NEVER;
	delay = job_delay_ms(job);
	from = monitor_begun_ms(facts, delay);
	if (from == CLOCK_NONE)
		return CLOCK_NEVER;
	second = when_next(&job->when, from);
	if (second != WHEN_NEVER)
		second = when_next(&job->when, second);
	return second == WHEN_NEVER ? CLOCK_NEVER : monitor_add(second, delay);
}

static bool
monitor_has_schedule(const struct job *job)
{
	return job->kind != JOB_HANDLER && job->when.kind != WHEN_REBOOT;
}

int64_t
monitor_grace_ms(const struct job *job, int64_t at_ms)
{
	if (job->expect_ms != JOB_NO_LIMIT || !monitor_has_schedule(job))
		return 0;
	return monitor_slack_ms(&job->when, at_ms);
}

int64_t
monitor_threshold_ms(const struct job *job, int64_t now_ms)
{
	int64_t delay, at, slack = monitor_grace_ms(job, now_ms);

	if (!job->enabled)
		return CLOCK_NONE;
	if (job->expect_ms != JOB_NO_LIMIT)
		return now_ms - job->expect_ms;
	if (!monitor_has_schedule(job))
		return CLOCK_NONE;
	delay = job_delay_ms(job);
	at = when_prev(&job->when, now_ms - slack - delay);
	if (at != WHEN_BEFORE)
		at = when_prev(&job->when, at - 1);
	return at == WHEN_BEFORE ? CLOCK_NONE : at + delay - slack;
}

/* The last status that says something; RECORD_STATUSES where none does. */
static enum record_status
monitor_last(const struct history_job *state)
{
	int i;

	for (i = state->strip_len; i-- > 0;)
		if (state->strip[i] == RECORD_COMPLETED ||
		    state->strip[i] == RECORD_FAILED ||
		    state->strip[i] == RECORD_LOST)
			return state->strip[i];
	if (state->last_failure_ms > state->last_success_ms)
		return RECORD_FAILED;
	return state->last_success_ms != CLOCK_NONE ? RECORD_COMPLETED
						    : RECORD_STATUSES;
}

bool
monitor_has_failed(const struct history_job *state)
{
	enum record_status last = monitor_last(state);

	return last == RECORD_FAILED || last == RECORD_LOST;
}

static void
monitor_say(struct monitor_verdict *verdict, enum monitor_state state,
    int64_t since_ms, struct str *reason)
{
	verdict->state = state;
	verdict->since_ms = since_ms;
	verdict->reason = reason->len > 0 ? str_take(reason) : NULL;
	str_release(reason);
}

static bool
monitor_is_stuck(
    const struct monitor_facts *facts, struct monitor_verdict *verdict)
{
	char took[DURATION_TEXT_SIZE], most[DURATION_TEXT_SIZE];
	char p95[DURATION_TEXT_SIZE];
	struct str reason = { 0 };
	int64_t took_ms;

	if (facts->attempt_ms == CLOCK_NONE || facts->p95_ms < 0 ||
	    facts->state == NULL || facts->attempt_ms > facts->now_ms)
		return false;
	took_ms = facts->now_ms - facts->attempt_ms;
	if (took_ms / STUCK_FACTOR < facts->p95_ms ||
	    took_ms <= STUCK_FACTOR * facts->p95_ms ||
	    took_ms <= facts->state->max_duration_ms)
		return false;
	str_addf(&reason, "running for %s, p95 is %s and the longest took %s",
	    duration_human(took_ms, took), duration_human(facts->p95_ms, p95),
	    duration_human(facts->state->max_duration_ms, most));
	monitor_say(verdict, MONITOR_STUCK, facts->attempt_ms, &reason);
	return true;
}

static bool
monitor_is_over_rate(
    const struct monitor_facts *facts, struct monitor_verdict *verdict)
{
	char window[DURATION_TEXT_SIZE];
	struct str reason = { 0 };

	if (facts->ran == 0 ||
	    (double)facts->bad <= facts->max_rate * (double)facts->ran)
		return false;
	str_addf(&reason, "%lld of %lld runs failed in %s",
	    (long long)facts->bad, (long long)facts->ran,
	    duration_format(facts->window_ms, window));
	if (facts->state != NULL && facts->state->last_error != NULL)
		str_addf(
		    &reason, ", the last by: %s", facts->state->last_error);
	monitor_say(verdict, MONITOR_FAILING, facts->failing_ms, &reason);
	return true;
}

static bool
monitor_is_failing(
    const struct monitor_facts *facts, struct monitor_verdict *verdict)
{
	const struct history_job *state = facts->state;
	struct str reason = { 0 };

	if (facts->max_rate >= 0)
		return monitor_is_over_rate(facts, verdict);
	if (state == NULL || !monitor_has_failed(state))
		return false;
	if (state->last_error != NULL)
		str_add(&reason, state->last_error);
	monitor_say(verdict,
	    monitor_last(state) == RECORD_LOST ? MONITOR_LOST : MONITOR_FAILING,
	    facts->failing_ms != CLOCK_NONE ? facts->failing_ms
					    : state->last_failure_ms,
	    &reason);
	return true;
}

char *
monitor_describe_overdue(const struct job *job, int64_t last_ms, int64_t now_ms)
{
	bool by_start = job->expect_ms == JOB_NO_LIMIT;
	char span[DURATION_TEXT_SIZE];
	struct str reason = { 0 };

	str_addf(&reason, "no %s", by_start ? "start" : "success");
	if (last_ms != CLOCK_NONE && last_ms < now_ms)
		str_addf(
		    &reason, " for %s", duration_human(now_ms - last_ms, span));
	if (by_start)
		str_addf(&reason, ", due every %s",
		    duration_human(when_gap_ms(&job->when, last_ms), span));
	else
		str_addf(&reason, ", expected within %s",
		    duration_format(job->expect_ms, span));
	return str_take(&reason);
}

static bool
monitor_is_overdue(
    const struct monitor_facts *facts, struct monitor_verdict *verdict)
{
	int64_t deadline = monitor_deadline_ms(facts), last;
	const struct history_job *state = facts->state;
	const struct job *job = facts->job;

	if (job == NULL || deadline >= facts->now_ms)
		return false;
	if (job->expect_ms != JOB_NO_LIMIT) {
		last = deadline - job->expect_ms;
	} else {
		last = facts->live_started_ms;
		if (state != NULL && state->has_last)
			last = monitor_latest(last, state->last_started_ms);
		if (last == CLOCK_NONE)
			last = facts->first_ms;
	}
	*verdict = (struct monitor_verdict){
		.state = MONITOR_OVERDUE,
		.since_ms = deadline,
		.reason = monitor_describe_overdue(job, last, facts->now_ms),
	};
	return true;
}

static bool
monitor_is_handler(const struct monitor_facts *facts)
{
	return facts->job != NULL && facts->job->kind == JOB_HANDLER;
}

static bool
monitor_is_new(const struct monitor_facts *facts)
{
	const struct history_job *state = facts->state;

	return state == NULL ||
	    (!state->has_last && state->skipped == 0 && state->running == 0 &&
		state->pending == 0 && facts->live_started_ms == CLOCK_NONE);
}

void
monitor_judge(
    const struct monitor_facts *facts, struct monitor_verdict *verdict)
{
	*verdict = (struct monitor_verdict){ .state = MONITOR_OK,
		.since_ms = CLOCK_NONE };
	if (facts->job != NULL && !facts->job->enabled) {
		verdict->state = MONITOR_DISABLED;
		verdict->reason = mem_strdup("enabled: false");
	} else if (facts->is_paused) {
		verdict->state = MONITOR_PAUSED;
	} else if (!monitor_is_stuck(facts, verdict) &&
	    !monitor_is_failing(facts, verdict) &&
	    !monitor_is_overdue(facts, verdict) && monitor_is_new(facts)) {
		verdict->state = MONITOR_NEW;
		verdict->reason = mem_strdup(monitor_is_handler(facts)
			? "no work has ended yet"
			: "never due yet");
	}
}

void
monitor_verdict_release(struct monitor_verdict *verdict)
{
	free(verdict->reason);
	*verdict = (struct monitor_verdict){ .since_ms = CLOCK_NONE };
}
