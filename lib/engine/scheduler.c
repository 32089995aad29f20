#include "lib/engine/scheduler.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/engine/entry.h"
#include "lib/engine/notify.h"
#include "lib/engine/orphan.h"
#include "lib/time/stamp.h"

/* The store's clock is followed by steps of no less. */
#define SCHEDULER_CLOCK_MS 50

struct scheduler {
	struct engine *engine;
	const struct jobfile *file;
	struct entry *entry; /* as file->job */
	size_t n;
	int stops; /* how often it was told to */
	struct clock_timer patience;
	int64_t wall_less_mono_ms; /* changes when the wall clock is set */
	bool is_stopped;
	void (*stopped)(void *data, bool killed_any);
	void *data;
};

static void scheduler_on_step(void *data);
static void scheduler_on_emptied(struct entry *entry);

static int64_t
scheduler_wall_less_mono_ms(const struct scheduler *scheduler)
{
	struct clock *clock = scheduler->engine->clock;

	return clock_wall_ms(clock) - clock_mono_ms(clock);
}

struct scheduler *
scheduler_new(struct engine *engine, const struct jobfile *file)
{
	struct scheduler *scheduler = mem_zalloc(1, sizeof *scheduler);
	size_t i;

	scheduler->engine = engine;
	scheduler->file = file;
	scheduler->n = file->n;
	scheduler->entry = mem_zalloc(file->n, sizeof *scheduler->entry);
	for (i = 0; i < file->n; i++) {
		struct entry *entry = &scheduler->entry[i];

		entry_init(entry, engine, &file->job[i]);
		entry->emptied = scheduler_on_emptied;
		entry->owner = scheduler;
	}
	scheduler->patience.data = scheduler;
	scheduler->wall_less_mono_ms = scheduler_wall_less_mono_ms(scheduler);
	engine->clock->stepped = scheduler_on_step;
	engine->clock->stepped_data = scheduler;
	return scheduler;
}

void
scheduler_free(struct scheduler *scheduler)
{
	size_t i;

	if (scheduler == NULL)
		return;
	clock_stop(&scheduler->patience);
	for (i = 0; i < scheduler->n; i++)
		entry_release(&scheduler->entry[i]);
	scheduler->engine->clock->stepped = NULL;
	free(scheduler->entry);
	free(scheduler);
}

/* What the store found */

static struct entry *
scheduler_find(struct scheduler *scheduler, const char *name)
{
	const struct job *job = map_find(&scheduler->file->names, name);

	if (job == NULL || job->kind == JOB_HANDLER)
		return NULL;
	return &scheduler->entry[job - scheduler->file->job];
}

/* A retry whose job is gone, or off: it stays failed. */
static void
scheduler_close_pending(struct scheduler *scheduler, const struct entry *entry,
    struct record *record)
{
	struct store_port *store = scheduler->engine->store;
	struct store_op *op;
	struct record end;

	record_copy(&end, record);
	end.status = RECORD_FAILED;
	end.retry_at_ms = CLOCK_NONE;
	end.completed_ms = clock_wall_ms(scheduler->engine->clock);
	op = store_op_new(STORE_END, &end);
	if (entry != NULL)
		notify_end(scheduler->engine, entry->job, &end, op);
	store->post(store, op);
	record_release(&end);
}

/*
 * A run of a scheduler that died was a failure, too. The store has it so, and
 * says whether people are to be told; without a hook it need not be asked.
 */
static void
scheduler_tell_gone(struct scheduler *scheduler, const struct record *record)
{
	struct entry *entry = scheduler_find(scheduler, record->job);
	struct store_port *store = scheduler->engine->store;
	struct store_op *op;

	if (entry == NULL)
		return;
	op = store_op_new(STORE_END, record);
	notify_end(scheduler->engine, entry->job, record, op);
	if (op->done != NULL)
		store->post(store, op);
	else
		store_op_free(op);
}

static void
scheduler_take_runs(
    struct scheduler *scheduler, const struct store_start *found)
{
	struct entry *entry;
	size_t i;

