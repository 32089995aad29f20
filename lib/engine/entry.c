#include "lib/engine/entry.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/engine/account.h"
#include "lib/engine/due.h"
#include "lib/engine/orphan.h"
#include "lib/engine/scheduler.h"

/* A clock that is put right by less leaves no instant out. */
#define ENTRY_AHEAD_MS 1000

static void entry_fire(struct clock_timer *timer);
static void entry_on_run(struct run *run);

void
entry_init(struct entry *entry, struct engine *engine, const struct job *job)
{
	*entry = (struct entry){ .engine = engine, .job = job };
	entry->watermark_ms = CLOCK_NONE;
	entry->blind_ms = entry->overdue_ms = CLOCK_NONE;
	entry->next_ms = CLOCK_NEVER;
	entry->timer.fire = entry_fire;
	entry->timer.data = entry;
}

void
entry_release(struct entry *entry)
{
	struct run *run;

	clock_stop(&entry->timer);
	while ((run = entry->runs) != NULL) {
		entry->runs = run->next;
		run_free(run);
	}
	orphan_release(entry);
	free(entry->backlog);
	entry->backlog = NULL;
	account_drop(entry);
}

/* Runs */

bool
entry_find_blocker(const struct entry *entry, struct ulid *id)
{
	const struct run *run;

	for (run = entry->runs; run != NULL; run = run->next) {
		if (run->state == RUN_RESTING || run->state == RUN_ENDED)
			continue;
		*id = run->id;
		return true;
	}
	if (entry->orphans == NULL)
		return false;
	*id = entry->orphans->record.id;
	return true;
}

void
entry_add_run(struct entry *entry, struct run *run)
{
	struct run **at = &entry->runs;

	run->changed = entry_on_run;
	run->owner = entry;
	while (*at != NULL)
		at = &(*at)->next;
	*at = run;
}

static void
entry_remove_run(struct entry *entry, struct run *run)
{
	struct run **at = &entry->runs;

	while (*at != run)
		at = &(*at)->next;
	*at = run->next;
	run_free(run);
}

static void
entry_arm(struct entry *entry)
{
	if (entry->next_ms != WHEN_NEVER)
		clock_set_at(entry->engine->clock, &entry->timer,
		    entry->next_ms + job_delay_ms(entry->job) -
			engine_offset_ms(entry->engine, entry->job));
}

static void
entry_fire(struct clock_timer *timer)
{
	struct entry *entry = timer->data;
	int64_t limit = engine_now_ms(entry->engine, entry->job) -
	    job_delay_ms(entry->job);

	if (entry->next_ms <= limit)
		due_settle(entry, limit, false);
	entry_arm(entry);
}

/* Beginning */

/* More runs at a start; of a job that others share, only at the first one. */
static bool
entry_runs_immediately(const struct entry *entry)
{
	return entry->job->run_immediately &&
	    (entry->engine->is_first ||
		!engine_shares(entry->engine, entry->job));
}

void
entry_start(struct entry *entry, int64_t watermark_ms, int64_t now_ms)
{
	const struct job *job = entry->job;
	int64_t now = now_ms + engine_offset_ms(entry->engine, job);
	int64_t limit = now - job_delay_ms(job);

	if (!job->enabled) {
		/* what passes meanwhile is not missed: forget where it stood */
		if (watermark_ms != CLOCK_NONE)
			account_watermark(entry);
		return;
	}
	if (watermark_ms == CLOCK_NONE ||
	    watermark_ms - now >= SCHEDULER_AFRESH_MS) {
		entry->watermark_ms = limit;
		entry->is_behind = true;
	} else {
		entry->watermark_ms = watermark_ms;
	}
	if (watermark_ms == CLOCK_NONE)
		entry->blind_ms = limit;
	entry->next_ms = when_next(&job->when, entry->watermark_ms);
	if (entry->next_ms <= limit)
		due_settle(entry, limit, true);
	if (entry_runs_immediately(entry)) {
		due_push(entry, now, RECORD_IMMEDIATE);
		due_drain(entry);
	}
	if (entry->is_behind)
		account_watermark(entry);
	entry_arm(entry);
}

