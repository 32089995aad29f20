#include "lib/engine/overdue.h"

#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/engine/hook.h"
#include "lib/engine/monitor.h"
#include "lib/engine/notify.h"

struct watched {
	struct overdue *overdue;
	const struct job *job;
	struct store_port *store;
	int64_t look_ms; /* CLOCK_NEVER: not before the store has answered */
};

struct overdue {
	struct engine *engine;
	struct watched *watched;
	size_t n;
	int64_t since_ms; /* watched since then */
	struct clock_timer timer;
	bool is_stopped;
};

static void overdue_on_time(struct clock_timer *timer);

static void
overdue_add(
    struct overdue *overdue, const struct job *job, struct store_port *store)
{
	/* by no clock is a job late that has no threshold */
	if (!hook_is_set(job, JOB_ON_LATE) || store == NULL ||
	    monitor_threshold_ms(job, overdue->since_ms) == CLOCK_NONE)
		return;
	overdue->watched = mem_grow(
	    overdue->watched, overdue->n + 1, sizeof *overdue->watched);
	overdue->watched[overdue->n++] = (struct watched){
		.overdue = overdue,
		.job = job,
		.store = store,
	};
}

struct overdue *
overdue_new(struct engine *engine, const struct jobfile *file, bool has_jobs,
    bool has_handlers)
{
	struct overdue *overdue = mem_zalloc(1, sizeof *overdue);
	struct store_port *ends = engine->history != NULL ? engine->history
							  : engine->queue;
	size_t i;

	overdue->engine = engine;
	overdue->since_ms = clock_wall_ms(engine->clock);
	overdue->timer.fire = overdue_on_time;
	overdue->timer.data = overdue;
	for (i = 0; has_jobs && i < file->n; i++)
		overdue_add(overdue, &file->job[i], engine->store);
	for (i = 0; has_handlers && i < file->handlers; i++)
		overdue_add(overdue, &file->handler[i], ends);
	if (overdue->n > 0)
		return overdue;
	free(overdue);
	return NULL;
}

void
overdue_free(struct overdue *overdue)
{
	if (overdue == NULL)
		return;
	clock_stop(&overdue->timer);
	free(overdue->watched);
	free(overdue);
}

/* When to look */

static void
overdue_arm(struct overdue *overdue)
{
	int64_t first = CLOCK_NEVER;
	size_t i;

	for (i = 0; i < overdue->n; i++)
		if (overdue->watched[i].look_ms < first)
			first = overdue->watched[i].look_ms;
	if (first == CLOCK_NEVER || overdue->is_stopped)
		clock_stop(&overdue->timer);
	else
		clock_set_at(overdue->engine->clock, &overdue->timer, first);
}

/* What has last been seen of it then, it could be overdue only now. */
static int64_t
overdue_deadline_ms(const struct job *job, int64_t last_ms)
{
	const struct monitor_facts facts = {
		.job = job,
		.live_started_ms = last_ms,
		.first_ms = last_ms,
	};

	return monitor_deadline_ms(&facts);
}

static void
overdue_plan(struct watched *watched, int64_t last_ms, int64_t now_ms)
{
	int64_t at = overdue_deadline_ms(watched->job, last_ms), grace;

	if (at != CLOCK_NEVER) {
		grace = monitor_grace_ms(watched->job, at);
		at += grace + 1;
	}
	watched->look_ms = at < now_ms + OVERDUE_LEAST_MS
	    ? now_ms + OVERDUE_LEAST_MS
	    : at;
}

/* Asking */

static void
overdue_tell(struct watched *watched, int64_t last_ms, int64_t now_ms)
{
	const struct job *job = watched->job;
	char *reason = monitor_describe_overdue(job, last_ms, now_ms);
	const struct monitor_row row = {
		.job = job->name,
		.zone = job->when.zone,
		.state = monitor_state_name(MONITOR_OVERDUE),
		.reason = reason,
		.since_ms = overdue_deadline_ms(job, last_ms),
	};

	log_event(
	    LOG_WARN, "overdue", "job", job->name, "reason", reason, NULL);
	notify_late(watched->overdue->engine, job, &row);
	free(reason);
}

static void
overdue_on_answer(struct store_op *op)
{
	struct watched *watched = op->data;
	struct overdue *overdue = watched->overdue;
	int64_t now = clock_wall_ms(overdue->engine->clock);

	if (op->result != CLAIM_GRANTED) {
		watched->look_ms = now + OVERDUE_AGAIN_MS;
	} else {
		if (op->is_telling)
			overdue_tell(watched, op->late.last_ms, now);
		overdue_plan(watched,
		    op->late.last_ms < op->late.before_ms ? now
							  : op->late.last_ms,
		    now);
	}
	overdue_arm(overdue);
}

static void
overdue_ask(struct watched *watched, int64_t now_ms)
{
	const struct job *job = watched->job;
	struct store_op *op;
	struct record record;

	record_init(&record);
	record.job = mem_strdup(job->name);
	record.kind = mem_strdup(job_kind_name(job->kind));
	op = store_op_new(STORE_LATE, &record);
	record_release(&record);
	op->late.by_start = job->expect_ms == JOB_NO_LIMIT;
	op->late.before_ms = monitor_threshold_ms(job, now_ms);
	op->late.first_ms = watched->overdue->since_ms;
	op->done = overdue_on_answer;
	op->data = watched;
	watched->look_ms = CLOCK_NEVER;
	watched->store->post(watched->store, op);
}

static void
overdue_on_time(struct clock_timer *timer)
{
	struct overdue *overdue = timer->data;
	int64_t now = clock_wall_ms(overdue->engine->clock);
	size_t i;

	for (i = 0; i < overdue->n; i++)
		if (overdue->watched[i].look_ms <= now)
			overdue_ask(&overdue->watched[i], now);
	overdue_arm(overdue);
}

void
overdue_start(struct overdue *overdue)
{
	struct watched *watched;
	size_t i;

	if (overdue == NULL)
		return;
	for (i = 0; i < overdue->n; i++) {
		watched = &overdue->watched[i];
		if (watched->job->expect_ms != JOB_NO_LIMIT)
			watched->look_ms = overdue->since_ms;
		else
			overdue_plan(
			    watched, overdue->since_ms, overdue->since_ms);
	}
	overdue_arm(overdue);
}

void
overdue_stop(struct overdue *overdue)
{
	if (overdue == NULL)
		return;
	overdue->is_stopped = true;
	clock_stop(&overdue->timer);
}
