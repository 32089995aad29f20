#include "lib/engine/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/engine/ending.h"
#include "lib/engine/notify.h"
#include "lib/engine/task.h"

/*
 * One question is with the store at a time. What comes up meanwhile (an end, a
 * hint) makes it ask again as soon as it is answered. A question that the store
 * did not answer may have been heard, so it is asked again under its own id:
 * what was taken by it then comes. Only with the session ends that, for what
 * was taken under one that is over is no longer ours.
 */
#define RETRY_MIN_MS 50
#define RETRY_MAX_MS 1000
/* Hints while no slot is free are answered for the sake of `cancel` alone. */
#define BUSY_MS 100
/* The store says that there is more, and has given nothing: not at once. */
#define MORE_MS 10

struct worker {
	struct engine *engine;
	const struct jobfile *file;
	struct worker_counts counts;
	int *running; /* of each handler */
	struct task *tasks;
	struct endings endings;

	struct store_op *take; /* with the store */
	struct ulid take_id;
	bool is_unknown; /* take_id was asked for, and not answered */
	bool is_void;    /* `take` was for a session that is over */
	bool is_wanted;  /* ask again once it is answered */
	int64_t reap_ms; /* monotonic: the next look for what the dead left */
	int64_t pause_ms;
	struct clock_timer timer; /* the next question */

	int stops;
	struct clock_timer patience;
	bool is_stopped, killed_any;
	void (*stopped)(void *data, bool killed_any);
	void *data;
};

static void worker_ask(struct worker *worker);
static void worker_check_stopped(struct worker *worker);

static void
worker_on_timer(struct clock_timer *timer)
{
	worker_ask(timer->data);
}

static int64_t
worker_mono_ms(const struct worker *worker)
{
	return clock_mono_ms(worker->engine->clock);
}

/* At a stop, what may have been taken unheard is to be given back. */
static bool
worker_may_ask(const struct worker *worker)
{
	return worker->stops == 0 || worker->is_unknown;
}

static void
worker_ask_in(struct worker *worker, int64_t ms)
{
	if (worker_may_ask(worker))
		clock_set_in(
		    worker->engine->clock, &worker->timer, ms > 0 ? ms : 1);
}

struct worker *
worker_new(struct engine *engine, const struct jobfile *file)
{
	struct worker *worker = mem_zalloc(1, sizeof *worker);

	worker->engine = engine;
	worker->file = file;
	worker->counts.slots = (size_t)file->queue_workers;
	worker->running = mem_zalloc(file->handlers + 1, sizeof(int));
	worker->endings.engine = engine;
	worker->pause_ms = RETRY_MIN_MS;
	worker->timer.fire = worker_on_timer;
	worker->timer.data = worker;
	return worker;
}

void
worker_free(struct worker *worker)
{
	if (worker == NULL)
		return;
	if (worker->take != NULL)
		worker->take->data = NULL;
	clock_stop(&worker->timer);
	clock_stop(&worker->patience);
	endings_release(&worker->endings);
	free(worker->running);
	free(worker);
}

/* Attempts */

static int *
worker_running(struct worker *worker, const struct job *handler)
{
	return &worker->running[handler - worker->file->handler];
}

static void
worker_on_task(struct task *task)
{
	struct worker *worker = task->owner;
	struct task **at = &worker->tasks;

	while (*at != task)
		at = &(*at)->next;
	*at = task->next;
	worker->counts.running--;
	--*worker_running(worker, task->handler);
	if (task->work.record.reason == RECORD_SHUTDOWN)
		worker->killed_any = true;
	endings_post(&worker->endings, task);
	task_free(task);
	worker_ask(worker);
	worker_check_stopped(worker);
}

static void
worker_begin(
    struct worker *worker, const struct job *handler, struct work *work)
{
	struct task *task = task_new(worker->engine, handler, work);

	task->ended = worker_on_task;
	task->owner = worker;
	task->next = worker->tasks;
	worker->tasks = task;
	worker->counts.running++;
	++*worker_running(worker, handler);
	task_start(task);
}

/* What the store answers */

static const struct job *
worker_find(const struct worker *worker, const char *name)
{
	struct err err;

	return name != NULL ? jobfile_find_handler(worker->file, name, &err)
			    : NULL;
}

