#include "lib/engine/claim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/engine/account.h"
#include "lib/engine/attempt.h"
#include "lib/engine/metadata.h"
#include "lib/engine/notify.h"

#define SCHEDULE_SEED UINT64_C(0x7363686564756c65)

uint64_t
claim_schedule(const struct job *job)
{
	uint64_t hash = SCHEDULE_SEED;
	const char **text;

	if (job->kind == JOB_INTERVAL) {
		hash = hash_bytes(
		    &job->when.interval_ms, sizeof job->when.interval_ms, hash);
		hash = hash_bytes(
		    &job->when.anchor_ms, sizeof job->when.anchor_ms, hash);
	} else {
		for (text = job->cron; text != NULL && *text != NULL; text++)
			hash = hash_text(*text, hash);
		hash = hash_text(zone_name(job->when.zone), hash);
	}
	return hash != 0 ? hash : 1;
}

static int64_t
claim_mono_ms(const struct run *run)
{
	return clock_mono_ms(run->engine->clock);
}

bool
claim_goes_first(const struct run *run)
{
	const struct engine *engine = run->engine;

	return engine->store != NULL && engine_shares(engine, run->job) &&
	    (engine->is_store_away || engine->is_store_slow) &&
	    (run->attempt == NULL || !run->attempt->is_claimed);
}

/* Asking */

static void claim_on_answer(struct store_op *op);

/*
 * The run of a job with a handler is no more than this: its claim puts the
 * work in, and with that it has ended, as its record says. However often it
 * is asked, it is the same work.
 */
static struct work_op *
claim_put(const struct run *run)
{
	const struct engine *engine = run->engine;
	const struct job *job = run->job;
	struct work_op *put = work_op_new(WORK_PUT);
	struct work *work = &put->work;

	work->id = work->record.id = run->attempt->work_id;
	work->record.job = mem_strdup(job->handler);
	work->record.kind = mem_strdup(job_kind_name(JOB_HANDLER));
	work->record.scheduled_ms = run->due_ms;
	work->priority = job->priority;
	work->lead_ms = work_lead_ms(job->priority, engine->queue_aging_ms);
	work->payload_len = job->payload != NULL ? strlen(job->payload) : 0;
	work->payload = mem_strndup(
	    job->payload != NULL ? job->payload : "", work->payload_len);
	put->size = engine->queue_size;
	put->has_history = engine->history == NULL;
	return put;
}

static void
claim_add_work(struct run *run, struct store_op *op)
{
	op->work = claim_put(run);
	op->record.status = RECORD_COMPLETED;
	op->record.completed_ms = op->record.started_ms;
	if (run->has_waited)
		op->record.reason = RECORD_LATE;
}

static void
claim_name_work(struct run *run)
{
	struct attempt *attempt = run->attempt;
	char pair[sizeof "work=" + ULID_LEN], *id = pair + strlen("work=");

	attempt->has_work = true;
	attempt->work_id = ulid_make(clock_wall_ms(run->engine->clock));
	memcpy(pair, "work=", strlen("work="));
	ulid_format(&attempt->work_id, id);
	metadata_put(&attempt->record.metadata, pair, sizeof pair - 1);
}

static struct store_op *
claim_op(struct run *run)
{
	struct record *record = &run->attempt->record;
	const struct job *job = run->job;
	struct store_op *op;

	if (job->handler != NULL && !run->attempt->has_work)
		claim_name_work(run);
	record->started_ms = clock_wall_ms(run->engine->clock);
	record->status = RECORD_RUNNING;
	record->attempt = job->handler != NULL ? 0 : 1;
	op = store_op_new(STORE_BEGIN, record);
	record->attempt = 0;
	if (job->handler != NULL)
		claim_add_work(run, op);
	op->is_alone = job->overlap != JOB_ALLOW;
	op->is_sure = run->is_sure;
	op->lock = mem_strdup(job->lock);
	engine_mark_shared(run->engine, job, op);
	if (op->is_shared) {
		op->schedule = claim_schedule(job);
		op->may_rerun = job->on_lost == JOB_LOST_RERUN;
		op->is_rerun = run->is_rerun;
		op->rerun_of = run->rerun_of;
	}
	op->done = claim_on_answer;
	op->data = run;
	return op;
}

