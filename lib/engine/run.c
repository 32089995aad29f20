#include "lib/engine/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/engine/attempt.h"
#include "lib/engine/claim.h"
#include "lib/engine/launch.h"
#include "lib/engine/metadata.h"
#include "lib/engine/notify.h"
#include "lib/engine/outcome.h"
#include "lib/engine/retry.h"

void
run_set_state(struct run *run, enum run_state state)
{
	run->state = state;
	run->changed(run);
}

static void run_on_seat(struct pool_seat *seat);

struct run *
run_new(struct engine *engine, const struct job *job, int64_t due_ms,
    enum record_trigger trigger)
{
	struct run *run = mem_zalloc(1, sizeof *run);

	run->engine = engine;
	run->job = job;
	run->id = ulid_make(clock_wall_ms(engine->clock));
	run->due_ms = due_ms;
	run->trigger = trigger;
	run->seat.priority = job->priority;
	/* where slots are short, what no other host can run goes first */
	run->seat.rank = engine_shares(engine, job) ? 1 : 0;
	run->seat.due_ms = due_ms != CLOCK_NONE ? due_ms
						: clock_wall_ms(engine->clock);
	run->seat.seated = run_on_seat;
	run->seat.data = run;
	return run;
}

void
run_free(struct run *run)
{
	struct attempt *attempt;

	if (run == NULL)
		return;
	pool_give(run->engine->pool, &run->seat);
	attempt = run->attempt;
	if (attempt != NULL) {
		claim_forget(run);
		clock_stop(&attempt->timer);
		record_release(&attempt->record);
		free(attempt);
	}
	free(run);
}

/* Records */

static void
run_fill_record(struct run *run, struct record *record)
{
	record_init(record);
	record->id = run->id;
	record->job = mem_strdup(run->job->name);
	record->kind = mem_strdup(run->engine->kind != NULL
		? run->engine->kind
		: job_kind_name(run->job->kind));
	record->trigger = run->trigger;
	record->scheduled_ms = run->due_ms;
	record->worker = mem_strdup(run->engine->worker);
	record->owner = run->engine->self;
	record->metadata = metadata_join(
	    (const char *const *)run->job->metadata);
}

static void
run_post(struct run *run, enum store_op_kind kind)
{
	struct store_port *store = run->engine->store;
	const struct record *record = &run->attempt->record;
	struct store_op *op;

	if (store == NULL) {
		if (kind == STORE_END)
			notify_end(run->engine, run->job, record, NULL);
		return;
	}
	op = store_op_new(kind, record);
	engine_mark_shared(run->engine, run->job, op);
	if (kind == STORE_END)
		notify_end(run->engine, run->job, record, op);
	store->post(store, op);
}

/* An attempt under way */

static void run_attempt_failed_to_launch(struct clock_timer *timer);

static void
run_on_began(struct proc *proc)
{
	struct run *run = proc->data;
	struct identity *leader = &run->attempt->record.leader;

	if (proc->start_ticks != 0) {
		*leader = run->engine->self;
		leader->pid = proc->pid;
		leader->start_ticks = proc->start_ticks;
	} else if (!identity_of(proc->pid, leader)) {
		return;
	}
	if (run->engine->led != NULL)
		run->engine->led(run->engine->led_data, leader);
	run_post(run, STORE_UPDATE);
}

static void
run_on_output(struct proc *proc, int stream, const char *data, size_t n)
{
	struct run *run = proc->data;
	char id[ULID_LEN + 1];

	if (run->job->output == JOB_OUTPUT_PASSTHROUGH) {
		log_pass(data, n);
		return;
	}
	ulid_format(&run->id, id);
	log_output(
	    (struct log_source){ "job", run->job->name }, id, stream, data, n);
}

static void run_on_ended(struct proc *proc, const struct proc_result *result);

