#include "lib/store/queue.h"

#include "lib/store/backend.h"

bool
queue_list(struct store *store, const struct queue_filter *filter,
    queue_fn *each, void *data, struct err *err)
{
	return store->ops->queue_list(store, filter, each, data, err);
}

bool
queue_count(struct store *store, const char *handler,
    struct queue_counts *counts, struct err *err)
{
	*counts = (struct queue_counts){ { 0 } };
	return store->ops->queue_count(store, handler, counts, err);
}

bool
queue_find(struct store *store, const char *prefix, bool with_output,
    struct work *work, bool *found, struct err *err)
{
	work_init(work);
	*found = false;
	return store->ops->queue_find(
	    store, prefix, with_output, work, found, err);
}
