#include "lib/store/split.h"

#include <stdlib.h>

#include "lib/base/mem.h"

static struct store_op *
split_copy(const struct store_op *op, enum store_op_kind kind)
{
	struct store_op *copy = store_op_new(kind, &op->record);

	copy->watermark_ms = op->watermark_ms;
	copy->is_shared = op->is_shared;
	copy->before_ms = op->before_ms;
	copy->schedule = op->schedule;
	return copy;
}

static void
split_drop_output(struct record *record)
{
	free(record->head);
	free(record->tail);
	record->head = record->tail = NULL;
	record->head_len = record->tail_len = 0;
}

/* Granted, or begun without waiting for an answer. */
static bool
split_has_begun(const struct store_op *op)
{
	return op->result == CLAIM_GRANTED ||
	    (op->result == CLAIM_FAILED && !op->is_sure);
}

/* The start is an update, for there is nothing to claim in the history. */
static void
split_on_claim(struct store_op *op)
{
	struct store_port *history = op->split->history;

	if (split_has_begun(op))
		history->post(history, split_copy(op, STORE_UPDATE));
	if (op->split_done != NULL)
		op->split_done(op);
}

static void
split_claim(struct split *split, struct store_op *op)
{
	op->split = split;
	op->split_done = op->done;
	op->done = split_on_claim;
	split->claims->post(split->claims, op);
}

static void
split_post(struct store_port *port, struct store_op *op)
{
	struct split *split = (struct split *)port;
	struct store_op *copy;

	if (op->kind == STORE_BEGIN) {
		split_claim(split, op);
		return;
	}
	if (op->kind == STORE_LATE) {
		split->history->post(split->history, op);
		return;
	}
	copy = split_copy(op, op->kind);
	copy->gap = op->gap;
	split_drop_output(&copy->record);
	split->claims->post(split->claims, copy);
	/* a gap's count of 0 only says that it was looked at */
	if (op->kind == STORE_SKIP && op->record.count == 0) {
		store_op_free(op);
		return;
	}
	op->is_shared = false;
	op->gap.from_ms = CLOCK_NONE;
	split->history->post(split->history, op);
}

void
split_init(
    struct split *split, struct store_port *claims, struct store_port *history)
{
	*split = (struct split){
		.port.post = split_post,
		.claims = claims,
		.history = history,
	};
}