void
entry_found(struct entry *entry, int64_t watermark_ms)
{
	const struct job *job = entry->job;
	int64_t blind = entry->blind_ms, last;

	if (watermark_ms == CLOCK_NONE || entry->is_stopping)
		return;
	entry->blind_ms = CLOCK_NONE;
	if (!job->enabled) {
		if (engine_shares(entry->engine, job))
			account_watermark(entry);
		return;
	}
	if (blind == CLOCK_NONE || watermark_ms >= blind)
		return;
	last = when_prev(&job->when, blind);
	if (last <= watermark_ms)
		return;
	/* our own claims have moved the watermark past them since */
	if (!engine_shares(entry->engine, job))
		entry->overdue_ms = last;
	due_missed(entry, when_next(&job->when, watermark_ms), last, false);
}

bool
entry_has_run(const struct entry *entry, const struct record *record)
{
	const struct orphan *orphan;
	const struct run *run;

	for (run = entry->runs; run != NULL; run = run->next)
		if (memcmp(&run->id, &record->id, sizeof run->id) == 0)
			return true;
	for (orphan = entry->orphans; orphan != NULL; orphan = orphan->next)
		if (memcmp(&orphan->record.id, &record->id,
			sizeof record->id) == 0)
			return true;
	return false;
}

void
entry_resume(struct entry *entry, const struct record *record)
{
	entry_add_run(entry, run_resume(entry->engine, entry->job, record));
}

/* Doing again what died with another instance */

void
entry_rerun(struct entry *entry, int64_t due_ms, const struct ulid *lost)
{
	const struct job *job = entry->job;
	const struct run *run;

	if (!job->enabled || entry->is_stopping ||
	    job->on_lost != JOB_LOST_RERUN ||
	    !engine_shares(entry->engine, job))
		return;
	for (run = entry->runs; run != NULL; run = run->next)
		if (run->is_rerun &&
		    memcmp(&run->rerun_of, lost, sizeof *lost) == 0)
			return;
	if (job->start_deadline_ms != JOB_NO_LIMIT &&
	    engine_now_ms(entry->engine, job) - due_ms - job_delay_ms(job) >
		job->start_deadline_ms)
		return;
	/* what rests is in its way, too; it is told of again */
	if (job->overlap != JOB_ALLOW &&
	    (entry->runs != NULL || entry->orphans != NULL))
		return;
	due_rerun(entry, due_ms, lost);
}

bool
entry_is_past(const struct entry *entry, const struct record *record)
{
	const struct job *job = entry->job;

	return engine_shares(entry->engine, job) &&
	    record->scheduled_ms != CLOCK_NONE &&
	    when_next(&job->when, record->scheduled_ms) <=
	    engine_now_ms(entry->engine, job) - job_delay_ms(job);
}

/* Leases */

/* A rest that others take up, as soon as they take us for dead. */
static bool
entry_is_resting(const struct run *run)
{
	return run->state == RUN_RESTING ||
	    (run->state == RUN_WAITING && run_record(run)->attempt != 0);
}

void
entry_lease_lost(struct entry *entry, bool now)
{
	struct run *run = entry->runs, *next;
	bool was_holding = entry->is_holding;

	if (!engine_shares(entry->engine, entry->job))
		return;
	entry->is_holding = true;
	for (; run != NULL; run = next) {
		next = run->next;
		if (!run_is_leased(run))
			continue;
		if (entry_is_resting(run)) {
			if (now)
				entry_remove_run(entry, run);
		} else if (entry->job->on_lease_loss == JOB_LEASE_KILL) {
			run_stop(run, PROC_LOST_LEASE, now);
		} else if (now && !run->lost_lease) {
			run->lost_lease = true;
			log_event(LOG_WARN,
			    "goes on, though others may run it by now", "job",
			    entry->job->name, NULL);
		}
	}
	entry->is_holding = was_holding;
	due_drain(entry);
}

/*
 * Forget all that is not settled: runs that the store knows nothing of, and
 * what waits for them.
 */
static void
entry_drop_waiting(struct entry *entry)
{
	struct run *run = entry->runs, *next;

	free(entry->backlog);
	entry->backlog = NULL;
	account_drop(entry);
	for (; run != NULL; run = next) {
		next = run->next;
		if (run_is_idle(run))
			entry_remove_run(entry, run);
	}
}

/* Steps of the clock */

/*
 * The watermark of a store that others share does not go back, so neither an
 * instant that is looked at twice is run twice, nor has one to be remembered.
 */
void
entry_look_again(struct entry *entry)
{
	int64_t now = engine_now_ms(entry->engine, entry->job) -
	    job_delay_ms(entry->job);

	if (entry->watermark_ms == CLOCK_NONE || entry->is_stopping)
		return;
	if (entry->watermark_ms - now > ENTRY_AHEAD_MS) {
		entry_drop_waiting(entry);
		entry->watermark_ms = now;
		entry->next_ms = when_next(&entry->job->when, now);
	}
	entry_arm(entry);
}