static void
worker_take_in(struct worker *worker, struct work *work)
{
	const struct job *handler = worker_find(worker, work->record.job);

	if (handler == NULL || worker->stops != 0 || worker->is_void)
		endings_give_back(&worker->endings, work);
	else
		worker_begin(worker, handler, work);
}

static void
worker_tell(struct worker *worker, const struct ulid *id)
{
	struct task *task;

	for (task = worker->tasks; task != NULL; task = task->next)
		if (memcmp(&task->work.id, id, sizeof *id) == 0)
			task_stop(task, PROC_CANCELLED, false);
}

/* It failed for good, and no attempt of ours says so. */
static void
worker_buried(struct worker *worker, const struct work *work)
{
	struct engine *engine = worker->engine;
	const struct record *record = &work->record;
	const struct job *handler = worker_find(worker, record->job);
	struct store_op *op = store_op_new(STORE_END, record);
	char id[ULID_LEN + 1];

	ulid_format(&work->id, id);
	log_event(LOG_ERROR, "buried", "handler", record->job, "run", id,
	    "reason", record_reason_name(record->reason), "error",
	    record->error, NULL);
	if (handler != NULL)
		notify_end(engine, handler, record, op);
	if (engine->history != NULL)
		engine->history->post(engine->history, op);
	else if (op->done != NULL) /* written already: only to be told */
		engine->queue->post(engine->queue, op);
	else
		store_op_free(op);
}

static void
worker_take_all(struct worker *worker, struct work_op *answer)
{
	size_t i;

	for (i = 0; i < answer->n_told; i++)
		worker_tell(worker, &answer->told[i]);
	for (i = 0; i < answer->n_buried; i++)
		worker_buried(worker, &answer->buried[i]);
	if (answer->n_returned != 0)
		log_line(LOG_WARN,
		    "%zu pieces of work of workers that died are tried again",
		    answer->n_returned);
	for (i = 0; i < answer->n_taken; i++)
		worker_take_in(worker, &answer->taken[i]);
}

static bool
worker_has_room(const struct worker *worker)
{
	return worker->counts.running < worker->counts.slots;
}

/* Not all instances at the same instants. */
static int64_t
worker_poll_ms(void)
{
	return WORKER_POLL_MS -
	    (int64_t)(random_fraction() * WORKER_POLL_MS / 5);
}

static void
worker_ask_later(struct worker *worker, const struct work_op *answer)
{
	bool was_wanted = worker->is_wanted;
	int64_t ms = worker_poll_ms();

	worker->is_wanted = false;
	if (answer->next_due_ms >= 0 && answer->next_due_ms < ms &&
	    worker_has_room(worker))
		ms = answer->next_due_ms;
	if (!worker_has_room(worker)) {
		worker_ask_in(worker, was_wanted ? BUSY_MS : ms);
		return;
	}
	worker_ask_in(worker, ms);
	if (was_wanted || (answer->is_more && answer->n_taken != 0))
		worker_ask(worker);
	else if (answer->is_more)
		worker_ask_in(worker, MORE_MS);
}

static void
worker_not_answered(struct worker *worker)
{
	double part = 1. - random_fraction() / 4;

	worker->is_unknown = true;
	worker->is_wanted = false;
	worker_ask_in(worker, (int64_t)((double)worker->pause_ms * part));
	worker->pause_ms *= 2;
	if (worker->pause_ms > RETRY_MAX_MS)
		worker->pause_ms = RETRY_MAX_MS;
}

static void
worker_on_taken(struct store_op *op)
{
	struct worker *worker = op->data;

	if (worker == NULL)
		return;
	worker->take = NULL;
	if (op->result == CLAIM_FAILED && !worker->is_void) {
		worker_not_answered(worker);
	} else {
		worker->is_unknown = false;
		worker->pause_ms = RETRY_MIN_MS;
		if (op->work->is_reaping)
			worker->reap_ms = worker_mono_ms(worker) +
			    worker_poll_ms();
		worker_take_all(worker, op->work);
		worker->is_void = false;
		worker_ask_later(worker, op->work);
	}
	worker_check_stopped(worker);
}

/* Asking */

static int
worker_room(struct worker *worker, const struct job *handler)
{
	int room = (int)(worker->counts.slots - worker->counts.running);
	int own = handler->workers - *worker_running(worker, handler);

	if (worker->stops != 0)
		return 0;
	return handler->workers != 0 && own < room ? own : room;
}

