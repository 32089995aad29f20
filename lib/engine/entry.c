#include "lib/engine/entry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/engine/scheduler.h"
#include "lib/time/stamp.h"

/*
 * The invariants. Every instant up to watermark_ms is *settled* (claimed by a
 * run, or recorded as skipped), or stands in the backlog, or belongs to a run
 * that waits for its first slot. The store's watermark never passes an instant
 * that is not settled, so that a crash at any point leaves it to be found; and
 * a skip is recorded only once the watermark may pass it, so that none is found
 * twice.
 */

/* Instants that wait until nothing is in their way, in order. */
struct backlog {
	size_t len;
	struct waiter {
		int64_t due_ms;
		enum record_trigger trigger;
	} item[JOB_CATCH_UP_MAX + 2];
};

/* A process of a scheduler that is gone; looked at each second. */
struct orphan {
	struct entry *entry;
	struct record record;
	struct clock_timer timer;
	struct orphan *next;
};

#define ORPHAN_LOOK_MS 1000

static void entry_fire(struct clock_timer *timer);
static void entry_on_run(struct run *run);
static void entry_drain(struct entry *entry);
static void entry_drop_skips(struct entry *entry);

void
entry_init(struct entry *entry, struct engine *engine, const struct job *job)
{
	*entry = (struct entry){ .engine = engine, .job = job };
	entry->watermark_ms = CLOCK_NONE;
	entry->next_ms = CLOCK_NEVER;
	entry->timer.fire = entry_fire;
	entry->timer.data = entry;
}

static void
orphan_free(struct orphan *orphan)
{
	clock_stop(&orphan->timer);
	record_release(&orphan->record);
	free(orphan);
}

void
entry_release(struct entry *entry)
{
	struct orphan *orphan;
	struct run *run;

	clock_stop(&entry->timer);
	while ((run = entry->runs) != NULL) {
		entry->runs = run->next;
		run_free(run);
	}
	while ((orphan = entry->orphans) != NULL) {
		entry->orphans = orphan->next;
		orphan_free(orphan);
	}
	free(entry->backlog);
	entry->backlog = NULL;
	entry_drop_skips(entry);
}

/* What the store is told */

/*
 * The first instant after after_ms that is not settled, else CLOCK_NEVER. A
 * run at the start is no instant of the schedule, and claims none.
 */
static int64_t
entry_unsettled_ms(const struct entry *entry, int64_t after_ms)
{
	int64_t first = CLOCK_NEVER;
	const struct run *run;
	size_t i;

	for (run = entry->runs; run != NULL; run = run->next)
		if (run->attempt == NULL && run->trigger != RECORD_IMMEDIATE &&
		    run->due_ms > after_ms && run->due_ms < first)
			first = run->due_ms;
	for (i = 0; entry->backlog != NULL && i < entry->backlog->len; i++) {
		const struct waiter *waiter = &entry->backlog->item[i];

		if (waiter->trigger != RECORD_IMMEDIATE &&
		    waiter->due_ms > after_ms && waiter->due_ms < first)
			first = waiter->due_ms;
	}
	return first;
}

/* How far the store's watermark may go: see the invariants. */
static int64_t
entry_settled_ms(const struct entry *entry)
{
	int64_t first = entry_unsettled_ms(entry, CLOCK_NONE);

	return first <= entry->watermark_ms ? first - 1 : entry->watermark_ms;
}

static void
entry_post(
    struct entry *entry, enum store_op_kind kind, const struct record *record)
{
	struct store_port *store = entry->engine->store;
	struct store_op *op = store_op_new(kind, record);

	op->watermark_ms = entry_settled_ms(entry);
	entry->is_behind = op->watermark_ms != entry->watermark_ms;
	store->post(store, op);
}

static void
entry_post_watermark(struct entry *entry)
{
	struct record record;

	record_init(&record);
	record.job = mem_strdup(entry->job->name);
	entry_post(entry, STORE_WATERMARK, &record);
	record_release(&record);
}

static void
entry_log_skip(const struct record *record)
{
	char count[24], due[STAMP_TEXT_SIZE];

	snprintf(count, sizeof count, "%lld", (long long)record->count);
	log_event(LOG_WARN, "skipped", "job", record->job, "reason",
	    record_reason_name(record->reason), "count",
	    record->count > 1 ? count : NULL, "due",
	    stamp_rfc3339(record->scheduled_ms, NULL, due), "error",
	    record->error, NULL);
}

