/*
 * What a jobfile may say and its writer rarely means.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/jobfile/loader.h"
#include "lib/time/civil.h"
#include "lib/time/duration.h"
#include "lib/time/stamp.h"

/* How far ahead a zone's changes are looked at: two of each kind. */
#define AHEAD_S     (INT64_C(2) * 366 * 86400)
#define GAP_MAX_S   (3 * 3600)
#define ZONE_GAPS   8
#define TRIES_MAX   64 /* jobs with one command that are held together */
#define ALL_SECONDS ((UINT64_C(1) << 60) - 1)

/* Local times that the wall never shows: from low to below high. */
struct warn_gap {
	int64_t low, high;
};

/* The first job with a command, by its number from 1; 0 is none. */
struct warn_slot {
	uint32_t hash, number;
};

struct warn {
	struct loader *l;
	struct loader_set *set;
	struct warn_slot *slot; /* `room` of them, a power of two */
	size_t room;

	const struct zone *zone; /* whose gaps these are */
	struct warn_gap gap[ZONE_GAPS];
	size_t gaps;
	int64_t now_s;
	bool is_shared; /* with other hosts: the claims, or the queue */
	size_t on_lease_loss, on_lost, on_failure_repeat; /* indices of keys */
};

/* `* *\/15 * * * *` was meant to fire four times an hour, not 240. */
static void
warn_each_second(struct warn *w, const struct job *job)
{
	size_t i;

	for (i = 0; i < job->when.n; i++) {
		const struct cron *cron = &job->when.cron[i];

		if (cron->six && cron->seconds == ALL_SECONDS &&
		    cron->minutes != ALL_SECONDS)
			loader_warn(w->l, job->place,
			    "'%s' fires each second of the minutes it names: "
			    "once each is '0' in place of the first '*'",
			    job->cron[i]);
	}
}

static void
warn_find_gaps(struct warn *w, const struct zone *zone)
{
	struct zone_span span = zone_span_at(zone, w->now_s), next;

	w->zone = zone;
	w->gaps = 0;
	while (span.end_s < w->now_s + AHEAD_S && w->gaps < ZONE_GAPS) {
		next = zone_span_at(zone, span.end_s);
		if (next.offset_s > span.offset_s &&
		    next.offset_s - span.offset_s <= GAP_MAX_S)
			w->gap[w->gaps++] = (struct warn_gap){
				span.end_s + span.offset_s,
				span.end_s + next.offset_s,
			};
		span = next;
	}
}

/* A fixed time that a change of the clock skips in the next two years. */
static void
warn_gap(struct warn *w, const struct job *job)
{
	size_t i, k;

	if (w->zone != job->when.zone)
		warn_find_gaps(w, job->when.zone);
	for (i = 0; i < job->when.n; i++) {
		const struct cron *cron = &job->when.cron[i];

		for (k = 0; k < w->gaps && !cron->wild; k++) {
			int64_t t = cron_next(cron, w->gap[k].low - 1);
			struct civil at = civil_from_seconds(t);
			struct civil to = civil_from_seconds(w->gap[k].high);

			if (t >= w->gap[k].high)
				continue;
			loader_warn(w->l, job->place,
			    "%02d:%02d does not exist in %s on "
			    "%04lld-%02d-%02d: it then runs at %02d:%02d",
			    at.hour, at.minute, zone_name(job->when.zone),
			    (long long)at.year, at.month, at.day, to.hour,
			    to.minute);
			return;
		}
	}
}

static bool
warn_same_list(const char **a, const char **b)
{
	if (a == NULL || b == NULL)
		return a == b;
	for (; *a != NULL && *b != NULL; a++, b++)
		if (strcmp(*a, *b) != 0)
			return false;
	return *a == *b;
}

static bool
warn_same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Two jobs do one thing where its surroundings are the same, too. */
static bool
warn_is_same(const struct job *a, const struct job *b)
{
	return warn_same_text(a->command, b->command) &&
	    warn_same_list(a->argv, b->argv) &&
	    warn_same_text(a->handler, b->handler) &&
	    warn_same_text(a->payload, b->payload) &&
	    warn_same_list(a->env, b->env) &&
	    warn_same_list(a->env_file, b->env_file) &&
	    warn_same_text(a->working_dir, b->working_dir) &&
	    warn_same_text(a->shell, b->shell) &&
	    warn_same_text(a->input, b->input);
}

/*
 * A table of all commands, small enough to be quick; where it is crowded with
 * jobs that differ in other things, the search is given up.
 */
static void
warn_same_command(struct warn *w, size_t number)
{
	const struct job *list = *w->set->job, *job = &list[number];
	const struct job *common = &w->set->by_default;
	uint32_t hash = w->set->hashes[number];
	size_t i = hash & (w->room - 1);
	int tries = 0;

	/* one command for all jobs is what defaults were asked for */
	if (job->command == common->command && job->argv == common->argv &&
	    job->handler == common->handler && job->payload == common->payload)
		return;
	for (; w->slot[i].number != 0; i = (i + 1) & (w->room - 1)) {
		const struct job *other = &list[w->slot[i].number - 1];

		if (w->slot[i].hash != hash)
			continue;
		if (warn_is_same(job, other)) {
			loader_warn(w->l, job->place, "has the same %s as '%s'",
			    job->handler != NULL ? "handler and payload"
						 : "command",
			    other->name);
			return;
		}
		if (++tries == TRIES_MAX)
			return;
	}
	w->slot[i].hash = hash;
	w->slot[i].number = (uint32_t)number + 1;
}