/* Handlers without room are named too: somebody here knows them. */
static struct store_op *
worker_take_op(struct worker *worker)
{
	struct store_op *op = store_op_new(STORE_WORK, NULL);
	struct work_op *take = op->work = work_op_new(WORK_TAKE);
	const struct jobfile *file = worker->file;
	size_t i;

	take->has_history = worker->engine->history == NULL;
	take->take = worker->take_id;
	if (worker->stops == 0)
		take->most = (int)(worker->counts.slots -
		    worker->counts.running);
	take->is_reaping = worker_mono_ms(worker) >= worker->reap_ms;
	take->n_want = file->handlers;
	take->want = mem_alloc((file->handlers + 1) * sizeof *take->want);
	for (i = 0; i < file->handlers; i++)
		take->want[i] = (struct work_want){
			.handler = file->handler[i].name,
			.n = worker_room(worker, &file->handler[i]),
		};
	take->work.record.owner = worker->engine->self;
	take->work.record.worker = mem_strdup(worker->engine->worker);
	op->done = worker_on_taken;
	op->data = worker;
	return op;
}

static void
worker_ask(struct worker *worker)
{
	struct engine *engine = worker->engine;

	if (!worker_may_ask(worker))
		return;
	if (worker->take != NULL) {
		worker->is_wanted = true;
		return;
	}
	clock_stop(&worker->timer);
	if (!worker->is_unknown)
		worker->take_id = ulid_make(clock_wall_ms(engine->clock));
	worker->take = worker_take_op(worker);
	engine->queue->post(engine->queue, worker->take);
}

void
worker_start(struct worker *worker)
{
	worker_ask(worker);
}

void
worker_rang(struct worker *worker)
{
	int64_t at = worker_mono_ms(worker) + BUSY_MS;

	if (worker_has_room(worker) && !worker->is_unknown)
		worker_ask(worker);
	else if (worker->take == NULL && !worker->is_unknown &&
	    (!clock_is_set(&worker->timer) || worker->timer.at_ms > at))
		worker_ask_in(worker, BUSY_MS);
}

/* Losing what is ours, and stopping */

static void
worker_stop_tasks(struct worker *worker, enum proc_stop why, bool now)
{
	struct task *task;

	for (task = worker->tasks; task != NULL; task = task->next)
		if (why != PROC_LOST_LEASE ||
		    task->handler->on_lease_loss == JOB_LEASE_KILL)
			task_stop(task, why, now);
}

void
worker_lease_lost(struct worker *worker, bool now)
{
	worker_stop_tasks(worker, PROC_LOST_LEASE, now);
	if (!now)
		return;
	worker->is_unknown = false;
	worker->is_void = worker->take != NULL;
}

static void
worker_check_stopped(struct worker *worker)
{
	if (worker->stops == 0 || worker->is_stopped || worker->tasks != NULL)
		return;
	/* what it brings is to be given back; but not for ever */
	if (worker->take != NULL && worker->stops < 2)
		return;
	worker->is_stopped = true;
	clock_stop(&worker->timer);
	clock_stop(&worker->patience);
	worker->stopped(worker->data, worker->killed_any);
}

static void
worker_patience_ends(struct clock_timer *timer)
{
	struct worker *worker = timer->data;

	log_line(LOG_WARN, "stop_timeout is over; stopping what still works");
	worker_stop_tasks(worker, PROC_SHUTDOWN, false);
}

static void
worker_drain(struct worker *worker)
{
	int64_t patience = worker->file->stop_timeout_ms;

	clock_stop(&worker->timer);
	if (worker->is_unknown)
		worker_ask(worker);
	if (patience == JOB_NO_LIMIT)
		return;
	worker->patience.fire = worker_patience_ends;
	worker->patience.data = worker;
	clock_set_in(worker->engine->clock, &worker->patience, patience);
}

void
worker_stop(struct worker *worker, void (*stopped)(void *data, bool killed_any),
    void *data)
{
	worker->stopped = stopped;
	worker->data = data;
	if (worker->stops++ == 0)
		worker_drain(worker);
	else
		worker_stop_tasks(worker, PROC_SHUTDOWN, worker->stops > 2);
	worker_check_stopped(worker);
}

struct worker_counts
worker_counts(const struct worker *worker)
{
	return worker->counts;
}