static void
run_launch(struct run *run)
{
	struct attempt *attempt = run->attempt;
	struct record *record = &attempt->record;
	struct launch launch = { 0 };

	clock_stop(&attempt->timer);
	if (record->attempt++ == 0 &&
	    (record->started_ms == CLOCK_NONE ||
		engine_shares(run->engine, run->job)))
		record->started_ms = clock_wall_ms(run->engine->clock);
	record->status = RECORD_RUNNING;
	record->retry_at_ms = CLOCK_NONE;
	attempt->began_ms = clock_wall_ms(run->engine->clock);
	run_set_state(run, RUN_RUNNING);
	if (attempt->stop != PROC_NOT_STOPPED ||
	    !launch_prepare(
		&launch, run->engine, run->job, record, &attempt->launch_err)) {
		/* end from the loop, as a command that did not start does */
		attempt->timer.fire = run_attempt_failed_to_launch;
		clock_set_in(run->engine->clock, &attempt->timer, 0);
		goto out;
	}
	attempt->proc = (struct proc){
		.ended = run_on_ended,
		.began = run->engine->store != NULL || run->engine->led != NULL
		    ? run_on_began
		    : NULL,
		.output = !run->engine->is_filter &&
			(run->job->output == JOB_OUTPUT_LOG ||
			    run->job->output == JOB_OUTPUT_PASSTHROUGH)
		    ? run_on_output
		    : NULL,
		.data = run,
	};
	proc_start(run->engine->host, &attempt->proc, &launch.command);
	if (record->attempt == 1)
		notify_start(run->engine, run->job, record);
out:
	launch_release(&launch);
}

/* Before the first attempt */

void
run_end_unstarted(struct run *run, enum record_status status,
    enum record_reason reason, const char *error)
{
	struct record *record = &run->attempt->record;

	clock_stop(&run->attempt->timer);
	record->status = status;
	record->reason = reason;
	free(record->error);
	record->error = mem_strdup(error);
	record->completed_ms = clock_wall_ms(run->engine->clock);
	record->started_ms = CLOCK_NONE;
	if (run->attempt->may_be_held) {
		claim_end(run);
		outcome_log(record);
		run->is_recorded = true;
	}
	pool_give(run->engine->pool, &run->seat);
	run_set_state(run, RUN_ENDED);
}

void
run_vanish(struct run *run)
{
	clock_stop(&run->attempt->timer);
	run->attempt->record.status = RECORD_SKIPPED;
	run->attempt->record.reason = RECORD_NO_REASON;
	pool_give(run->engine->pool, &run->seat);
	run_set_state(run, RUN_ENDED);
}

void
run_go(struct run *run)
{
	run->attempt->is_claimed = true;
	if (run->seat.state == POOL_SEATED) {
		run_launch(run);
		return;
	}
	run_set_state(run, RUN_WAITING);
	pool_ask(run->engine->pool, &run->seat);
}

void
run_put(struct run *run)
{
	struct record *record = &run->attempt->record;
	char id[ULID_LEN + 1];

	record->status = RECORD_COMPLETED;
	record->reason = run->has_waited ? RECORD_LATE : RECORD_NO_REASON;
	record->completed_ms = record->started_ms;
	run->is_recorded = true;
	ulid_format(&run->attempt->work_id, id);
	log_event(LOG_INFO, "put in the queue", "job", record->job, "handler",
	    run->job->handler, "work", id, NULL);
	notify_ended(run->engine, run->job, record, false, -1);
	if (run->engine->put != NULL)
		run->engine->put(run->engine->put_data);
	pool_give(run->engine->pool, &run->seat);
	run_set_state(run, RUN_ENDED);
}

/* The slot */

int64_t
run_time_left_ms(const struct run *run)
{
	const struct job *job = run->job;

	if (run->due_ms == CLOCK_NONE || job->start_deadline_ms == JOB_NO_LIMIT)
		return CLOCK_NEVER;
	return run->due_ms + job_delay_ms(job) + job->start_deadline_ms -
	    engine_now_ms(run->engine, job);
}

bool
run_is_too_late(const struct run *run)
{
	return run_time_left_ms(run) < 0;
}

struct attempt *
run_attempt(struct run *run)
{
	if (run->attempt == NULL) {
		run->attempt = mem_zalloc(1, sizeof *run->attempt);
		run->attempt->timer.data = run;
		run_fill_record(run, &run->attempt->record);
	}
	return run->attempt;
}

static bool
run_has_begun(const struct run *run)
{
	return run->attempt != NULL && run->attempt->record.attempt != 0;
}

/* It is its turn: with a slot, or before it has one. */
static void
run_proceed(struct run *run)
{
	struct attempt *attempt = run_attempt(run);

	if (run_has_begun(run)) /* a retry: the instant is its own */
		run_launch(run);
	else if (run_is_too_late(run))
		run_end_unstarted(run, RECORD_SKIPPED, RECORD_LATE,
		    attempt->is_claimed || run->seat.state == POOL_SEATED
			? "no slot within its start_deadline"
			: "not begun within its start_deadline");
	else if (run->engine->store == NULL && run->job->handler != NULL)
		run_end_unstarted(run, RECORD_SKIPPED, RECORD_STORE,
		    "there is no queue for its work");
	else if (attempt->is_claimed || run->engine->store == NULL)
		run_launch(run);
	else
		claim_ask(run);
}

