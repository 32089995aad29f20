#include <stdlib.h>
#include <string.h>

#include "cmd/future.h"
#include "cmd/why.h"
#include "lib/base/str.h"
#include "lib/time/duration.h"

/*
 * The part of `why` that history tells. An instant may have several records: a
 * run that was lost and the one that did it again; a skip that stands for many
 * instants, of which some were caught up with. What ran comes before what did
 * not, the newest first.
 */

/* How well a record answers for the instant. */
enum match { MATCH_NONE, MATCH_BY_HAND, MATCH_RANGE, MATCH_SKIP, MATCH_RUN };

struct search {
	struct why *why;
	enum match best;
	struct str others; /* ids of runs of the same instant, with statuses */
};

/*
 * One of those that a record of several skips stands for? It has the first and
 * their number; by the schedule of now that tells the last.
 */
static bool
is_within(const struct why *why, const struct record *record)
{
	int64_t first_ms = record->scheduled_ms;

	if (record->status != RECORD_SKIPPED || record->count < 2 ||
	    first_ms == CLOCK_NONE || first_ms > why->at_ms ||
	    record->completed_ms < why->at_ms)
		return false;
	if (why->job == NULL)
		return true;
	return why->is_due &&
	    (record->reason != RECORD_MISSED ||
		when_count(&why->job->when, first_ms - 1, why->at_ms) <=
		    record->count);
}

static enum match
match_of(const struct why *why, const struct record *record)
{
	if (record->scheduled_ms == why->at_ms)
		return record->status == RECORD_SKIPPED ? MATCH_SKIP
							: MATCH_RUN;
	if (is_within(why, record))
		return MATCH_RANGE;
	if (record->scheduled_ms == CLOCK_NONE &&
	    record->started_ms != CLOCK_NONE &&
	    record->started_ms / 1000 == why->at_ms / 1000)
		return MATCH_BY_HAND;
	return MATCH_NONE;
}

static void
add_other(struct search *search, const struct record *record)
{
	char id[ULID_LEN + 1];

	ulid_format(&record->id, id);
	str_addf(&search->others, "%srun %s %s",
	    search->others.len > 0 ? ", " : "", id,
	    record_status_name(record->status));
}

static bool
on_record(void *data, const struct record *record)
{
	struct search *search = data;
	struct why *why = search->why;
	enum match match = match_of(why, record);

	if (match == MATCH_NONE)
		return true;
	if (match <= search->best) {
		if (match == MATCH_RUN)
			add_other(search, record);
		return true;
	}
	search->best = match;
	record_release(&why->record);
	record_copy(&why->record, record);
	why->has_record = true;
	return true;
}

bool
why_record_find(struct why *why, struct err *err)
{
	struct history_filter filter = {
		.job = why->name,
		.since_ms = why->at_ms,
		/* who is told a second may mean all of it */
		.until_ms = why->at_ms + (why->at_ms % 1000 == 0 ? 999 : 0),
	};
	struct search search = { .why = why };
	bool ok;

	ok = why->cli->store == NULL ||
	    history_list(why->cli->store, &filter, on_record, &search, err);
	if (ok && search.others.len > 0)
		why_say(
		    why, "of the same instant: %s", str_text(&search.others));
	str_release(&search.others);
	return ok;
}

/* What a record says */

static const char *
why_skip_text(enum record_reason reason)
{
	switch (reason) {
	case RECORD_OVERLAP:
		return "an earlier run of the job was in its way";
	case RECORD_LATE:
		return "it could not begin in time";
	case RECORD_MISSED:
		return "no scheduler was there when it was due";
	case RECORD_PAUSED:
		return "the job was paused";
	case RECORD_LOCK:
		return "the lock that it needs was held";
	case RECORD_STORE:
		return "the store did not answer";
	case RECORD_SHUTDOWN:
		return "its scheduler was stopped before it began";
	case RECORD_LOST_LEASE:
		return "its scheduler lost its claim before it began";
	case RECORD_SUPERSEDED:
		return "a later instant took its place";
	default:
		return NULL;
	}
}

/* The key of the jobfile that says so; as it is now, for nobody kept it. */
static void
why_say_policy(struct why *why)
{
	const struct job *job = why->job;
	char span[DURATION_TEXT_SIZE];

	if (job == NULL)
		return;
	switch (why->record.reason) {
	case RECORD_OVERLAP:
	case RECORD_SUPERSEDED:
		why_say(why, "overlap: %s", job_overlap_name(job->overlap));
		break;
	case RECORD_MISSED:
		why_say(why, "catch_up: %s", job_catch_up_name(job->catch_up));
		break;
	case RECORD_LATE:
		if (job->start_deadline_ms != JOB_NO_LIMIT)
			why_say(why, "start_deadline: %s",
			    duration_format(job->start_deadline_ms, span));
		break;
	case RECORD_LOCK:
		if (job->lock != NULL)
			why_say(why, "lock: %s", job->lock);
		break;
	default:
		break;
	}
}