/* From the first question that the store does not answer. */
static int64_t
claim_patience_ms(const struct run *run)
{
	int64_t left = run_time_left_ms(run);

	if (run->job->handler == NULL &&
	    run->job->on_lock_error == JOB_LOCK_SKIP &&
	    left > CLAIM_PATIENCE_MS)
		left = CLAIM_PATIENCE_MS;
	return left == CLOCK_NEVER ? CLOCK_NEVER : claim_mono_ms(run) + left;
}

static void claim_is_late(struct clock_timer *timer);

/*
 * How long a job that may run without an answer waits for it: where no other
 * instance asks for the same, no longer than others can miss its slot.
 */
static int64_t
claim_short_ms(const struct run *run)
{
	const struct engine *engine = run->engine;

	if (!engine->is_shared || engine_shares(engine, run->job))
		return RUN_CLAIM_MS;
	return engine->is_store_away || engine->is_store_slow ? 0
							      : CLAIM_SEATED_MS;
}

/* Until the slot is missed by others, or until patience ends. */
static void
claim_set_timer(struct run *run)
{
	struct attempt *attempt = run->attempt;
	int64_t until = run->is_sure ? attempt->give_up_ms
				     : attempt->asked_ms + claim_short_ms(run);
	int64_t now = claim_mono_ms(run);

	attempt->timer.fire = claim_is_late;
	if (run->seat.state == POOL_SEATED &&
	    engine_shares(run->engine, run->job) &&
	    until > attempt->asked_ms + CLAIM_SEATED_MS)
		until = attempt->asked_ms + CLAIM_SEATED_MS;
	if (until != CLOCK_NEVER)
		clock_set_in(run->engine->clock, &attempt->timer,
		    until > now ? until - now : 0);
}

void
claim_ask(struct run *run)
{
	struct attempt *attempt = run->attempt;
	struct store_port *store = run->engine->store;

	run->is_sure = run->job->handler != NULL ||
	    run->job->on_lock_error != JOB_LOCK_RUN;
	attempt->claim = claim_op(run);
	attempt->may_be_held |= run->is_sure ||
	    engine_shares(run->engine, run->job);
	attempt->asked_ms = claim_mono_ms(run);
	if (run->is_sure && attempt->give_up_ms == 0)
		attempt->give_up_ms = claim_patience_ms(run);
	claim_set_timer(run);
	run->state = RUN_CLAIMING;
	store->post(store, attempt->claim);
	if (run->state == RUN_CLAIMING) /* a one-shot's store answers at once */
		run->changed(run);
}

static void
claim_again(struct clock_timer *timer)
{
	run_begin(timer->data);
}

/* Ask once more, in a while, and let others have the slot. */
static void
claim_wait(struct run *run, int64_t ms)
{
	struct attempt *attempt = run->attempt;

	pool_give(run->engine->pool, &run->seat);
	attempt->timer.fire = claim_again;
	clock_set_in(run->engine->clock, &attempt->timer, ms > 0 ? ms : 1);
	run_set_state(run, RUN_WAITING);
}

void
claim_forget(struct run *run)
{
	if (run->attempt != NULL && run->attempt->claim != NULL)
		run->attempt->claim->data = NULL;
	if (run->attempt != NULL)
		run->attempt->claim = NULL;
}

void
claim_end(struct run *run)
{
	struct store_port *store = run->engine->store;
	const struct record *record = &run->attempt->record;
	struct store_op *op = store_op_new(STORE_END, record);

	claim_forget(run);
	engine_mark_shared(run->engine, run->job, op);
	if (record->status == RECORD_SKIPPED)
		notify_skip(run->engine, run->job, record, op);
	store->post(store, op);
}

/* Going on after a rest */

static void
claim_on_resumed(struct store_op *op)
{
	struct run *run = op->data;

	if (run == NULL)
		return;
	run->attempt->claim = NULL;
	clock_stop(&run->attempt->timer);
	if (op->result == CLAIM_BLOCKED)
		run_supersede(run, &op->blocker);
	else if (op->result == CLAIM_LOST)
		run_vanish(run); /* it was taken for dead */
	else
		run_begin(run);
}

