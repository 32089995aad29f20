#include "lib/engine/ending.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/engine/notify.h"
#include "lib/engine/outcome.h"

struct ending {
	struct endings *endings;
	struct ending *next;
	const struct job *handler;
	struct ulid id;
	int attempt;
	struct record *record; /* for a history of its own; NULL: none */
	/* Whose the answer was before it became ours; NULL: nobody's. */
	void (*done)(struct store_op *op);
	void *data;
};

static void
ending_free(struct ending *ending)
{
	struct ending **at = &ending->endings->first;

	while (*at != ending)
		at = &(*at)->next;
	*at = ending->next;
	if (ending->record != NULL)
		record_release(ending->record);
	free(ending->record);
	free(ending);
}

static void
ending_log_stale(const struct ending *ending)
{
	char id[ULID_LEN + 1], attempt[16];

	ulid_format(&ending->id, id);
	snprintf(attempt, sizeof attempt, "%d", ending->attempt);
	log_event(LOG_WARN,
	    "its end is dropped: another attempt has the work by now",
	    "handler", ending->handler->name, "work", id, "attempt", attempt,
	    NULL);
}

static void
ending_record(struct ending *ending, bool is_told)
{
	struct engine *engine = ending->endings->engine;
	struct store_op *op = store_op_new(STORE_END, ending->record);

	if (is_told)
		notify_end(engine, ending->handler, ending->record, op);
	engine->history->post(engine->history, op);
}

static void
ending_on_answer(struct store_op *op)
{
	struct ending *ending = op->data;

	if (op->result == CLAIM_LOST)
		ending_log_stale(ending);
	else if (ending->record != NULL)
		ending_record(ending, true);
	op->done = ending->done;
	op->data = ending->data;
	ending_free(ending);
	if (op->done != NULL)
		op->done(op);
}

static void
ending_post(struct endings *endings, const struct job *handler,
    struct store_op *op, struct record *record)
{
	struct ending *ending = mem_zalloc(1, sizeof *ending);
	struct engine *engine = endings->engine;

	*ending = (struct ending){
		.endings = endings,
		.next = endings->first,
		.handler = handler,
		.id = op->work->work.id,
		.attempt = op->work->work.attempts,
		.record = record,
		.done = op->done,
		.data = op->data,
	};
	endings->first = ending;
	op->done = ending_on_answer;
	op->data = ending;
	engine->queue->post(engine->queue, op);
}

static void
ending_log(const struct task *task)
{
	const struct record *record = &task->work.record;
	char id[ULID_LEN + 1];

	switch (task->end) {
	case TASK_END:
		outcome_log(record);
		return;
	case TASK_AGAIN:
		outcome_log_retry(record, task->delay_ms);
		return;
	case TASK_RELEASE:
		break;
	}
	ulid_format(&task->work.id, id);
	log_event(LOG_WARN, "given back to the queue", "handler",
	    task->handler->name, "run", id, "error", record->error, NULL);
}

/* What END and AGAIN need of the work: all but the payload. */
static struct store_op *
ending_op(enum work_op_kind kind, struct work *work)
{
	struct store_op *op = store_op_new(STORE_WORK, NULL);

	op->work = work_op_new(kind);
	op->work->work = *work;
	free(op->work->work.payload);
	op->work->work.payload = NULL;
	op->work->work.payload_len = 0;
	work_init(work);
	return op;
}

void
endings_post(struct endings *endings, struct task *task)
{
	static const enum work_op_kind kind[] = {
		[TASK_END] = WORK_END,
		[TASK_AGAIN] = WORK_AGAIN,
		[TASK_RELEASE] = WORK_RELEASE,
	};
	struct engine *engine = endings->engine;
	struct record *record = NULL;
	struct store_op *op;

	ending_log(task);
	op = ending_op(kind[task->end], &task->work);
	op->work->has_history = engine->history == NULL;
	op->work->delay_ms = task->delay_ms;
	if (task->end == TASK_AGAIN)
		notify_retry(engine, task->handler, &op->work->work.record,
		    task->delay_ms);
	if (task->end == TASK_END && engine->history != NULL) {
		record = mem_alloc(sizeof *record);
		record_copy(record, &op->work->work.record);
	} else if (task->end == TASK_END) {
		notify_end(engine, task->handler, &op->work->work.record, op);
	}
	ending_post(endings, task->handler, op, record);
}

void
endings_give_back(struct endings *endings, const struct work *work)
{
	struct engine *engine = endings->engine;
	struct store_op *op = store_op_new(STORE_WORK, NULL);

	op->work = work_op_new(WORK_RELEASE);
	op->work->work.id = work->id;
	op->work->work.take = work->take;
	op->work->work.record.id = work->record.id;
	op->work->work.record.job = mem_strdup(work->record.job);
	engine->queue->post(engine->queue, op);
}

void
endings_release(struct endings *endings)
{
	while (endings->first != NULL) {
		if (endings->first->record != NULL)
			ending_record(endings->first, false);
		ending_free(endings->first);
	}
}
