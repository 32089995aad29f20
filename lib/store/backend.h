#ifndef WJOBS_BACKEND_H
#define WJOBS_BACKEND_H

#include "lib/store/history.h"
#include "lib/store/queue.h"
#include "lib/store/store.h"

/*
 * What a backend is: the functions of store.h, history.h and queue.h, under
 * the same contracts. A backend embeds a struct store as its first member.
 */
struct store_ops {
	void (*close)(struct store *store);
	bool (*apply)(struct store *store, struct store_op **ops, size_t n,
	    struct err *err);
	void (*rest)(struct store *store); /* NULL: nothing to give back */
	bool (*take_over)(struct store *store, const struct identity *self,
	    int64_t now_ms, struct store_start *start, struct err *err);
	/* NULL: it is open. See store_come. */
	bool (*come)(
	    struct store *store, struct store_start *found, struct err *err);
	/* NULL, both: no other instances. */
	bool (*reap)(struct store *store, int64_t now_ms,
	    struct store_start *start, struct err *err);
	void (*bind)(struct store *store, const struct store_session *session);
	bool (*list)(struct store *store, const struct history_filter *filter,
	    history_fn *each, void *data, struct err *err);
	bool (*find)(struct store *store, const char *prefix, bool with_output,
	    struct record *record, bool *found, struct err *err);
	bool (*last)(struct store *store, const char *job,
	    struct record *record, bool *found, struct err *err);
	bool (*jobs)(struct store *store, const char *job,
	    struct history_job **jobs, size_t *n, struct err *err);
	bool (*sample)(struct store *store, const char *job, int64_t since_ms,
	    struct history_sample *sample, struct err *err);
	bool (*queue_list)(struct store *store,
	    const struct queue_filter *filter, queue_fn *each, void *data,
	    struct err *err);
	bool (*queue_count)(struct store *store, const char *handler,
	    struct queue_counts *counts, struct err *err);
	bool (*queue_find)(struct store *store, const char *prefix,
	    bool with_output, struct work *work, bool *found, struct err *err);
};

struct store {
	const struct store_ops *ops;
};

/* One more run that was found lost; they come oldest first. */
void
store_start_add_gone(struct store_start *start, const struct record *record);

/* Does a begin of this record claim its instant? See STORE_BEGIN. */
bool store_op_claims(const struct store_op *op);

#endif