/* On average over a fire or two; a schedule with longer gaps may be meant. */
static void
warn_jitter(struct warn *w, const struct job *job)
{
	int64_t gap_ms = when_gap_ms(&job->when, w->now_s * 1000);
	char gap[DURATION_TEXT_SIZE], jitter[DURATION_TEXT_SIZE];

	if (job->jitter_ms >= gap_ms)
		loader_warn(w->l, job->place,
		    "'jitter' of %s is not shorter than the time between two "
		    "fires, %s",
		    duration_format(job->jitter_ms, jitter),
		    duration_format(gap_ms, gap));
}

/* What it says itself, as far as what stands for many does not say it too. */
static struct keyset
warn_own(const struct warn *w, const struct job *job)
{
	struct keyset common = w->set->by_default.written;

	keyset_add_all(&common, &w->l->hook_keys);
	return keyset_without(&job->written, &common);
}

/*
 * What is said of other hosts where there are none; `defaults` may say it of
 * many jobs, of which one is shared.
 */
static void
warn_not_shared(struct warn *w, const struct job *job)
{
	struct keyset own = warn_own(w, job);
	bool has_lost = keyset_has(&own, w->on_lost);

	if ((!has_lost && !keyset_has(&own, w->on_lease_loss)) ||
	    (job->shared && w->is_shared))
		return;
	loader_warn(w->l, job->place, "'%s' means nothing to a %s",
	    keys_job[has_lost ? w->on_lost : w->on_lease_loss].name,
	    job->shared ? "store that no other host shares"
			: "job that is not shared");
}

/* What a job says of a run that its handler makes in its own way. */
static void
warn_not_run(struct warn *w, const struct job *job)
{
	struct keyset own = warn_own(w, job);
	size_t i;

	if (job->handler == NULL)
		return;
	while (keyset_pop(&own, &i))
		if (keys_is_of(&keys_job[i], KEY_OF_WORK))
			continue;
		else if (!keys_is_of(&keys_job[i], KEY_OF_HANDLER))
			loader_warn(w->l, job->place,
			    "'%s' means nothing to a job with a handler",
			    keys_job[i].name);
		else
			loader_warn(w->l, job->place,
			    "'%s' is not used: the handler '%s' has its own",
			    keys_job[i].name, job->handler);
}

static void
warn_workers(struct warn *w, const struct job *job)
{
	if (job->workers > w->l->file->queue_workers)
		loader_warn(w->l, job->place,
		    "'workers' is more than the %d of queue.workers",
		    w->l->file->queue_workers);
}

static void
warn_repeat(struct warn *w, const struct job *job)
{
	struct keyset own = warn_own(w, job);

	if (keyset_has(&own, w->on_failure_repeat) &&
	    !job_has_hook(job, JOB_ON_FAILURE))
		loader_warn(w->l, job->place,
		    "'on_failure_repeat' means nothing without an "
		    "'on_failure'");
}

static void
warn_job(struct warn *w, size_t number)
{
	const struct job *job = &(*w->set->job)[number];

	loader_push(w->l, job->name);
	warn_same_command(w, number);
	warn_not_shared(w, job);
	warn_not_run(w, job);
	warn_workers(w, job);
	warn_repeat(w, job);
	if (job->kind == JOB_CRON) {
		warn_each_second(w, job);
		warn_gap(w, job);
		if (job->jitter_ms > 0)
			warn_jitter(w, job);
	}
	loader_pop(w->l);
}

static void
warn_set(struct warn *w, struct loader_set *set)
{
	size_t i;

	w->set = set;
	for (w->room = 16; w->room * 3 < *set->n * 4; w->room *= 2)
		continue;
	w->slot = mem_zalloc(w->room, sizeof *w->slot);
	loader_push(w->l, set->name);
	for (i = 0; i < *set->n; i++)
		warn_job(w, i);
	loader_pop(w->l);
	free(w->slot);
}

static size_t
warn_key(const struct loader *l, const char *name)
{
	const struct key *key = map_find(&l->keys, name);

	return (size_t)(key - keys_job);
}

void
warn_jobs(struct loader *l)
{
	struct warn w = {
		.l = l,
		.now_s = clock_now_ms() / 1000,
		.on_lease_loss = warn_key(l, "on_lease_loss"),
		.on_lost = warn_key(l, "on_lost"),
		.on_failure_repeat = warn_key(l, "on_failure_repeat"),
	};

	w.is_shared = jobfile_is_shared(l->file);
	warn_set(&w, &l->jobs);
	w.is_shared = jobfile_queue_is_shared(l->file);
	warn_set(&w, &l->handlers);
}