static void
run_on_seat(struct pool_seat *seat)
{
	struct run *run = seat->data;

	run->has_waited |= seat->has_waited;
	/* the store turned slow while it waited: others need the slot more */
	if (!run_has_begun(run) && claim_goes_first(run))
		pool_give(run->engine->pool, seat);
	run_proceed(run);
}

void
run_begin(struct run *run)
{
	run->state = RUN_WAITING;
	/* it may be gone after either */
	if (!run_has_begun(run) && claim_goes_first(run))
		run_proceed(run);
	else
		pool_ask(run->engine->pool, &run->seat);
}

/* The end of an attempt */

static void
run_rest_is_over(struct clock_timer *timer)
{
	struct run *run = timer->data;

	if (claim_resumes(run))
		claim_resume(run);
	else
		run_begin(run);
}

static void
run_rest(struct run *run)
{
	struct attempt *attempt = run->attempt;
	struct record *record = &attempt->record;
	int64_t now = clock_wall_ms(run->engine->clock);
	int64_t delay = retry_delay_ms(
	    &run->job->retry, record->attempt, random_fraction());

	outcome_add_attempt(record, attempt->began_ms);
	record->status = RECORD_PENDING;
	record->retry_at_ms = now + delay;
	record->completed_ms = CLOCK_NONE;
	record->leader = (struct identity){ 0 };
	attempt->timer.fire = run_rest_is_over;
	clock_set_in(run->engine->clock, &attempt->timer, delay);
	run_post(run, STORE_UPDATE);
	outcome_log_retry(record, delay);
	notify_retry(run->engine, run->job, record, delay);
	pool_give(run->engine->pool, &run->seat);
	run_set_state(run, RUN_RESTING);
}

static void
run_finish(struct run *run)
{
	struct record *record = &run->attempt->record;

	if (run->lost_lease && record->reason == RECORD_NO_REASON)
		record->reason = RECORD_LOST_LEASE;
	else if (run->has_waited && record->reason == RECORD_NO_REASON)
		record->reason = RECORD_LATE;
	if (record->attempts != NULL)
		outcome_add_attempt(record, run->attempt->began_ms);
	record->leader = (struct identity){ 0 };
	run_post(run, STORE_END);
	outcome_log(record);
	pool_give(run->engine->pool, &run->seat);
	run_set_state(run, RUN_ENDED);
}

static void
run_after_attempt(struct run *run, const struct proc_result *result)
{
	struct attempt *attempt = run->attempt;
	struct record *record = &attempt->record;

	attempt->exec_errno = result->started || result->step != SPAWN_EXEC
	    ? 0
	    : result->err.sys;
	outcome_fill(record, run->job, result);
	if (record->completed_ms == CLOCK_NONE)
		record->completed_ms = clock_wall_ms(run->engine->clock);
	launch_take_metadata(run->engine, record);
	if (record->status == RECORD_FAILED && !run->engine->is_last_attempt &&
	    retry_is_wanted(&run->job->retry, record->attempt, record->reason,
		record->exit_code))
		run_rest(run);
	else
		run_finish(run);
}

static void
run_on_ended(struct proc *proc, const struct proc_result *result)
{
	run_after_attempt(proc->data, result);
}

static void
run_attempt_failed_to_launch(struct clock_timer *timer)
{
	struct run *run = timer->data;
	struct proc_result result = { .exit_code = -1, .max_rss_kb = -1 };

	result.err = run->attempt->launch_err;
	result.stop = run->attempt->stop;
	run_after_attempt(run, &result);
}

struct run *
run_resume(
    struct engine *engine, const struct job *job, const struct record *record)
{
	struct run *run = run_new(
	    engine, job, record->scheduled_ms, record->trigger);
	struct attempt *attempt;

	run->id = record->id;
	attempt = run_attempt(run);
	attempt->is_claimed = true;
	record_release(&attempt->record);
	record_copy(&attempt->record, record);
	attempt->record.owner = engine->self;
	run->state = RUN_RESTING;
	attempt->timer.fire = run_rest_is_over;
	clock_set_at(engine->clock, &attempt->timer, record->retry_at_ms);
	return run;
}

/* Stopping */