/* "run 01J... is in the way": what became of that one. */
static bool
why_say_blocker(struct why *why, struct err *err)
{
	const char *text = why->record.error, *word = "run ";
	char id[ULID_LEN + 1], began[STAMP_TEXT_SIZE], ended[STAMP_TEXT_SIZE];
	struct record record;
	struct ulid ulid;
	bool found = false;

	if (text == NULL || !str_starts(text, word) ||
	    strlen(text) < strlen(word) + ULID_LEN)
		return true;
	memcpy(id, text + strlen(word), ULID_LEN);
	id[ULID_LEN] = '\0';
	if (!ulid_parse(id, &ulid))
		return true;
	if (!history_find(why->cli->store, id, false, &record, &found, err))
		return false;
	if (!found) {
		why_say(why, "history does not have run %s any more", id);
		return true;
	}
	why_say(why, "run %s began at %s and %s%s: %s", id,
	    why_time(why, record.started_ms, began),
	    record.completed_ms == CLOCK_NONE ? "has not ended" : "ended at ",
	    record.completed_ms == CLOCK_NONE
		? ""
		: why_time(why, record.completed_ms, ended),
	    record_status_name(record.status));
	record_release(&record);
	return true;
}

static bool
why_say_skip(struct why *why, struct err *err)
{
	const struct record *record = &why->record;
	const char *text = why_skip_text(record->reason);
	char first[STAMP_TEXT_SIZE], at[STAMP_TEXT_SIZE];

	if (text != NULL)
		why_say(why, "%s%s%s", text, record->error != NULL ? ": " : "",
		    record->error != NULL ? record->error : "");
	else if (record->error != NULL)
		why_say(why, "%s", record->error);
	if (record->reason == RECORD_OVERLAP && !why_say_blocker(why, err))
		return false;
	why_say_policy(why);
	if (record->count > 1)
		why_say(why,
		    "one record stands for %lld instants, the first at %s",
		    (long long)record->count,
		    why_time(why, record->scheduled_ms, first));
	why_say(why, "recorded at %s%s%s",
	    why_time(why, record->completed_ms, at),
	    record->worker != NULL ? " by " : "",
	    record->worker != NULL ? record->worker : "");
	return true;
}

static void
why_say_who(struct why *why)
{
	const struct record *record = &why->record;
	struct str text = { 0 };
	char id[ULID_LEN + 1];

	ulid_format(&record->id, id);
	str_addf(&text, "run %s: %s", id, record_status_name(record->status));
	if (record->error != NULL)
		str_addf(&text, ", %s", record->error);
	if (record->worker != NULL)
		str_addf(&text, "; by %s", record->worker);
	if (record->fence > 0)
		str_addf(
		    &text, ", fence %llu", (unsigned long long)record->fence);
	why_add(why, str_take(&text));
}

static void
why_say_when(struct why *why)
{
	const struct record *record = &why->record;
	int64_t late_ms = 0;
	int64_t took_ms = past_duration_ms(record, why->now_ms);
	char time[STAMP_TEXT_SIZE], span[DURATION_TEXT_SIZE];
	struct str text = { 0 };

	if (record->started_ms == CLOCK_NONE) {
		why_say(why, "it never began");
		return;
	}
	if (record->scheduled_ms != CLOCK_NONE)
		late_ms = record->started_ms - record->scheduled_ms;
	str_addf(
	    &text, "it began at %s", why_time(why, record->started_ms, time));
	if (late_ms > 0)
		str_addf(&text, ", %s after it was due",
		    duration_human(late_ms, span));
	if (record->attempt > 1)
		str_addf(&text, "; attempt %d", record->attempt);
	if (took_ms >= 0)
		str_addf(&text, "%s%s %s", record->attempt > 1 ? " " : "; ",
		    record->status == RECORD_RUNNING ? "has been running for"
						     : "took",
		    duration_human(took_ms, span));
	why_add(why, str_take(&text));
	if (record->status == RECORD_PENDING)
		why_say(why, "its next attempt is due at %s",
		    why_time(why, record->retry_at_ms, time));
}

