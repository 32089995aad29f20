#include "test/world/world_store.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

struct kept *
world_store_find(struct world_store *store, const char *job)
{
	size_t i;

	for (i = 0; i < store->n; i++)
		if (strcmp(store->job[i].job, job) == 0)
			return &store->job[i];
	store->job = mem_grow(store->job, store->n + 1, sizeof *store->job);
	store->job[store->n] = (struct kept){ .job = mem_strdup(job),
		.first_ms = CLOCK_NONE,
		.watermark_ms = CLOCK_NONE };
	return &store->job[store->n++];
}

static struct record *
store_find_record(struct world_store *store, const struct ulid *id)
{
	size_t i;

	for (i = 0; i < store->records; i++)
		if (memcmp(&store->record[i].id, id, sizeof *id) == 0)
			return &store->record[i];
	return NULL;
}

static void
store_put(struct world_store *store, const struct record *record)
{
	struct record *at = store_find_record(store, &record->id);

	if (at == NULL) {
		store->record = mem_grow(
		    store->record, store->records + 1, sizeof *store->record);
		at = &store->record[store->records++];
		record_init(at);
	}
	record_release(at);
	record_copy(at, record);
}

static void
store_drop(struct world_store *store, const struct record *record)
{
	struct record *at = store_find_record(store, &record->id);

	if (at == NULL)
		return;
	record_release(at);
	*at = store->record[--store->records];
}

static void
store_tell(struct world_store *store, const struct record *record)
{
	struct world *world = store->world;
	struct world_event event = {
		.what = WORLD_RECORD,
		.at_ms = clock_wall_ms(world->clock),
		.due_ms = record->scheduled_ms,
		.job = record->job,
		.status = record->status,
		.reason = record->reason,
		.trigger = record->trigger,
		.attempt = record->attempt,
		.count = record->count > 1 ? record->count : 1,
	};

	if (world->event != NULL)
		world->event(world, &event);
}

static void
store_begin_run(
    struct world_store *store, struct kept *job, struct store_op *op)
{
	const struct record *record = &op->record;

	op->result = CLAIM_GRANTED;
	if (record->trigger == RECORD_SCHEDULE ||
	    record->trigger == RECORD_CATCH_UP) {
		if (job->watermark_ms != CLOCK_NONE &&
		    record->scheduled_ms <= job->watermark_ms) {
			op->result = CLAIM_LOST;
			world_fault(
			    store->world, "%s: a claim was lost", record->job);
			return;
		}
		job->watermark_ms = record->scheduled_ms;
		job->settled++;
	}
	store_put(store, record);
}

static void
store_apply_one(struct world_store *store, struct store_op *op)
{
	struct kept *job = world_store_find(store, op->record.job);

	switch (op->kind) {
	case STORE_BEGIN:
		store_begin_run(store, job, op);
		break;
	case STORE_UPDATE:
		store_put(store, &op->record);
		break;
	case STORE_END:
		store_drop(store, &op->record);
		store_tell(store, &op->record);
		incident_end(
		    &job->incident, op, clock_wall_ms(store->world->clock));
		break;
	case STORE_SKIP:
		if (op->record.trigger != RECORD_IMMEDIATE)
			job->settled += op->record.count;
		if (op->watermark_ms != CLOCK_NONE &&
		    op->watermark_ms > job->watermark_ms)
			job->watermark_ms = op->watermark_ms;
		store_tell(store, &op->record);
		break;
	case STORE_WATERMARK:
		if (job->first_ms == CLOCK_NONE ||
		    op->watermark_ms < job->watermark_ms) {
			job->first_ms = op->watermark_ms;
			job->settled = 0;
		}
		job->watermark_ms = op->watermark_ms;
		break;
	case STORE_ONCE:
	case STORE_WORK:
	case STORE_LATE:
		break;
	}
}

static void
store_answer(struct store_op *op)
{
	void (*done)(struct store_op * op) = op->done;

	op->done = NULL;
	if (done != NULL)
		done(op);
}

/*
 * While the store is down claims are answered and all waits, in order. Answers
 * may post more: never hold the list over one.
 */
static void
store_refuse(struct world_store *store)
{
	struct store_op *op;

	for (op = store->first; op != NULL; op = op->next) {
		if (op->done == NULL)
			continue;
		op->result = CLAIM_FAILED;
		store_answer(op);
	}
}

void
world_store_flush(struct world_store *store)
{
	struct store_op *op;

	if (store->world->store_is_down) {
		store_refuse(store);
		return;
	}
	while ((op = store->first) != NULL) {
		store->first = op->next;
		op->next = NULL;
		store_apply_one(store, op);
		store_answer(op);
		store_op_free(op);
	}
}

static void
store_on_timer(struct clock_timer *timer)
{
	world_store_flush(timer->data);
}

static void
store_post(struct store_port *port, struct store_op *op)
{
	struct world_store *store = (struct world_store *)port;
	struct store_op **at = &store->first;

	while (*at != NULL)
		at = &(*at)->next;
	*at = op;
	if (!clock_is_set(&store->timer))
		clock_set_in(store->world->clock, &store->timer,
		    store->world->store_delay_ms);
}

struct world_store *
world_store_new(struct world *world)
{
	struct world_store *store = mem_zalloc(1, sizeof *store);

	store->port.post = store_post;
	store->world = world;
	store->timer.fire = store_on_timer;
	store->timer.data = store;
	return store;
}

void
world_store_crash(struct world_store *store)
{
	struct store_op *op;

	clock_stop(&store->timer);
	while ((op = store->first) != NULL) {
		store->first = op->next;
		store_op_free(op);
	}
}

void
world_store_free(struct world_store *store)
{
	size_t i;

	world_store_crash(store);
	for (i = 0; i < store->n; i++)
		free(store->job[i].job);
	for (i = 0; i < store->records; i++)
		record_release(&store->record[i]);
	free(store->job);
	free(store->record);
	free(store);
}

/* Runs of the scheduler that died are lost; retries wait on. */
static void
store_take_pending(struct world_store *store, struct store_start *start)
{
	size_t i = 0;

	start->pending = mem_zalloc(store->records, sizeof *start->pending);
	while (i < store->records) {
		struct record *record = &store->record[i];

		if (record->status == RECORD_PENDING) {
			record_copy(
			    &start->pending[start->n_pending++], record);
			i++;
			continue;
		}
		record->status = RECORD_LOST;
		world_store_find(store, record->job)->incident.failures++;
		store_tell(store, record);
		store_drop(store, record);
		start->lost++;
	}
}

void
world_store_start(struct world_store *store, struct store_start *start)
{
	bool was_down = store->world->store_is_down;
	size_t i;

	/* what the last scheduler could not write was spooled to a file */
	store->world->store_is_down = false;
	world_store_flush(store);
	store->world->store_is_down = was_down;
	*start = (struct store_start){ 0 };
	store_take_pending(store, start);
	start->job = mem_zalloc(store->n, sizeof *start->job);
	for (i = 0; i < store->n; i++)
		start->job[start->jobs++] = (struct store_job){
			mem_strdup(store->job[i].job),
			store->job[i].watermark_ms
		};
}
