#ifndef WJOBS_AWAIT_H
#define WJOBS_AWAIT_H

#include "cmd/future.h"
#include "cmd/output.h"
#include "cmd/reap.h"

/*
 * Waiting for futures: `wait`, `enqueue --wait`. What they wrote goes to
 * standard output in the order in which they were added, each as soon as it
 * is its turn. Zeroed, with the shelf set, is ready.
 */
struct awaited {
	char id[ULID_LEN + 1];
	struct future future;
	bool has_ended, is_printed;
};

struct await {
	struct shelf *shelf; /* open for as long as it takes */
	bool any;            /* only for the one that ends first */
	struct awaited *item;
	size_t n;
	struct output output;
	struct reap reap;
};

/* The one whose id begins so. ERR_NOT_FOUND where nothing is known of it. */
bool
await_add(struct await *await, const char *text, struct err *err) MUST_CHECK;
/*
 * Wait for all, or for any, for patience_ms at most: 0 is a question,
 * OPT_NO_LIMIT for ever. Returns the status of the first that failed, in
 * their order: 75 is what has not ended in time.
 */
int await_run(struct await *await, int64_t patience_ms, struct err *err);
void await_release(struct await *await);

#endif