/* What was not run: the instants from due_ms to last_ms, count of them. */
struct skip {
	int64_t due_ms, last_ms, count;
	enum record_trigger trigger;
	enum record_reason reason;
	char *error; /* owned */
};

/* Skips behind an instant that is not settled yet. */
struct skips {
	size_t len;
	struct skip *item;
};

static void
entry_post_skip(struct entry *entry, const struct skip *skip)
{
	int64_t now = clock_wall_ms(entry->engine->clock);
	struct record record;

	record_init(&record);
	record.id = ulid_make(now);
	record.job = mem_strdup(entry->job->name);
	record.kind = mem_strdup(
	    entry->job->kind == JOB_CRON ? "cron" : "interval");
	record.status = RECORD_SKIPPED;
	record.trigger = skip->trigger;
	record.reason = skip->reason;
	record.scheduled_ms = skip->due_ms;
	record.completed_ms = now;
	record.count = skip->count;
	record.error = mem_strdup(skip->error);
	record.worker = mem_strdup(entry->engine->worker);
	record.owner = entry->engine->self;
	entry_log_skip(&record);
	entry_post(entry, STORE_SKIP, &record);
	record_release(&record);
}

/* Put a skip with the others that wait, into one of its kind if it can. */
static void
entry_keep_skip(struct entry *entry, struct skip skip)
{
	struct skips *skips = entry->skips;
	struct skip *last;

	if (skips == NULL)
		skips = entry->skips = mem_zalloc(1, sizeof *skips);
	last = skips->len != 0 ? &skips->item[skips->len - 1] : NULL;
	if (last != NULL && last->reason == skip.reason &&
	    last->trigger == skip.trigger &&
	    entry_unsettled_ms(entry, last->last_ms) > skip.due_ms) {
		last->count += skip.count;
		last->last_ms = skip.last_ms;
		free(last->error);
		last->error = skip.error;
		return;
	}
	skips->item = mem_grow(
	    skips->item, skips->len + 1, sizeof *skips->item);
	skips->item[skips->len++] = skip;
}

static void
entry_drop_skips(struct entry *entry)
{
	size_t i;

	if (entry->skips == NULL)
		return;
	for (i = 0; i < entry->skips->len; i++)
		free(entry->skips->item[i].error);
	free(entry->skips->item);
	free(entry->skips);
	entry->skips = NULL;
}

/* Record a skip, now or once all before it is settled. Takes its error. */
static void
entry_skip(struct entry *entry, struct skip skip)
{
	if (skip.last_ms > entry_settled_ms(entry)) {
		entry_keep_skip(entry, skip);
		return;
	}
	entry_post_skip(entry, &skip);
	free(skip.error);
}

/* Something was settled: record what waited for it. */
static void
entry_catch_store_up(struct entry *entry)
{
	int64_t settled = entry_settled_ms(entry);
	struct skips *skips = entry->skips;
	size_t i, kept = 0;

	for (i = 0; skips != NULL && i < skips->len; i++) {
		struct skip *skip = &skips->item[i];

		if (skip->last_ms > settled) {
			skips->item[kept++] = *skip;
			continue;
		}
		entry_post_skip(entry, skip);
		free(skip->error);
	}
	if (skips != NULL && (skips->len = kept) == 0)
		entry_drop_skips(entry);
	if (entry->is_behind && settled == entry->watermark_ms)
		entry_post_watermark(entry);
}

/* Runs */

/* What stands in the way of a new run: a live one that does not rest. */
static bool
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

static void
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

/* A rest ends when the job is due anew. */
static void
entry_supersede(struct entry *entry, const struct ulid *by)
{
	struct run *run = entry->runs, *next;
	bool was_holding = entry->is_holding;

	entry->is_holding = true;
	for (; run != NULL; run = next) {
		next = run->next;
		if (run->state == RUN_RESTING)
			run_supersede(run, by);
	}
	entry->is_holding = was_holding;
}

static void
entry_run(struct entry *entry, int64_t due_ms, enum record_trigger trigger)
{
	struct run *run = run_new(entry->engine, entry->job, due_ms, trigger);
	struct ulid id = run->id;

	entry_add_run(entry, run);
	entry_supersede(entry, &id);
	run_begin(run);
}

/* The backlog */

static size_t
entry_waiting(const struct entry *entry)
{
	return entry->backlog != NULL ? entry->backlog->len : 0;
}

