#include "lib/engine/due.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/engine/account.h"
#include "lib/engine/scheduler.h"
#include "lib/time/stamp.h"

/* A rest ends when the job is due anew. */
static void
due_supersede(struct entry *entry, const struct ulid *by)
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
due_run(struct entry *entry, int64_t due_ms, enum record_trigger trigger)
{
	struct run *run = run_new(entry->engine, entry->job, due_ms, trigger);
	struct ulid id = run->id;

	run->is_overdue = trigger == RECORD_CATCH_UP &&
	    due_ms <= entry->overdue_ms;
	entry_add_run(entry, run);
	due_supersede(entry, &id);
	run_begin(run);
}

void
due_rerun(struct entry *entry, int64_t due_ms, const struct ulid *lost)
{
	struct run *run = run_new(
	    entry->engine, entry->job, due_ms, RECORD_SCHEDULE);

	run->is_rerun = true;
	run->rerun_of = *lost;
	entry_add_run(entry, run);
	run_begin(run);
}

/* The backlog */

size_t
due_waiting(const struct entry *entry)
{
	return entry->backlog != NULL ? entry->backlog->len : 0;
}

void
due_push(struct entry *entry, int64_t due_ms, enum record_trigger trigger)
{
	struct backlog *backlog = entry->backlog;

	if (backlog == NULL)
		backlog = entry->backlog = mem_zalloc(1, sizeof *backlog);
	backlog->item[backlog->len++] = (struct waiter){ due_ms, trigger };
}

static struct waiter
due_pop(struct entry *entry)
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

void
due_drop_catch_up(struct entry *entry)
{
	struct backlog *backlog = entry->backlog;
	size_t i, kept = 0;

	for (i = 0; backlog != NULL && i < backlog->len; i++)
		if (backlog->item[i].trigger != RECORD_CATCH_UP)
			backlog->item[kept++] = backlog->item[i];
	if (backlog == NULL || (backlog->len = kept) != 0)
		return;
	free(backlog);
	entry->backlog = NULL;
}

/*
 * One that waits for what another instance runs is the one that waits. And what
 * waits for room in the queue keeps its place: a later instant that was claimed
 * before it would leave it behind for good.
 */
static bool
due_is_queued(const struct entry *entry)
{
	const struct run *run;

	for (run = entry->runs; run != NULL; run = run->next)
		if (run->is_queued && run_is_unsettled(run))
			return true;
	return false;
}

void
due_drain(struct entry *entry)
{
	bool may_overlap = entry->job->overlap == JOB_ALLOW;
	struct ulid blocker;

	while (due_waiting(entry) != 0 && !entry->is_holding &&
	    (may_overlap ? !due_is_queued(entry)
			 : !entry_find_blocker(entry, &blocker))) {
		struct waiter next = due_pop(entry);

		due_run(entry, next.due_ms, next.trigger);
	}
}

/* An instant */

static void
due_skip_overlap(
    struct entry *entry, int64_t due_ms, const struct ulid *blocker)
{
	char id[ULID_LEN + 1];

	ulid_format(blocker, id);
	account_skip(entry,
	    (struct skip){ .due_ms = due_ms,
		.last_ms = due_ms,
		.count = 1,
		.reason = RECORD_OVERLAP,
		.error = mem_printf("run %s is in the way", id) });
}

static void
due_skip_replaced(struct entry *entry, struct waiter gone)
{
	account_skip(entry,
	    (struct skip){ .due_ms = gone.due_ms,
		.last_ms = gone.due_ms,
		.count = 1,
		.trigger = gone.trigger,
		.reason = RECORD_SUPERSEDED,
		.error = mem_strdup("replaced before it began") });
}

/* `replace`: what waits gives way at once, what runs is told to. */
static void
due_replace(struct entry *entry, int64_t due_ms)
{
	struct run *run = entry->runs, *next;
	size_t waiting = due_waiting(entry);

	due_push(entry, due_ms, RECORD_SCHEDULE);
	for (; waiting != 0; waiting--)
		due_skip_replaced(entry, due_pop(entry));
	entry->is_holding = true;
	for (; run != NULL; run = next) {
		next = run->next;
		if (run->state != RUN_RESTING)
			run_stop(run, PROC_REPLACED, false);
	}
	entry->is_holding = false;
	due_drain(entry);
}