enum entry_step
entry_stepped(struct entry *entry, int64_t now_ms)
{
	int64_t ahead = entry->watermark_ms - now_ms, settled;

	if (engine_shares(entry->engine, entry->job)) {
		entry_look_again(entry);
		return ENTRY_UNTOUCHED;
	}
	if (entry->watermark_ms == CLOCK_NONE || ahead <= 0)
		return ENTRY_UNTOUCHED;
	if (ahead < SCHEDULER_AFRESH_MS)
		return ENTRY_SILENT;
	settled = account_settled_ms(entry);
	/* what waits comes again, or is missed */
	entry_drop_waiting(entry);
	entry->watermark_ms = settled < now_ms ? settled : now_ms;
	entry->next_ms = when_next(&entry->job->when, entry->watermark_ms);
	account_watermark(entry);
	entry_arm(entry);
	return ENTRY_AFRESH;
}

/* Ends of runs */

/* A run that ended before any attempt was made. */
static void
entry_record_unstarted(struct entry *entry, const struct record *record)
{
	if (record->status != RECORD_SKIPPED)
		account_end(entry, record);
	else if (record->reason != RECORD_NO_REASON)
		account_skip(entry,
		    (struct skip){ .due_ms = record->scheduled_ms,
			.last_ms = record->scheduled_ms,
			.count = 1,
			.trigger = record->trigger,
			.reason = record->reason,
			.error = mem_strdup(record->error) });
}

static void
entry_on_end(struct entry *entry, struct run *run)
{
	const struct record *record = run_record(run);
	struct record copy;
	bool unstarted = record->attempt == 0 && !run->is_recorded &&
	    !run->is_rerun;
	bool was_early = run->was_early;

	if (record->reason == RECORD_SHUTDOWN &&
	    record->status != RECORD_SKIPPED)
		entry->killed_any = true;
	if (run->was_blocked)
		due_drop_catch_up(entry);
	if (unstarted)
		record_copy(&copy, record);
	entry_remove_run(entry, run);
	if (was_early)
		entry_look_again(entry);
	if (!unstarted)
		return;
	entry_record_unstarted(entry, &copy);
	record_release(&copy);
}

static void
entry_tell_differs(struct entry *entry, const struct run *run)
{
	if (!run->differs || entry->has_differed)
		return;
	entry->has_differed = true;
	log_event(LOG_WARN, "another instance has another schedule for it",
	    "job", entry->job->name, NULL);
}

static void
entry_on_run(struct run *run)
{
	struct entry *entry = run->owner;

	switch (run->state) {
	case RUN_NEW:
		return;
	case RUN_RUNNING:
		entry_tell_differs(entry, run);
		if (entry->skips != NULL)
			account_catch_up(entry);
		return;
	case RUN_WAITING:
		if (entry->skips != NULL)
			account_catch_up(entry);
		return;
	case RUN_CLAIMING:
		account_catch_up(entry);
		return;
	case RUN_RESTING:
		/* its record waits in the store for the next scheduler */
		if (entry->is_stopping)
			entry_remove_run(entry, run);
		break;
	case RUN_ENDED:
		entry_on_end(entry, run);
		if (!entry->is_stopping)
			account_catch_up(entry);
		break;
	}
	due_drain(entry);
	if (entry->is_stopping && entry_is_empty(entry))
		entry->emptied(entry);
}

/* Stopping */

void
entry_stop(struct entry *entry)
{
	struct run *run, *next;

	entry->is_stopping = entry->is_holding = true;
	clock_stop(&entry->timer);
	entry_drop_waiting(entry);
	for (run = entry->runs; run != NULL; run = next) {
		next = run->next;
		if (run->state == RUN_RESTING || run_is_idle(run) ||
		    entry_is_resting(run)) {
			run_shelve(run);
			entry_remove_run(entry, run);
		} else if (run->state == RUN_WAITING ||
		    (run->state == RUN_CLAIMING && run->is_sure)) {
			/* no answer, or slot, may come any more */
			run_stop(run, PROC_SHUTDOWN, false);
		}
	}
}

void
entry_kill(struct entry *entry, bool now)
{
	struct run *run = entry->runs, *next;

	for (; run != NULL; run = next) {
		next = run->next;
		run_stop(run, PROC_SHUTDOWN, now);
	}
}

bool
entry_is_empty(const struct entry *entry)
{
	return entry->runs == NULL;
}