static void
entry_push(struct entry *entry, int64_t due_ms, enum record_trigger trigger)
{
	struct backlog *backlog = entry->backlog;

	if (backlog == NULL)
		backlog = entry->backlog = mem_zalloc(1, sizeof *backlog);
	backlog->item[backlog->len++] = (struct waiter){ due_ms, trigger };
}

static struct waiter
entry_pop(struct entry *entry)
{
	struct backlog *backlog = entry->backlog;
	struct waiter first = backlog->item[0];

	backlog->len--;
	memmove(backlog->item, backlog->item + 1,
	    backlog->len * sizeof *backlog->item);
	if (backlog->len == 0) {
		free(backlog);
		entry->backlog = NULL;
	}
	return first;
}

/* Let what waits begin, as far as nothing is in its way. */
static void
entry_drain(struct entry *entry)
{
	struct ulid blocker;

	while (entry_waiting(entry) != 0 && !entry->is_holding &&
	    (entry->job->overlap == JOB_ALLOW ||
		!entry_find_blocker(entry, &blocker))) {
		struct waiter next = entry_pop(entry);

		entry_run(entry, next.due_ms, next.trigger);
	}
}

/* An instant */

static void
entry_skip_overlap(
    struct entry *entry, int64_t due_ms, const struct ulid *blocker)
{
	char id[ULID_LEN + 1];

	ulid_format(blocker, id);
	entry_skip(entry,
	    (struct skip){ .due_ms = due_ms,
		.last_ms = due_ms,
		.count = 1,
		.reason = RECORD_OVERLAP,
		.error = mem_printf("run %s is in the way", id) });
}

static void
entry_skip_replaced(struct entry *entry, struct waiter gone)
{
	entry_skip(entry,
	    (struct skip){ .due_ms = gone.due_ms,
		.last_ms = gone.due_ms,
		.count = 1,
		.trigger = gone.trigger,
		.reason = RECORD_SUPERSEDED,
		.error = mem_strdup("replaced before it began") });
}

/* `replace`: what waits gives way at once, what runs is told to. */
static void
entry_replace(struct entry *entry, int64_t due_ms)
{
	struct run *run = entry->runs, *next;
	size_t waiting = entry_waiting(entry);

	entry_push(entry, due_ms, RECORD_SCHEDULE);
	for (; waiting != 0; waiting--)
		entry_skip_replaced(entry, entry_pop(entry));
	entry->is_holding = true;
	for (; run != NULL; run = next) {
		next = run->next;
		if (run->state != RUN_RESTING)
			run_stop(run, PROC_REPLACED, false);
	}
	entry->is_holding = false;
	entry_drain(entry);
}

static void
entry_overlap(struct entry *entry, int64_t due_ms, const struct ulid *blocker)
{
	switch (entry->job->overlap) {
	case JOB_ALLOW:
		entry_run(entry, due_ms, RECORD_SCHEDULE);
		return;
	case JOB_REPLACE:
		entry_replace(entry, due_ms);
		return;
	case JOB_QUEUE:
		if (entry_waiting(entry) == 0) {
			entry_push(entry, due_ms, RECORD_SCHEDULE);
			return;
		}
		break;
	case JOB_FORBID:
		break;
	}
	entry_skip_overlap(entry, due_ms, blocker);
}

/* The job is due, now. The watermark is already there. */
static void
entry_due(struct entry *entry, int64_t due_ms)
{
	size_t waiting = entry_waiting(entry);
	struct ulid blocker;

	if (!entry_find_blocker(entry, &blocker)) {
		entry_run(entry, due_ms, RECORD_SCHEDULE);
		return;
	}
	/* still catching up with all: this one takes its place in the row */
	if (entry->job->catch_up == JOB_CATCH_UP_ALL && waiting != 0 &&
	    waiting < JOB_CATCH_UP_MAX &&
	    entry->backlog->item[0].trigger == RECORD_CATCH_UP)
		entry_push(entry, due_ms, RECORD_SCHEDULE);
	else
		entry_overlap(entry, due_ms, &blocker);
}

/* Instants that passed with nobody there */

static int64_t
entry_catch_up_count(const struct entry *entry, int64_t missed, bool has_due)
{
	switch (entry->job->catch_up) {
	case JOB_CATCH_UP_NONE:
		break;
	case JOB_CATCH_UP_ONCE:
		return has_due ? 0 : 1; /* one that is due now will do */
	case JOB_CATCH_UP_ALL:
		return missed < JOB_CATCH_UP_MAX ? missed : JOB_CATCH_UP_MAX;
	}
	return 0;
}