bool
claim_resumes(const struct run *run)
{
	return engine_shares(run->engine, run->job) &&
	    run->job->overlap != JOB_ALLOW;
}

/* Of a job that may run without an answer. */
static void
claim_resume_is_late(struct clock_timer *timer)
{
	struct run *run = timer->data;

	claim_forget(run);
	run_begin(run);
}

void
claim_resume(struct run *run)
{
	struct attempt *attempt = run->attempt;
	struct store_op *op = store_op_new(STORE_UPDATE, &attempt->record);

	op->record.status = RECORD_RUNNING;
	op->record.attempt++;
	op->record.retry_at_ms = CLOCK_NONE;
	op->is_alone = true;
	op->done = claim_on_resumed;
	op->data = run;
	claim_forget(run); /* it may still wait for its first answer */
	attempt->claim = op;
	if (run->job->on_lock_error == JOB_LOCK_RUN) {
		attempt->timer.fire = claim_resume_is_late;
		clock_set_in(run->engine->clock, &attempt->timer, RUN_CLAIM_MS);
	}
	run->engine->store->post(run->engine->store, op);
}

/* No answer */

static void
claim_give_up(struct run *run)
{
	bool is_late = run_is_too_late(run);

	run_end_unstarted(run, RECORD_SKIPPED, RECORD_STORE,
	    is_late ? "the store did not answer before its start_deadline"
		    : "the store did not answer");
}

static void
claim_is_late(struct clock_timer *timer)
{
	struct run *run = timer->data;
	struct attempt *attempt = run->attempt;
	int64_t now = claim_mono_ms(run);

	if (run->is_sure && now >= attempt->give_up_ms) {
		claim_give_up(run);
	} else if (!run->is_sure &&
	    now >= attempt->asked_ms + claim_short_ms(run)) {
		if (!run->engine->is_store_away && !run->engine->is_store_slow)
			log_event(LOG_WARN,
			    "the store is slow; starting without its answer",
			    "job", run->job->name, NULL);
		run->engine->is_store_slow = run->engine->is_shared;
		run_go(run);
	} else {
		run->engine->is_store_slow |= run->seat.state == POOL_SEATED;
		pool_give(run->engine->pool, &run->seat);
		claim_set_timer(run);
	}
}

static void
claim_failed(struct run *run)
{
	struct attempt *attempt = run->attempt;

	if (!run->is_sure) {
		run_go(run);
		return;
	}
	run->engine->is_store_slow = run->engine->is_shared;
	if (claim_mono_ms(run) >= attempt->give_up_ms)
		claim_give_up(run);
	else
		claim_wait(run, CLAIM_RETRY_MS);
}

/* Answers */

/* Each instance at another time. */
static int64_t
claim_queue_ms(const struct run *run)
{
	uint64_t seed = (uint64_t)run->attempt->asked_ms;

	return CLAIM_QUEUE_MS * 3 / 4 +
	    (int64_t)(hash_text(run->engine->worker, seed) %
		(CLAIM_QUEUE_MS / 2));
}

/* Somebody is in the way: it waits until they are not, or is skipped. */
static void
claim_refused(struct run *run, enum record_reason reason, const char *error)
{
	if (run->is_rerun) {
		run_vanish(run);
	} else if (run->trigger == RECORD_CATCH_UP &&
	    reason == RECORD_OVERLAP && engine_shares(run->engine, run->job)) {
		run->was_blocked = true;
		run_vanish(run);
	} else if (run->job->overlap == JOB_QUEUE &&
	    run->trigger != RECORD_MANUAL && run->due_ms != CLOCK_NONE) {
		run->is_queued = true;
		claim_wait(run, claim_queue_ms(run));
	} else {
		run_end_unstarted(run, RECORD_SKIPPED, reason, error);
	}
}

/* Another process runs the job, and its runs may not overlap. */
static void
claim_is_blocked(struct run *run, const struct ulid *blocker)
{
	char id[ULID_LEN + 1], error[64];

	ulid_format(blocker, id);
	snprintf(error, sizeof error, "run %s is in the way", id);
	claim_refused(run, RECORD_OVERLAP, error);
}

static void
claim_is_locked(struct run *run, const char *holder)
{
	char *error = mem_printf("lock '%s' is held%s%s", run->job->lock,
	    holder != NULL ? " by " : "", holder != NULL ? holder : "");

	claim_refused(run, RECORD_LOCK, error);
	free(error);
}

