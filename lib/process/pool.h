#ifndef WJOBS_POOL_H
#define WJOBS_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Slots: how many runs may be under way at a time. Who finds none waits, in
 * order of priority (higher first), then of due instant, rank, and asking.
 * Nothing is ever lost or refused here. Pure bookkeeping: no processes, no
 * clock.
 */
enum pool_seat_state { POOL_AWAY, POOL_WAITING, POOL_SEATED };

/* Embedded in what wants a slot; zeroed is away. */
struct pool_seat {
	int priority;
	int64_t due_ms;
	int rank; /* among those of one priority and instant: lower first */
	/*
	 * Called once a wait ends, from within pool_ask, pool_give or
	 * pool_open. It may call these itself, also for its own seat.
	 */
	void (*seated)(struct pool_seat *seat);
	void *data;
	bool has_waited; /* once seated: it found no slot when it asked */
	/* The pool's own. */
	enum pool_seat_state state;
	uint64_t order, pass;
	size_t index;
};

struct pool {
	int size, seated;
	struct pool_seat **waiting; /* a heap */
	size_t len;
	uint64_t orders, passes;
	bool is_granting;
	bool is_seating; /* within pool_seat_next */
	bool is_asked;   /* `soon` was called, and pool_settle was not */
	/*
	 * Where it is set, asking grants nothing by itself: it is called, once,
	 * and pool_settle is to follow when all have asked that are due now.
	 * Or the first of them would have the last slot, whatever its priority.
	 */
	void (*soon)(void *data);
	void *data;
};

void pool_init(struct pool *pool, int size);
void pool_release(struct pool *pool);
/*
 * Ask for a slot; `seated` may be called before this returns. Harmless for one
 * that waits or sits already.
 */
void pool_ask(struct pool *pool, struct pool_seat *seat);
/* Seat those who asked since `soon`, as far as there are slots. */
void pool_settle(struct pool *pool);
/*
 * Leave: give the slot back, or stop waiting. Seats the next ones. Harmless
 * for one that is away. The seat may be freed afterwards.
 */
void pool_give(struct pool *pool, struct pool_seat *seat);
/* No more slots are granted until this is called with true. For a stop. */
void pool_open(struct pool *pool, bool is_granting);

#endif
