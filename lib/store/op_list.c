#include "lib/store/op_list.h"

#include <string.h>

void
op_list_push(struct op_list *list, struct store_op *op)
{
	op->next = NULL;
	if (list->last != NULL)
		list->last->next = op;
	else
		list->first = op;
	list->last = op;
	list->n++;
	list->bytes += op->bytes;
}

struct store_op *
op_list_pop(struct op_list *list)
{
	struct store_op *op = list->first;

	if (op == NULL)
		return NULL;
	list->first = op->next;
	if (list->first == NULL)
		list->last = NULL;
	list->n--;
	list->bytes -= op->bytes;
	op->next = NULL;
	return op;
}

void
op_list_release(struct op_list *list)
{
	struct store_op *op;

	while ((op = op_list_pop(list)) != NULL)
		store_op_free(op);
}

static size_t
text_bytes(const char *text)
{
	return text != NULL ? strlen(text) + 1 : 0;
}

size_t
op_list_bytes(const struct store_op *op)
{
	const struct record *r = &op->record;

	return sizeof *op + text_bytes(r->job) + text_bytes(r->kind) +
	    text_bytes(r->error) + text_bytes(r->worker) +
	    text_bytes(r->metadata) + text_bytes(r->attempts) + r->head_len +
	    r->tail_len + text_bytes(op->lock);
}