/*
 * Put the last n instants up to last_ms into the backlog, oldest first. Returns
 * the last instant before them.
 */
static int64_t
entry_push_last(struct entry *entry, int64_t last_ms, int64_t n)
{
	int64_t at[JOB_CATCH_UP_MAX], i;

	for (i = n; i-- > 0;
	     last_ms = when_prev(&entry->job->when, last_ms - 1))
		at[i] = last_ms;
	for (i = 0; i < n; i++)
		if (entry_waiting(entry) < JOB_CATCH_UP_MAX)
			entry_push(entry, at[i], RECORD_CATCH_UP);
		else
			entry_skip(entry,
			    (struct skip){ .due_ms = at[i],
				.last_ms = at[i],
				.count = 1,
				.trigger = RECORD_CATCH_UP,
				.reason = RECORD_MISSED,
				.error = mem_strdup("too many wait") });
	return n != 0 ? at[0] - 1 : last_ms;
}

/*
 * The instants from first_ms to last_ms were missed: some run after all, the
 * others are recorded, once and with their number.
 */
static void
entry_missed(
    struct entry *entry, int64_t first_ms, int64_t last_ms, bool has_due)
{
	int64_t count = first_ms == last_ms
	    ? 1
	    : when_count(&entry->job->when, first_ms - 1, last_ms);
	int64_t n = entry_catch_up_count(entry, count, has_due), skipped_ms;
	char text[STAMP_TEXT_SIZE];

	entry->watermark_ms = last_ms;
	skipped_ms = entry_push_last(entry, last_ms, n);
	if (count > n)
		entry_skip(entry,
		    (struct skip){ .due_ms = first_ms,
			.last_ms = skipped_ms,
			.count = count - n,
			.reason = RECORD_MISSED,
			.error = mem_printf("the last of %lld was due at %s",
			    (long long)count,
			    stamp_rfc3339(
				last_ms, entry->job->when.zone, text)) });
	entry_drain(entry);
}

/*
 * Settle all instants from next_ms to limit_ms, of which there is at least
 * one. A last one that is only a little late is due, unless we only start now.
 */
static void
entry_settle(struct entry *entry, int64_t limit_ms, bool at_start)
{
	const struct when *when = &entry->job->when;
	int64_t first = entry->next_ms, last = first, missed = first;
	int64_t next = when_next(when, first);
	bool has_due;

	if (next <= limit_ms) {
		last = missed = when_prev(when, limit_ms);
		next = when_next(when, last);
	}
	has_due = !at_start && limit_ms - last < SCHEDULER_LATE_MS;
	if (has_due && last != first)
		missed = when_prev(when, last - 1);
	entry->next_ms = next;
	if (!has_due || last != first)
		entry_missed(entry, first, missed, has_due);
	if (has_due) {
		entry->watermark_ms = last;
		entry_due(entry, last);
	}
}

static void
entry_arm(struct entry *entry)
{
	if (entry->next_ms != WHEN_NEVER)
		clock_set_at(entry->engine->clock, &entry->timer,
		    entry->next_ms + job_delay_ms(entry->job));
}

static void
entry_fire(struct clock_timer *timer)
{
	struct entry *entry = timer->data;
	int64_t limit = clock_wall_ms(entry->engine->clock) -
	    job_delay_ms(entry->job);

	if (entry->next_ms <= limit)
		entry_settle(entry, limit, false);
	entry_arm(entry);
}

/* Beginning */

void
entry_start(struct entry *entry, int64_t watermark_ms, int64_t now_ms)
{
	const struct job *job = entry->job;
	int64_t limit = now_ms - job_delay_ms(job);

	if (!job->enabled) {
		/* what passes meanwhile is not missed: forget where it stood */
		if (watermark_ms != CLOCK_NONE)
			entry_post_watermark(entry);
		return;
	}
	if (watermark_ms == CLOCK_NONE ||
	    watermark_ms - now_ms >= SCHEDULER_AFRESH_MS) {
		entry->watermark_ms = limit;
		entry->is_behind = true;
	} else {
		entry->watermark_ms = watermark_ms;
	}
	entry->next_ms = when_next(&job->when, entry->watermark_ms);
	if (entry->next_ms <= limit)
		entry_settle(entry, limit, true);
	if (job->run_immediately) {
		entry_push(entry, now_ms, RECORD_IMMEDIATE);
		entry_drain(entry);
	}
	if (entry->is_behind)
		entry_post_watermark(entry);
	entry_arm(entry);
}