/* What else had a part in it. */
static void
why_say_part(struct why *why)
{
	const struct job *job = why->job;
	char span[DURATION_TEXT_SIZE];

	switch (why->record.trigger) {
	case RECORD_CATCH_UP:
		why_say(why,
		    "no scheduler was there when it was due: it was "
		    "caught up with later%s%s",
		    job != NULL ? "; catch_up: " : "",
		    job != NULL ? job_catch_up_name(job->catch_up) : "");
		break;
	case RECORD_MANUAL:
		why_say(why, "somebody ran it by hand");
		break;
	case RECORD_IMMEDIATE:
		why_say(why, "it ran because its scheduler began");
		break;
	default:
		if (job != NULL && job_delay_ms(job) > 0)
			why_say(why, "jitter adds %s",
			    duration_human(job_delay_ms(job), span));
	}
	if (why->record.reason == RECORD_LATE)
		why_say(why,
		    "it waited for a slot of the pool, or for room "
		    "in the queue");
}

/* The work that a run of a job with a handler put in. */

/* The value of "work=ID", a line of the metadata. */
static bool
why_find_work(struct why *why)
{
	const char *p = why->record.metadata;
	char id[ULID_LEN + 1];

	while (p != NULL && !str_starts(p, "work=")) {
		p = strchr(p, '\n');
		p = p != NULL ? p + 1 : NULL;
	}
	if (p == NULL || strlen(p) < strlen("work=") + ULID_LEN)
		return false;
	memcpy(id, p + strlen("work="), ULID_LEN);
	id[ULID_LEN] = '\0';
	why->has_work = ulid_parse(id, &why->work);
	return why->has_work;
}

static bool
why_read_work(struct why *why, const char *id, struct err *err)
{
	struct shelf shelf = { 0 };
	struct future future = { 0 };
	bool found = false, ok;

	ok = shelf_open(&shelf, why->cli, SHELF_READ, err) &&
	    future_find(&shelf, id, &future, &found, err);
	if (found)
		why->work_state = mem_strdup(future_state(&future));
	if (found)
		future_release(&future);
	shelf_close(&shelf);
	return ok;
}

/* A queue that cannot be read takes nothing from what history said. */
static void
why_say_work(struct why *why)
{
	const char *handler = why->job != NULL ? why->job->handler : NULL;
	char id[ULID_LEN + 1];
	struct err err = { 0 };

	if (!why_find_work(why))
		return;
	ulid_format(&why->work, id);
	if (!why_read_work(why, id, &err))
		why_say(why, "it put in work %s; the queue cannot be read: %s",
		    id, err.msg);
	else
		why_say(why, "it put in work %s%s%s, which is %s", id,
		    handler != NULL ? " for " : "",
		    handler != NULL ? handler : "",
		    why->work_state != NULL ? why->work_state
					    : "in the queue no more");
}

static enum why_decision
why_of_status(enum record_status status)
{
	switch (status) {
	case RECORD_PENDING:
		return WHY_WAITING;
	case RECORD_RUNNING:
		return WHY_RUNNING;
	case RECORD_COMPLETED:
	case RECORD_FAILED:
		return WHY_RAN;
	case RECORD_SKIPPED:
		return WHY_SKIPPED;
	case RECORD_CANCELLED:
		return WHY_CANCELLED;
	case RECORD_LOST:
		return WHY_LOST;
	case RECORD_STATUSES:
		break;
	}
	return WHY_UNKNOWN;
}

bool
why_record_say(struct why *why, struct err *err)
{
	const struct record *record = &why->record;

	why_decide(why, why_of_status(record->status),
	    record_reason_name(record->reason));
	if (why->job != NULL && !why->is_due &&
	    record->scheduled_ms != CLOCK_NONE)
		why_say(why, "the schedule of now does not have this instant");
	if (record->status == RECORD_SKIPPED)
		return why_say_skip(why, err);
	why_say_who(why);
	why_say_when(why);
	why_say_part(why);
	why_say_work(why);
	return true;
}

static bool
on_before(void *data, const struct record *record)
{
	struct why *why = data;
	char id[ULID_LEN + 1], due[STAMP_TEXT_SIZE], began[STAMP_TEXT_SIZE];

	if (record->scheduled_ms != why->prev_ms ||
	    record->started_ms == CLOCK_NONE ||
	    record->started_ms / 1000 > why->at_ms / 1000 ||
	    (record->completed_ms != CLOCK_NONE &&
		record->completed_ms < why->at_ms))
		return true;
	ulid_format(&record->id, id);
	why_say(why, "run %s, due at %s, began at %s and was under way", id,
	    why_time(why, record->scheduled_ms, due),
	    why_time(why, record->started_ms, began));
	return true;
}

bool
why_record_say_before(struct why *why, struct err *err)
{
	const struct history_filter filter = {
		.job = why->name,
		.since_ms = why->prev_ms,
		.until_ms = why->prev_ms,
	};

	return why->prev_ms == CLOCK_NONE || why->cli->store == NULL ||
	    history_list(why->cli->store, &filter, on_before, why, err);
}