static void
run_stop_attempt(struct run *run, enum proc_stop why, bool now)
{
	struct attempt *attempt = run->attempt;

	if (attempt->stop == PROC_NOT_STOPPED)
		attempt->stop = why;
	if (attempt->proc.host != NULL)
		proc_stop(&attempt->proc, why, now);
}

static void
run_stop_waiting(struct run *run, enum proc_stop why)
{
	clock_stop(&run_attempt(run)->timer);
	if (why == PROC_REPLACED)
		run_end_unstarted(run, RECORD_SKIPPED, RECORD_SUPERSEDED,
		    "replaced before it began");
	else if (why == PROC_SHUTDOWN)
		run_end_unstarted(run, RECORD_SKIPPED, RECORD_SHUTDOWN,
		    "its scheduler stopped before it began");
	else if (why == PROC_LOST_LEASE)
		run_end_unstarted(run, RECORD_SKIPPED, RECORD_LOST_LEASE,
		    "the store was out of reach for too long");
	else
		run_end_unstarted(run, RECORD_CANCELLED,
		    RECORD_CANCELLED_BY_USER, "cancelled before it began");
}

/* A rest that ends for good keeps the failure that it rested from. */
static void
run_end_rest(struct run *run, enum record_status status,
    enum record_reason reason, const char *why)
{
	struct record *record = &run->attempt->record;
	char *error = mem_printf(
	    "%s; %s", record->error != NULL ? record->error : "failed", why);

	clock_stop(&run->attempt->timer);
	claim_forget(run);
	pool_give(run->engine->pool, &run->seat);
	record->status = status;
	record->reason = reason;
	record->retry_at_ms = CLOCK_NONE;
	free(record->error);
	record->error = error;
	run_post(run, STORE_END);
	outcome_log(record);
	run_set_state(run, RUN_ENDED);
}

void
run_stop(struct run *run, enum proc_stop why, bool now)
{
	switch (run->state) {
	case RUN_NEW:
	case RUN_WAITING:
		if (!run_has_begun(run))
			run_stop_waiting(run, why);
		else
			run_end_rest(run, RECORD_CANCELLED,
			    RECORD_CANCELLED_BY_USER, "cancelled");
		break;
	case RUN_CLAIMING:
		/* an answer may never come */
		if (run->is_sure)
			run_stop_waiting(run, why);
		else
			run_stop_attempt(run, why, now);
		break;
	case RUN_RUNNING:
		run_stop_attempt(run, why, now);
		break;
	case RUN_RESTING:
		run_end_rest(run, RECORD_CANCELLED, RECORD_CANCELLED_BY_USER,
		    "cancelled");
		break;
	case RUN_ENDED:
		break;
	}
}

void
run_shelve(struct run *run)
{
	if (run->state != RUN_RESTING || run->attempt->claim == NULL)
		return;
	/* the attempt that the store was told of is not made */
	run->attempt->record.attempt++;
	run_post(run, STORE_UPDATE);
}

void
run_supersede(struct run *run, const struct ulid *by)
{
	char id[ULID_LEN + 1], why[64];

	ulid_format(by, id);
	snprintf(why, sizeof why, "not tried again, for %s is due", id);
	run_end_rest(run, RECORD_FAILED, RECORD_SUPERSEDED, why);
}

void
run_signal(struct run *run, int signal)
{
	if (run->state == RUN_RUNNING && run->attempt->proc.pid != 0)
		proc_signal(&run->attempt->proc, signal);
}

bool
run_is_unsettled(const struct run *run)
{
	const struct attempt *attempt = run->attempt;

	if (run->trigger == RECORD_IMMEDIATE || run->is_rerun)
		return false;
	if (attempt == NULL)
		return true;
	/* in a store of our own, what is posted first is applied first */
	return !attempt->is_claimed && run->state != RUN_ENDED &&
	    (run->is_queued || engine_shares(run->engine, run->job));
}

bool
run_is_idle(const struct run *run)
{
	return run->state == RUN_WAITING &&
	    (run->attempt == NULL ||
		(!run_has_begun(run) && !run->attempt->may_be_held));
}

bool
run_is_leased(const struct run *run)
{
	return run->attempt != NULL && run->attempt->is_claimed &&
	    run->attempt->record.fence != 0 && run->state != RUN_ENDED &&
	    engine_shares(run->engine, run->job);
}

const struct record *
run_record(const struct run *run)
{
	return run->attempt != NULL ? &run->attempt->record : NULL;
}

int
run_exec_errno(const struct run *run)
{
	return run->attempt != NULL ? run->attempt->exec_errno : 0;
}