static void
due_overlap(struct entry *entry, int64_t due_ms, const struct ulid *blocker)
{
	switch (entry->job->overlap) {
	case JOB_ALLOW:
		if (due_waiting(entry) == 0 && !due_is_queued(entry)) {
			due_run(entry, due_ms, RECORD_SCHEDULE);
			return;
		}
		if (due_waiting(entry) < JOB_CATCH_UP_MAX) {
			due_push(entry, due_ms, RECORD_SCHEDULE);
			return;
		}
		break;
	case JOB_REPLACE:
		due_replace(entry, due_ms);
		return;
	case JOB_QUEUE:
		if (due_waiting(entry) == 0 && !due_is_queued(entry)) {
			due_push(entry, due_ms, RECORD_SCHEDULE);
			return;
		}
		break;
	case JOB_FORBID:
		break;
	}
	due_skip_overlap(entry, due_ms, blocker);
}

/* The job is due, now. The watermark is already there. */
static void
due_now(struct entry *entry, int64_t due_ms)
{
	size_t waiting = due_waiting(entry);
	struct ulid blocker;

	if (!entry_find_blocker(entry, &blocker)) {
		due_run(entry, due_ms, RECORD_SCHEDULE);
		return;
	}
	/* still catching up with all: this one takes its place in the row */
	if (entry->job->catch_up == JOB_CATCH_UP_ALL && waiting != 0 &&
	    waiting < JOB_CATCH_UP_MAX &&
	    entry->backlog->item[0].trigger == RECORD_CATCH_UP)
		due_push(entry, due_ms, RECORD_SCHEDULE);
	else
		due_overlap(entry, due_ms, &blocker);
}

/* Instants that passed with nobody there */

static int64_t
due_catch_up_count(const struct entry *entry, int64_t missed, bool has_due)
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
due_push_last(struct entry *entry, int64_t last_ms, int64_t n)
{
	int64_t at[JOB_CATCH_UP_MAX], i;

	for (i = n; i-- > 0;
	     last_ms = when_prev(&entry->job->when, last_ms - 1))
		at[i] = last_ms;
	for (i = 0; i < n; i++)
		if (due_waiting(entry) < JOB_CATCH_UP_MAX)
			due_push(entry, at[i], RECORD_CATCH_UP);
		else if (!engine_shares(entry->engine, entry->job))
			account_skip(entry,
			    (struct skip){ .due_ms = at[i],
				.last_ms = at[i],
				.count = 1,
				.trigger = RECORD_CATCH_UP,
				.reason = RECORD_MISSED,
				.error = mem_strdup("too many wait") });
	return n > 0 ? at[0] - 1 : last_ms;
}

/*
 * Some run after all, the others are recorded, once and with their number. In
 * a store that others share that is left to the next grant: others may be
 * claiming them just now.
 */
void
due_missed(struct entry *entry, int64_t first_ms, int64_t last_ms, bool has_due)
{
	int64_t count = first_ms == last_ms
	    ? 1
	    : when_count(&entry->job->when, first_ms - 1, last_ms);
	int64_t n = due_catch_up_count(entry, count, has_due), skipped_ms;
	char text[STAMP_TEXT_SIZE];

	if (last_ms > entry->watermark_ms)
		entry->watermark_ms = last_ms;
	skipped_ms = due_push_last(entry, last_ms, n);
	if (count > n && !engine_shares(entry->engine, entry->job))
		account_skip(entry,
		    (struct skip){ .due_ms = first_ms,
			.last_ms = skipped_ms,
			.count = count - n,
			.reason = RECORD_MISSED,
			.error = mem_printf("missed; the last was due at %s",
			    stamp_rfc3339(
				last_ms, entry->job->when.zone, text)) });
	due_drain(entry);
}

void
due_settle(struct entry *entry, int64_t limit_ms, bool at_start)
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
		due_missed(entry, first, missed, has_due);
	if (has_due) {
		entry->watermark_ms = last;
		due_now(entry, last);
	}
}
