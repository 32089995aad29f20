#include <string.h>

#include "cmd/alive.h"
#include "cmd/why.h"
#include "lib/base/str.h"
#include "lib/time/duration.h"

/*
 * The part of `why` where an instant is past and no record speaks of it: what
 * the store knows of the time around it says which of the causes it can be.
 */
struct around {
	int64_t at_ms;
	int64_t before_ms, after_ms; /* the nearest instants; CLOCK_NONE */
	int64_t first_ms;            /* the oldest that is kept */
	int64_t kept;                /* what has ended, skips by number */
	struct ulid live;            /* a run under way */
	bool has_live;
};

static bool
on_record(void *data, const struct record *record)
{
	struct around *around = data;
	int64_t ms = record_instant_ms(record);

	if (record_status_is_final(record->status)) {
		around->kept += record->count > 1 ? record->count : 1;
	} else {
		around->live = record->id;
		around->has_live = true;
	}
	if (ms == CLOCK_NONE)
		return true;
	if (around->first_ms == CLOCK_NONE || ms < around->first_ms)
		around->first_ms = ms;
	if (ms < around->at_ms && ms > around->before_ms)
		around->before_ms = ms;
	if (ms > around->at_ms &&
	    (around->after_ms == CLOCK_NONE || ms < around->after_ms))
		around->after_ms = ms;
	return true;
}

static bool
look_around(const struct why *why, struct around *around, struct err *err)
{
	const struct history_filter filter = {
		.job = why->name,
		.since_ms = CLOCK_NONE,
		.until_ms = CLOCK_NEVER,
	};

	*around = (struct around){ .at_ms = why->at_ms,
		.before_ms = CLOCK_NONE,
		.after_ms = CLOCK_NONE,
		.first_ms = CLOCK_NONE };
	return why->cli->store == NULL ||
	    history_list(why->cli->store, &filter, on_record, around, err);
}

static void
say_around(struct why *why, const struct around *around)
{
	char before[STAMP_TEXT_SIZE], after[STAMP_TEXT_SIZE];

	if (around->before_ms != CLOCK_NONE)
		why_say(why, "the nearest record before it is of %s",
		    why_time(why, around->before_ms, before));
	if (around->after_ms != CLOCK_NONE)
		why_say(why, "the nearest record after it is of %s",
		    why_time(why, around->after_ms, after));
}

/*
 * Where instances share a store, the watermark may have passed what is about to
 * be claimed by another, or to be found missing at the next grant.
 */
static bool
is_shared(const struct why *why)
{
	const char *claims = why->cli->has_jobfile
	    ? jobfile_claims(&why->cli->jobfile)
	    : NULL;

	if (claims == NULL)
		claims = why->cli->place.store;
	return why->job->shared && str_starts(claims, "redis");
}

/* It is settled, so that something was written, or nobody asked. */
static void
say_settled(struct why *why, const struct around *around)
{
	const struct history_job *state = why->state;
	int64_t total = state->successful + state->failed + state->skipped +
	    state->cancelled + state->lost;
	char first[STAMP_TEXT_SIZE];

	if (around->before_ms != CLOCK_NONE) {
		why_decide(why, WHY_UNKNOWN, "unrecorded");
		why_say(why,
		    "the store has settled this time and has no "
		    "record of it: the schedule may have been another "
		    "then, the job not enabled, or the record pruned");
		if (is_shared(why))
			why_say(why,
			    "of a store that instances share it may also be "
			    "about to be claimed, or to be recorded as missed");
	} else if (total > around->kept) {
		why_decide(why, WHY_UNKNOWN, "pruned");
		why_say(why,
		    "it is older than what history keeps of the job: "
		    "%lld of %lld, the oldest of %s",
		    (long long)around->kept, (long long)total,
		    why_time(why, around->first_ms, first));
	} else {
		why_decide(why, WHY_UNKNOWN, "before_first");
		why_say(why,
		    "it is older than all that the store knows of the "
		    "job, which begins at %s",
		    why_time(why,
			around->first_ms != CLOCK_NONE ? around->first_ms
						       : state->watermark_ms,
			first));
	}
	say_around(why, around);
}

/* Nothing is settled yet */

static size_t
say_schedulers(struct why *why, const struct instance *list, size_t n)
{
	char since[STAMP_TEXT_SIZE];
	size_t i, alive = 0;

	for (i = 0; i < n; i++) {
		const struct instance *in = &list[i];

		if (in->kind != SESSION_SCHEDULER)
			continue;
		alive++;
		why_say(why, "scheduler %s lives%s%s%s",
		    in->worker != NULL ? in->worker : "(unknown)",
		    in->since_ms != CLOCK_NONE ? " since " : "",
		    in->since_ms != CLOCK_NONE
			? why_time(why, in->since_ms, since)
			: "",
		    in->since_ms > why->at_ms ? ", after this instant" : "");
	}
	return alive;
}

static bool
say_open(struct why *why, const struct around *around, struct err *err)
{
	const struct job *job = why->job;
	struct instance *list = NULL;
	char id[ULID_LEN + 1], time[STAMP_TEXT_SIZE];
	size_t n = 0;

	if (!alive_list(why->cli, &list, &n, err))
		return false;
	if (say_schedulers(why, list, n) > 0) {
		why_decide(why, WHY_OPEN, "unsettled");
		why_say(why,
		    "it waits to begin, or is about to be recorded; "
		    "overlap: %s, catch_up: %s",
		    job_overlap_name(job->overlap),
		    job_catch_up_name(job->catch_up));
	} else {
		why_decide(why, WHY_OPEN, "no_scheduler");
		why_say(why,
		    "no scheduler lives that would have run it; the "
		    "next one to begin settles it by catch_up: %s",
		    job_catch_up_name(job->catch_up));
	}
	if (around->has_live) {
		ulid_format(&around->live, id);
		why_say(why, "run %s of the job is under way", id);
	}
	if (why->state->watermark_ms != CLOCK_NONE)
		why_say(why, "settled is what was due until %s",
		    why_time(why, why->state->watermark_ms, time));
	instances_release(list, n);
	return true;
}

/* Where no scheduler ever was, what was recorded later has to do. */
static bool
is_settled(const struct why *why, const struct around *around)
{
	if (why->state->watermark_ms == CLOCK_NONE)
		return around->after_ms != CLOCK_NONE;
	return why->at_ms <= why->state->watermark_ms;
}

bool
why_silence_say(struct why *why, struct err *err)
{
	struct around around;

	if (why->state == NULL) {
		why_decide(why, WHY_UNKNOWN, "never_known");
		why_say(why,
		    "the store knows nothing of the job: no scheduler "
		    "has had it yet");
		return true;
	}
	if (!look_around(why, &around, err))
		return false;
	if (why->job == NULL) {
		why_decide(why, WHY_UNKNOWN, "not_in_jobfile");
		why_say(why,
		    "no record speaks of this instant, and the job is "
		    "not in the jobfile, so that its schedule is not "
		    "known");
		say_around(why, &around);
		return true;
	}
	if (!is_settled(why, &around))
		return say_open(why, &around, err);
	say_settled(why, &around);
	return true;
}