/* As where slots are short: it waits for as long as it may. */
static void
claim_is_full(struct run *run)
{
	char *error;

	if (run->trigger != RECORD_MANUAL) {
		if (!run->is_queued)
			log_event(LOG_WARN, "waits for room in the queue",
			    "job", run->job->name, NULL);
		run->has_waited = run->is_queued = true;
		claim_wait(run, claim_queue_ms(run));
		return;
	}
	error = mem_printf(
	    "the queue is full: %d wait", run->engine->queue_size);
	run_end_unstarted(run, RECORD_SKIPPED, RECORD_LATE, error);
	free(error);
}

/*
 * A moment is waited for. Where our clock is ahead by more, the instant comes
 * again by the store's: it must not be in the way of those before it.
 */
static void
claim_is_early(struct run *run, const struct store_op *op)
{
	struct engine *engine = run->engine;

	if (op->wait_ms <= CLAIM_EARLY_MS || op->store_ms == CLOCK_NONE) {
		claim_wait(run, op->wait_ms);
		return;
	}
	engine->store_offset_ms = op->store_ms - clock_wall_ms(engine->clock);
	run->was_early = true;
	run_vanish(run);
}

/* What comes with a grant, whatever became of its run meanwhile. */
static void
claim_take_in(struct run *run, const struct store_op *op)
{
	struct attempt *attempt = run->attempt;
	int i;

	attempt->record.fence = op->record.fence;
	attempt->may_be_held = true;
	run->differs = op->differs;
	for (i = 0; i < op->n_gaps; i++)
		account_gap(run->engine, run->job, &op->gaps[i]);
	if (op->is_reset)
		log_event(LOG_WARN,
		    "the watermark lay hours ahead, and was set back", "job",
		    run->job->name, NULL);
}

/* The store has spoken: what it said before is over, and so is its silence. */
static void
claim_heard(struct run *run, const struct store_op *op)
{
	struct attempt *attempt = run->attempt;

	clock_stop(&attempt->timer);
	if (op->result == CLAIM_FAILED)
		return;
	attempt->give_up_ms = 0;
	attempt->may_be_held = op->result == CLAIM_GRANTED;
}

static void
claim_go_on(struct run *run)
{
	if (run->job->handler != NULL)
		run_put(run);
	else
		run_go(run);
}

/* The store has moved on since, but nobody has run it. */
static void
claim_is_overdue(struct run *run)
{
	struct store_port *store = run->engine->store;
	struct store_op *op;

	if (run->job->handler != NULL) {
		op = store_op_new(STORE_WORK, NULL);
		op->work = claim_put(run);
		op->work->size = 0; /* nobody waits for the answer */
		store->post(store, op);
		run->attempt->record.status = RECORD_COMPLETED;
		run->attempt->record.completed_ms =
		    run->attempt->record.started_ms;
		claim_end(run);
	}
	claim_go_on(run);
}

static void
claim_on_answer(struct store_op *op)
{
	struct run *run = op->data;

	if (run == NULL)
		return;
	run->attempt->claim = NULL;
	if (op->result == CLAIM_GRANTED)
		claim_take_in(run, op);
	if (op->result != CLAIM_FAILED)
		run->engine->is_store_slow = run->engine->is_shared &&
		    claim_mono_ms(run) - run->attempt->asked_ms >
			CLAIM_SEATED_MS;
	if (run->state != RUN_CLAIMING)
		return;
	claim_heard(run, op);
	switch (op->result) {
	case CLAIM_LOST:
		if (run->is_overdue)
			claim_is_overdue(run);
		else
			run_vanish(run);
		break;
	case CLAIM_BLOCKED:
		claim_is_blocked(run, &op->blocker);
		break;
	case CLAIM_LOCKED:
		claim_is_locked(run, op->holder);
		break;
	case CLAIM_EARLY:
		claim_is_early(run, op);
		break;
	case CLAIM_GRANTED:
		claim_go_on(run);
		break;
	case CLAIM_FULL:
		claim_is_full(run);
		break;
	case CLAIM_FAILED:
		claim_failed(run);
		break;
	}
}