	for (i = 0; i < found->n_pending; i++) {
		entry = scheduler_find(scheduler, found->pending[i].job);
		if (entry != NULL && entry_has_run(entry, &found->pending[i]))
			continue;
		if (entry != NULL && entry->job->enabled &&
		    !entry_is_past(entry, &found->pending[i]))
			entry_resume(entry, &found->pending[i]);
		else
			scheduler_close_pending(
			    scheduler, entry, &found->pending[i]);
	}
	for (i = 0; i < found->n_gone; i++)
		scheduler_tell_gone(scheduler, &found->gone[i]);
	for (i = 0; i < found->n_alive; i++) {
		entry = scheduler_find(scheduler, found->alive[i].job);
		if (entry != NULL && !entry_has_run(entry, &found->alive[i]))
			orphan_adopt(entry, &found->alive[i]);
	}
}

void
scheduler_found(struct scheduler *scheduler, const struct store_start *found)
{
	struct entry *entry;
	size_t i;

	if (scheduler->stops != 0)
		return; /* the next one finds it */
	scheduler_take_runs(scheduler, found);
	for (i = 0; i < found->jobs; i++) {
		entry = scheduler_find(scheduler, found->job[i].name);
		if (entry != NULL)
			entry_found(entry, found->job[i].watermark_ms);
	}
	for (i = 0; i < found->n_again; i++) {
		entry = scheduler_find(scheduler, found->again[i].job);
		if (entry != NULL)
			entry_rerun(entry, found->again[i].scheduled_ms,
			    &found->again[i].id);
	}
}

/* The store's clock, and its patience */

void
scheduler_store_clock(struct scheduler *scheduler, int64_t offset_ms)
{
	struct engine *engine = scheduler->engine;
	int64_t change = offset_ms - engine->store_offset_ms;
	size_t i;

	scheduler->wall_less_mono_ms = scheduler_wall_less_mono_ms(scheduler);
	/* what is measured with each renewal is never twice the same */
	if (change >= -SCHEDULER_CLOCK_MS && change <= SCHEDULER_CLOCK_MS)
		return;
	engine->store_offset_ms = offset_ms;
	for (i = 0; i < scheduler->n && scheduler->stops == 0; i++)
		if (engine_shares(engine, scheduler->entry[i].job))
			entry_look_again(&scheduler->entry[i]);
}

void
scheduler_lease_lost(struct scheduler *scheduler, bool now)
{
	size_t i;

	for (i = 0; i < scheduler->n; i++)
		entry_lease_lost(&scheduler->entry[i], now);
}

void
scheduler_start(struct scheduler *scheduler, const struct store_start *found)
{
	int64_t now = clock_wall_ms(scheduler->engine->clock);
	int64_t *watermark;
	size_t i;

	watermark = mem_alloc(scheduler->n * sizeof *watermark);
	for (i = 0; i < scheduler->n; i++)
		watermark[i] = CLOCK_NONE;
	for (i = 0; i < found->jobs; i++) {
		struct entry *entry = scheduler_find(
		    scheduler, found->job[i].name);

		if (entry != NULL)
			watermark[entry - scheduler->entry] =
			    found->job[i].watermark_ms;
	}
	scheduler_take_runs(scheduler, found);
	for (i = 0; i < scheduler->n; i++)
		entry_start(&scheduler->entry[i], watermark[i], now);
	free(watermark);
}

/* Steps of the clock */

static void
scheduler_log_silence(size_t silent, int64_t until_ms)
{
	char count[24], until[STAMP_TEXT_SIZE];

	snprintf(count, sizeof count, "%zu", silent);
	log_event(LOG_WARN, "the clock was set back; nothing is run twice",
	    "jobs", count, "until", stamp_rfc3339(until_ms, NULL, until), NULL);
}

/* The store's clock was not set with ours: what it is ahead of it changes. */
static void
scheduler_keep_store_clock(struct scheduler *scheduler)
{
	int64_t was = scheduler->wall_less_mono_ms;

	scheduler->wall_less_mono_ms = scheduler_wall_less_mono_ms(scheduler);
	if (scheduler->engine->is_shared)
		scheduler->engine->store_offset_ms -=
		    scheduler->wall_less_mono_ms - was;
}

