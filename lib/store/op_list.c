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
op_list_prepend(struct op_list *list, struct op_list *first)
{
	if (first->n == 0)
		return;
	first->last->next = list->first;
	if (list->last == NULL)
		list->last = first->last;
	list->first = first->first;
	list->n += first->n;
	list->bytes += first->bytes;
	*first = (struct op_list){ 0 };
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

static size_t
record_bytes(const struct record *r)
{
	return text_bytes(r->job) + text_bytes(r->kind) + text_bytes(r->error) +
	    text_bytes(r->worker) + text_bytes(r->metadata) +
	    text_bytes(r->attempts) + r->head_len + r->tail_len;
}

size_t
op_list_bytes(const struct store_op *op)
{
	const struct work_op *work = op->work;
	size_t n = sizeof *op + record_bytes(&op->record) +
	    text_bytes(op->lock);

	if (work != NULL)
		n += sizeof *work + record_bytes(&work->work.record) +
		    text_bytes(work->work.key) + work->work.payload_len +
		    work->n_want * sizeof *work->want;
	return n;
}
