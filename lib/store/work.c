#include "lib/store/work.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

static const char *const state_name[WORK_STATES] = {
	[WORK_READY] = "ready",
	[WORK_DELAYED] = "delayed",
	[WORK_RUNNING] = "running",
	[WORK_BURIED] = "buried",
	[WORK_DONE] = "done",
	[WORK_CANCELLED] = "cancelled",
};

const char *
work_state_name(enum work_state state)
{
	return state_name[state];
}

bool
work_state_find(const char *name, enum work_state *state)
{
	int i;

	for (i = 0; i < WORK_STATES; i++)
		if (strcmp(state_name[i], name) == 0) {
			*state = (enum work_state)i;
			return true;
		}
	return false;
}

void
work_init(struct work *work)
{
	*work = (struct work){
		.created_ms = CLOCK_NONE,
		.due_ms = CLOCK_NONE,
		.retry_max = -1,
		.retry_delay_ms = -1,
		.timeout_ms = WORK_TIMEOUT_UNSET,
	};
	record_init(&work->record);
	work->record.status = RECORD_PENDING;
	work->record.trigger = RECORD_QUEUE;
}

void
work_release(struct work *work)
{
	free(work->key);
	free(work->payload);
	record_release(&work->record);
	work_init(work);
}

void
work_copy(struct work *to, const struct work *from)
{
	*to = *from;
	to->key = mem_strdup(from->key);
	to->payload = NULL;
	if (from->payload != NULL) {
		to->payload = mem_alloc(from->payload_len + 1);
		memcpy(to->payload, from->payload, from->payload_len);
		to->payload[from->payload_len] = '\0';
	}
	record_copy(&to->record, &from->record);
}

int64_t
work_lead_ms(int priority, int64_t aging_ms)
{
	return priority * (aging_ms < 0 ? WORK_STRICT_MS : aging_ms);
}

struct work_op *
work_op_new(enum work_op_kind kind)
{
	struct work_op *op = mem_zalloc(1, sizeof *op);

	op->kind = kind;
	op->unknown_ms = WORK_UNKNOWN_MS;
	op->next_due_ms = -1;
	work_init(&op->work);
	return op;
}

static void
release_works(struct work *work, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		work_release(&work[i]);
	free(work);
}

void
work_op_forget(struct work_op *op)
{
	release_works(op->taken, op->n_taken);
	release_works(op->buried, op->n_buried);
	free(op->told);
	op->taken = op->buried = NULL;
	op->told = NULL;
	op->n_taken = op->n_buried = op->n_told = op->n_returned = 0;
	op->next_due_ms = -1;
	op->is_more = false;
}

void
work_op_free(struct work_op *op)
{
	if (op == NULL)
		return;
	work_op_forget(op);
	work_release(&op->work);
	free(op->want);
	free(op);
}

bool
work_check_key(const char *key, struct err *err)
{
	size_t len = strlen(key), i;

	if (len == 0 || len > WORK_KEY_MAX)
		return err_set(err, ERR_USAGE,
		    "an id has 1 to %d bytes, not %zu", WORK_KEY_MAX, len);
	for (i = 0; i < len; i++)
		if ((unsigned char)key[i] < ' ' || key[i] == 0x7f)
			return err_set(
			    err, ERR_USAGE, "an id has no control characters");
	return true;
}