void
entry_resume(struct entry *entry, const struct record *record)
{
	entry_add_run(entry, run_resume(entry->engine, entry->job, record));
}

static void
orphan_look(struct clock_timer *timer)
{
	struct orphan *orphan = timer->data, **at;
	struct entry *entry = orphan->entry;
	struct clock *clock = entry->engine->clock;
	struct record *record = &orphan->record;

	if (identity_is_alive(&record->leader)) {
		clock_set_in(clock, timer, ORPHAN_LOOK_MS);
		return;
	}
	record->status = RECORD_LOST;
	record->reason = RECORD_CRASH;
	record->completed_ms = clock_wall_ms(clock);
	free(record->error);
	record->error = mem_strdup("ended unseen, after its scheduler died");
	entry_post(entry, STORE_END, record);
	for (at = &entry->orphans; *at != orphan; at = &(*at)->next)
		continue;
	*at = orphan->next;
	orphan_free(orphan);
	entry_drain(entry);
}

void
entry_adopt(struct entry *entry, const struct record *record)
{
	struct orphan *orphan = mem_zalloc(1, sizeof *orphan);
	char id[ULID_LEN + 1], pid[24];

	orphan->entry = entry;
	record_copy(&orphan->record, record);
	orphan->timer.fire = orphan_look;
	orphan->timer.data = orphan;
	orphan->next = entry->orphans;
	entry->orphans = orphan;
	clock_set_in(entry->engine->clock, &orphan->timer, ORPHAN_LOOK_MS);
	ulid_format(&record->id, id);
	snprintf(pid, sizeof pid, "%lld", (long long)record->leader.pid);
	log_event(LOG_WARN, "still runs from before", "job", record->job, "run",
	    id, "pid", pid, NULL);
}

/* Forget all that is not settled: runs without a slot, what waits for them. */
static void
entry_drop_waiting(struct entry *entry)
{
	struct run *run = entry->runs, *next;

	free(entry->backlog);
	entry->backlog = NULL;
	entry_drop_skips(entry);
	for (; run != NULL; run = next) {
		next = run->next;
		if (run->state == RUN_WAITING && run->attempt == NULL)
			entry_remove_run(entry, run);
	}
}

/* Steps of the clock */

enum entry_step
entry_stepped(struct entry *entry, int64_t now_ms)
{
	int64_t ahead = entry->watermark_ms - now_ms, settled;

	if (entry->watermark_ms == CLOCK_NONE || ahead <= 0)
		return ENTRY_UNTOUCHED;
	if (ahead < SCHEDULER_AFRESH_MS)
		return ENTRY_SILENT;
	settled = entry_settled_ms(entry);
	entry_drop_waiting(
	    entry); /* their instants come again, or are missed */
	entry->watermark_ms = settled < now_ms ? settled : now_ms;
	entry->next_ms = when_next(&entry->job->when, entry->watermark_ms);
	entry_post_watermark(entry);
	entry_arm(entry);
	return ENTRY_AFRESH;
}

/* Ends of runs */

/* A run that ended before any attempt was made. */
static void
entry_record_unstarted(struct entry *entry, const struct record *record)
{
	if (record->status != RECORD_SKIPPED)
		entry_post(entry, STORE_END, record);
	else if (record->reason != RECORD_NO_REASON)
		entry_skip(entry,
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
	bool unstarted = record->attempt == 0;

	if (record->reason == RECORD_SHUTDOWN)
		entry->killed_any = true;
	if (unstarted)
		record_copy(&copy, record);
	entry_remove_run(entry, run);
	if (!unstarted)
		return;
	entry_record_unstarted(entry, &copy);
	record_release(&copy);
}

static void
entry_on_run(struct run *run)
{
	struct entry *entry = run->owner;

	switch (run->state) {
	case RUN_NEW:
	case RUN_WAITING:
	case RUN_RUNNING:
		return;
	case RUN_CLAIMING:
		entry_catch_store_up(entry);
		return;
	case RUN_RESTING:
		/* its record waits in the store for the next scheduler */
		if (entry->is_stopping)
			entry_remove_run(entry, run);
		break;
	case RUN_ENDED:
		entry_on_end(entry, run);
		if (!entry->is_stopping)
			entry_catch_store_up(entry);
		break;
	}
	entry_drain(entry);
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
		if (run->state == RUN_WAITING || run->state == RUN_RESTING)
			entry_remove_run(entry, run);
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
