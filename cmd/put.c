#include "cmd/put.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/patience.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"

/* Between two looks at a queue that is full. */
#define PUT_PAUSE_MS     INT64_C(10)
#define PUT_PAUSE_MAX_MS INT64_C(250)
/* For what was overtaken by pieces behind it, since room came up meanwhile. */
#define PUT_OVERTAKEN_MS INT64_C(1000)

struct store_op *
put_op_new(const struct put *put, char *payload, size_t n)
{
	struct store_op *op = shelf_op_new(put->shelf, WORK_PUT);
	const struct jobfile *file = &put->shelf->cli->jobfile;
	struct work *work = &op->work->work;

	work->id = ulid_make(clock_now_ms());
	work->key = mem_strdup(put->key);
	work->priority = put->priority;
	work->lead_ms = work_lead_ms(put->priority, file->queue_aging_ms);
	work->retry_max = put->retry_max;
	work->retry_delay_ms = put->retry_delay_ms;
	work->timeout_ms = put->timeout_ms;
	work->due_ms = put->due_ms;
	work->payload = payload;
	work->payload_len = n;
	work->record.id = work->id;
	work->record.job = mem_strdup(put->handler->name);
	work->record.kind = mem_strdup(job_kind_name(JOB_HANDLER));
	work->record.metadata = mem_strdup(put->metadata);
	op->work->delay_ms = put->delay_ms;
	op->work->size = file->queue_size;
	op->work->put = WORK_FULL; /* until it is in */
	return op;
}

bool
put_is_in(const struct store_op *op)
{
	return op->work->put == WORK_ADDED || op->work->put == WORK_KNOWN;
}

/* Those that found no room, in their order. *is_overtaken: not just the last */
static size_t
put_rest(
    struct store_op **ops, size_t n, struct store_op **rest, bool *is_overtaken)
{
	size_t i, full = 0;

	*is_overtaken = false;
	for (i = 0; i < n; i++) {
		if (ops[i]->work->put == WORK_FULL)
			rest[full++] = ops[i];
		else if (full > 0)
			*is_overtaken = true;
	}
	return full;
}

static bool
put_may_wait(const struct put *put, struct patience *block,
    struct patience *overtaken, bool is_overtaken)
{
	if (put->is_told_to_stop != NULL && put->is_told_to_stop())
		return false;
	if (put->block_ms != 0)
		return patience_pause(block);
	return is_overtaken && patience_pause(overtaken);
}

enum put_result
put_all(const struct put *put, struct store_op **ops, size_t n, struct err *err)
{
	struct store_op **rest = mem_zalloc(n, sizeof(struct store_op *));
	struct patience block, overtaken;
	enum put_result result = PUT_FAILED;
	bool is_overtaken;
	size_t left;

	patience_begin(&block, put->block_ms, PUT_PAUSE_MS, PUT_PAUSE_MAX_MS);
	patience_begin(
	    &overtaken, PUT_OVERTAKEN_MS, PUT_PAUSE_MS, PUT_PAUSE_MAX_MS);
	left = put_rest(ops, n, rest, &is_overtaken);
	while (shelf_apply(put->shelf, rest, left, err)) {
		left = put_rest(ops, n, rest, &is_overtaken);
		result = left == 0 ? PUT_IN : PUT_FULL;
		if (left == 0 ||
		    !put_may_wait(put, &block, &overtaken, is_overtaken))
			break;
		result = PUT_FAILED;
	}
	free(rest);
	return result;
}