static void
scheduler_on_step(void *data)
{
	struct scheduler *scheduler = data;
	int64_t now = clock_wall_ms(scheduler->engine->clock);
	int64_t until = CLOCK_NONE;
	size_t i, silent = 0, afresh = 0;

	if (scheduler->stops != 0)
		return;
	scheduler_keep_store_clock(scheduler);
	for (i = 0; i < scheduler->n; i++) {
		struct entry *entry = &scheduler->entry[i];

		switch (entry_stepped(entry, now)) {
		case ENTRY_UNTOUCHED:
			break;
		case ENTRY_SILENT:
			silent++;
			if (entry->watermark_ms > until)
				until = entry->watermark_ms;
			break;
		case ENTRY_AFRESH:
			afresh++;
			break;
		}
	}
	if (silent != 0)
		scheduler_log_silence(silent, until);
	if (afresh != 0)
		log_line(LOG_WARN,
		    "the clock was set back by hours; %zu jobs start afresh",
		    afresh);
}

/* Stopping */

static void
scheduler_check_stopped(struct scheduler *scheduler)
{
	bool killed_any = false;
	size_t i;

	if (scheduler->is_stopped)
		return;
	for (i = 0; i < scheduler->n; i++) {
		if (!entry_is_empty(&scheduler->entry[i]))
			return;
		killed_any |= scheduler->entry[i].killed_any;
	}
	scheduler->is_stopped = true;
	clock_stop(&scheduler->patience);
	scheduler->stopped(scheduler->data, killed_any);
}

static void
scheduler_on_emptied(struct entry *entry)
{
	scheduler_check_stopped(entry->owner);
}

static void
scheduler_kill(struct scheduler *scheduler, bool now)
{
	size_t i;

	clock_stop(&scheduler->patience);
	for (i = 0; i < scheduler->n; i++)
		entry_kill(&scheduler->entry[i], now);
}

static void
scheduler_patience_ends(struct clock_timer *timer)
{
	struct scheduler *scheduler = timer->data;

	log_line(LOG_WARN, "stop_timeout is over; stopping what still runs");
	scheduler_kill(scheduler, false);
}

static void
scheduler_drain(struct scheduler *scheduler)
{
	int64_t patience = scheduler->file->stop_timeout_ms;
	size_t i;

	pool_open(scheduler->engine->pool, false);
	for (i = 0; i < scheduler->n; i++)
		entry_stop(&scheduler->entry[i]);
	if (patience == JOB_NO_LIMIT)
		return;
	scheduler->patience.fire = scheduler_patience_ends;
	clock_set_in(scheduler->engine->clock, &scheduler->patience, patience);
}

void
scheduler_stop(struct scheduler *scheduler,
    void (*stopped)(void *data, bool killed_any), void *data)
{
	scheduler->stopped = stopped;
	scheduler->data = data;
	if (scheduler->stops++ == 0)
		scheduler_drain(scheduler);
	else
		scheduler_kill(scheduler, scheduler->stops > 2);
	scheduler_check_stopped(scheduler);
}

/* Asking */

struct scheduler_counts
scheduler_counts(const struct scheduler *scheduler)
{
	struct scheduler_counts counts = { .jobs = scheduler->n };
	const struct run *run;
	size_t i;

	for (i = 0; i < scheduler->n; i++)
		for (run = scheduler->entry[i].runs; run != NULL;
		     run = run->next)
			switch (run->state) {
			case RUN_NEW:
			case RUN_WAITING:
				counts.waiting++;
				break;
			case RUN_CLAIMING:
				if (run->seat.state == POOL_SEATED)
					counts.running++;
				else
					counts.waiting++;
				break;
			case RUN_RUNNING:
				counts.running++;
				break;
			case RUN_RESTING:
				counts.resting++;
				break;
			case RUN_ENDED:
				break;
			}
	return counts;
}

int64_t
scheduler_next_ms(const struct scheduler *scheduler)
{
	int64_t next = CLOCK_NEVER;
	size_t i;

	for (i = 0; i < scheduler->n; i++)
		if (scheduler->entry[i].job->enabled &&
		    scheduler->entry[i].next_ms < next)
			next = scheduler->entry[i].next_ms;
	return next;
}
