#include "lib/engine/account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/engine/due.h"
#include "lib/engine/notify.h"
#include "lib/time/stamp.h"

/* Skips behind an instant that is not settled yet. */
struct skips {
	size_t len;
	struct skip *item;
};

/*
 * The first instant after after_ms that is not settled, else CLOCK_NEVER. A
 * run at the start is no instant of the schedule, and claims none.
 */
static int64_t
account_unsettled_ms(const struct entry *entry, int64_t after_ms)
{
	int64_t first = CLOCK_NEVER;
	const struct run *run;
	size_t i;

	for (run = entry->runs; run != NULL; run = run->next)
		if (run_is_unsettled(run) && run->due_ms > after_ms &&
		    run->due_ms < first)
			first = run->due_ms;
	for (i = 0; entry->backlog != NULL && i < entry->backlog->len; i++) {
		const struct waiter *waiter = &entry->backlog->item[i];

		if (waiter->trigger != RECORD_IMMEDIATE &&
		    waiter->due_ms > after_ms && waiter->due_ms < first)
			first = waiter->due_ms;
	}
	return first;
}

int64_t
account_settled_ms(const struct entry *entry)
{
	int64_t first = account_unsettled_ms(entry, CLOCK_NONE);

	return first <= entry->watermark_ms ? first - 1 : entry->watermark_ms;
}

/*
 * In a store of our own the watermark is ours to move, as far as all is
 * settled; in one that others share, each operation settles its own instants.
 */
static void
account_post_op(struct entry *entry, struct store_op *op, int64_t last_ms)
{
	struct engine *engine = entry->engine;

	engine_mark_shared(engine, entry->job, op);
	if (engine_shares(engine, entry->job)) {
		op->watermark_ms = op->is_shared ? last_ms : CLOCK_NONE;
	} else {
		op->watermark_ms = account_settled_ms(entry);
		entry->is_behind = op->watermark_ms != entry->watermark_ms;
	}
	engine->store->post(engine->store, op);
}

void
account_end(struct entry *entry, const struct record *record)
{
	struct store_op *op = store_op_new(STORE_END, record);

	notify_end(entry->engine, entry->job, record, op);
	account_post_op(entry, op, CLOCK_NONE);
}

void
account_watermark(struct entry *entry)
{
	struct record record;

	record_init(&record);
	record.job = mem_strdup(entry->job->name);
	account_post_op(
	    entry, store_op_new(STORE_WATERMARK, &record), entry->watermark_ms);
	entry->is_behind &= !engine_shares(entry->engine, entry->job);
	record_release(&record);
}

static void
account_log(const struct record *record)
{
	char count[24], due[STAMP_TEXT_SIZE];

	snprintf(count, sizeof count, "%lld", (long long)record->count);
	log_event(LOG_WARN, "skipped", "job", record->job, "reason",
	    record_reason_name(record->reason), "count",
	    record->count > 1 ? count : NULL, "due",
	    stamp_rfc3339(record->scheduled_ms, NULL, due), "error",
	    record->error, NULL);
}

static void
account_fill(struct record *record, const struct engine *engine,
    const struct job *job, const struct skip *skip)
{
	int64_t now = clock_wall_ms(engine->clock);

	record_init(record);
	record->id = ulid_make(now);
	record->job = mem_strdup(job->name);
	record->kind = mem_strdup(job_kind_name(job->kind));
	record->status = RECORD_SKIPPED;
	record->trigger = skip->trigger;
	record->reason = skip->reason;
	record->scheduled_ms = skip->due_ms;
	record->completed_ms = now;
	record->count = skip->count;
	record->error = mem_strdup(skip->error);
	record->worker = mem_strdup(engine->worker);
	record->owner = engine->self;
}

static void
account_post_skip(struct entry *entry, const struct skip *skip)
{
	struct record record;
	struct store_op *op;

	account_fill(&record, entry->engine, entry->job, skip);
	account_log(&record);
	op = store_op_new(STORE_SKIP, &record);
	notify_skip(entry->engine, entry->job, &record, op);
	account_post_op(entry, op, skip->last_ms);
	record_release(&record);
}

void
account_gap(
    struct engine *engine, const struct job *job, const struct store_gap *gap)
{
	const struct when *when = &job->when;
	int64_t last = when_prev(when, gap->to_ms - 1);
	char text[STAMP_TEXT_SIZE];
	struct record record;
	struct store_op *op;
	struct skip skip = {
		.due_ms = gap->from_ms, .last_ms = last, .reason = RECORD_MISSED
	};

	if (last > gap->from_ms) {
		skip.due_ms = when_next(when, gap->from_ms);
		skip.count = when_count(when, gap->from_ms, last);
		skip.error = mem_printf("missed; the last was due at %s",
		    stamp_rfc3339(last, when->zone, text));
	}
	account_fill(&record, engine, job, &skip);
	if (skip.count > 0)
		account_log(&record);
	op = store_op_new(STORE_SKIP, &record);
	op->is_shared = true;
	op->gap = *gap;
	if (skip.count > 0)
		notify_skip(engine, job, &record, op);
	engine->store->post(engine->store, op);
	record_release(&record);
	free(skip.error);
}

/*
 * Does nothing that is not settled lie between them? Where others share the
 * watermark, what this one thinks settled says nothing of it: no instant may.
 */
static bool
account_is_next(const struct entry *entry, int64_t last_ms, int64_t due_ms)
{
	if (engine_shares(entry->engine, entry->job))
		return when_next(&entry->job->when, last_ms) == due_ms;
	return account_unsettled_ms(entry, last_ms) > due_ms;
}

/* Put a skip with the others that wait, into one of its kind if it can. */
static void
account_keep(struct entry *entry, struct skip skip)
{
	struct skips *skips = entry->skips;
	struct skip *last;

	if (skips == NULL)
		skips = entry->skips = mem_zalloc(1, sizeof *skips);
	last = skips->len != 0 ? &skips->item[skips->len - 1] : NULL;
	if (last != NULL && last->reason == skip.reason &&
	    last->trigger == skip.trigger &&
	    account_is_next(entry, last->last_ms, skip.due_ms)) {
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

void
account_drop(struct entry *entry)
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

void
account_skip(struct entry *entry, struct skip skip)
{
	if (skip.last_ms > account_settled_ms(entry)) {
		account_keep(entry, skip);
		return;
	}
	account_post_skip(entry, &skip);
	free(skip.error);
}

void
account_catch_up(struct entry *entry)
{
	int64_t settled = account_settled_ms(entry);
	struct skips *skips = entry->skips;
	size_t i, kept = 0;

	for (i = 0; skips != NULL && i < skips->len; i++) {
		struct skip *skip = &skips->item[i];

		if (skip->last_ms > settled) {
			skips->item[kept++] = *skip;
			continue;
		}
		account_post_skip(entry, skip);
		free(skip->error);
	}
	if (skips != NULL && (skips->len = kept) == 0)
		account_drop(entry);
	if (entry->is_behind && settled == entry->watermark_ms)
		account_watermark(entry);
}
