#ifndef WJOBS_PUT_H
#define WJOBS_PUT_H

#include "cmd/shelf.h"

/* Putting work into the queue: `enqueue`, a piece or a line at a time. */
struct put {
	struct shelf *shelf;
	const struct job *handler;
	/* Of each piece. */
	int priority;
	int retry_max;          /* -1: the handler's, as the next */
	int64_t retry_delay_ms; /* -1 */
	int64_t timeout_ms;     /* or WORK_TIMEOUT_UNSET */
	int64_t delay_ms;       /* or */
	int64_t due_ms;         /* CLOCK_NONE: none */
	const char *key;        /* NULL: none */
	char *metadata; /* lines of "key=value", or NULL; the caller's */
	/* How long to wait for room: 0 not at all, OPT_NO_LIMIT for ever. */
	int64_t block_ms;
	/* Asked between two tries: is it time to give up? NULL: never. */
	bool (*is_told_to_stop)(void);
};

/* One piece, with an id of its own. payload is taken over. */
struct store_op *put_op_new(const struct put *put, char *payload, size_t n);
/* Is it in the queue, by its own id or by that of who had its key? */
bool put_is_in(const struct store_op *op);

/*
 * Put n pieces in, all at once as far as there is room, and wait for more as
 * block_ms says. PUT_FULL: some are not in; after PUT_FAILED none may be.
 */
enum put_result { PUT_IN, PUT_FULL, PUT_FAILED };
enum put_result put_all(
    const struct put *put, struct store_op **ops, size_t n, struct err *err);

#endif
