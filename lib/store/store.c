#include "lib/store/store.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/backend.h"
#include "lib/store/redis.h"
#include "lib/store/sqlite.h"

enum store_opened
store_open(const char *where, enum store_mode mode, struct store_limits limits,
    struct store **store, char **note, struct err *err)
{
	if (note != NULL)
		*note = NULL;
	if (redis_url_is(where))
		return redis_open(where, mode, limits, store, note, err);
	if (strcmp(where, "memory") != 0)
		return sqlite_open(where, mode, limits, store, note, err);
	if (mode != STORE_READ)
		return sqlite_open(NULL, mode, limits, store, note, err);
	err_set(err, ERR_UNREACHABLE,
	    "the store is 'memory': only the scheduler that runs has its "
	    "history");
	return STORE_FAILED;
}

void
store_close(struct store *store)
{
	if (store != NULL)
		store->ops->close(store);
}

struct store_op *
store_op_new(enum store_op_kind kind, const struct record *record)
{
	struct store_op *op = mem_zalloc(1, sizeof *op);

	op->kind = kind;
	op->watermark_ms = op->before_ms = op->store_ms = CLOCK_NONE;
	op->gap.from_ms = CLOCK_NONE;
	op->tell_again_ms = STORE_TELL_NOBODY;
	op->failures = -1;
	if (record != NULL)
		record_copy(&op->record, record);
	else
		record_init(&op->record);
	return op;
}

void
store_op_free(struct store_op *op)
{
	if (op == NULL)
		return;
	record_release(&op->record);
	free(op->lock);
	free(op->holder);
	free(op->gaps);
	work_op_free(op->work);
	free(op);
}

bool
store_op_claims(const struct store_op *op)
{
	if (op->kind != STORE_BEGIN || op->record.scheduled_ms == CLOCK_NONE)
		return false;
	return op->record.trigger == RECORD_SCHEDULE ||
	    op->record.trigger == RECORD_CATCH_UP ||
	    op->record.trigger == RECORD_REBOOT;
}

bool
store_apply(
    struct store *store, struct store_op **ops, size_t n, struct err *err)
{
	size_t i;

	if (store->ops->apply(store, ops, n, err))
		return true;
	for (i = 0; i < n; i++)
		ops[i]->result = CLAIM_FAILED;
	return false;
}

bool
store_is_late(const struct store *store)
{
	return store->ops->come != NULL;
}

bool
store_come(struct store *store, struct store_start *found, struct err *err)
{
	*found = (struct store_start){ 0 };
	if (store->ops->come == NULL || store->ops->come(store, found, err))
		return true;
	store_start_release(found);
	return false;
}

void
store_rest(struct store *store)
{
	if (store->ops->rest != NULL)
		store->ops->rest(store);
}

bool
store_take_over(struct store *store, const struct identity *self,
    int64_t now_ms, struct store_start *start, struct err *err)
{
	*start = (struct store_start){ 0 };
	if (store->ops->take_over(store, self, now_ms, start, err))
		return true;
	store_start_release(start);
	return false;
}

/* Of a job's runs the last one given stays. */
void
store_start_add_gone(struct store_start *start, const struct record *record)
{
	size_t i;

	for (i = 0; i < start->n_gone; i++)
		if (strcmp(start->gone[i].job, record->job) == 0)
			break;
	if (i < start->n_gone) {
		record_release(&start->gone[i]);
	} else {
		start->gone = mem_grow(
		    start->gone, start->n_gone + 1, sizeof *start->gone);
		start->n_gone++;
	}
	record_copy(&start->gone[i], record);
}

static void
release_records(struct record *record, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		record_release(&record[i]);
	free(record);
}

void
store_start_release(struct store_start *start)
{
	size_t i;

	for (i = 0; i < start->jobs; i++)
		free(start->job[i].name);
	free(start->job);
	release_records(start->pending, start->n_pending);
	release_records(start->alive, start->n_alive);
	release_records(start->gone, start->n_gone);
	for (i = 0; i < start->n_again; i++)
		free(start->again[i].job);
	free(start->again);
	*start = (struct store_start){ 0 };
}

bool
store_reap(struct store *store, int64_t now_ms, struct store_start *start,
    struct err *err)
{
	*start = (struct store_start){ 0 };
	if (store->ops->reap == NULL ||
	    store->ops->reap(store, now_ms, start, err))
		return true;
	store_start_release(start);
	return false;
}

void
store_bind(struct store *store, const struct store_session *session)
{
	if (store->ops->bind != NULL)
		store->ops->bind(store, session);
}
