#ifndef WJOBS_QUEUE_H
#define WJOBS_QUEUE_H

#include "lib/store/store.h"
#include "lib/store/work.h"

/*
 * Reading the queue. As history.h: false only where the store failed; nothing
 * found is an empty answer; results are the caller's to release.
 */
struct queue_filter {
	bool has_state; /* else all that has not ended, and what is buried */
	enum work_state state;
	const char *handler; /* NULL: all */
	int limit;           /* 0: all */
};

/*
 * One at a time, without payload and output: what runs, then what is ready, in
 * the order in which it would be taken, then what is delayed, by its instant,
 * then what has ended, newest first. Stops early when `each` returns false.
 * The work is borrowed until it returns; `each` must not use the store.
 */
typedef bool queue_fn(void *data, const struct work *work);
bool queue_list(struct store *store, const struct queue_filter *filter,
    queue_fn *each, void *data, struct err *err) MUST_CHECK;

struct queue_counts {
	int64_t by_state[WORK_STATES];
};
bool queue_count(struct store *store, const char *handler,
    struct queue_counts *counts, struct err *err) MUST_CHECK;

/*
 * The work whose id begins with prefix, or whose record's does. *found says
 * whether there is one; two that begin so are ERR_USAGE. With its output where
 * with_output is set.
 */
bool queue_find(struct store *store, const char *prefix, bool with_output,
    struct work *work, bool *found, struct err *err) MUST_CHECK;

#endif
