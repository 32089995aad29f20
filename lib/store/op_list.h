#ifndef WJOBS_OP_LIST_H
#define WJOBS_OP_LIST_H

#include "lib/store/store.h"

/* Operations in a row, linked by `next`; zeroed is an empty one. */
struct op_list {
	struct store_op *first, *last;
	size_t n, bytes; /* the sum of their `bytes` */
};

void op_list_push(struct op_list *list, struct store_op *op);
/* NULL: it is empty. */
struct store_op *op_list_pop(struct op_list *list);
/* Put what is in `first` before it, and leave that empty. */
void op_list_prepend(struct op_list *list, struct op_list *first);
void op_list_release(struct op_list *list);

/* What an operation takes of memory. */
size_t op_list_bytes(const struct store_op *op);

#endif
