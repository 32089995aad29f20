#include "lib/process/pool.h"

#include <stdlib.h>

#include "lib/base/mem.h"

void
pool_init(struct pool *pool, int size)
{
	*pool = (struct pool){ .size = size, .is_granting = true };
}

void
pool_release(struct pool *pool)
{
	if (pool == NULL)
		return;
	free(pool->waiting);
	*pool = (struct pool){ 0 };
}

static bool
seat_is_before(const struct pool_seat *a, const struct pool_seat *b)
{
	if (a->priority != b->priority)
		return a->priority > b->priority;
	if (a->due_ms != b->due_ms)
		return a->due_ms < b->due_ms;
	if (a->rank != b->rank)
		return a->rank < b->rank;
	return a->order < b->order;
}

static void
heap_place(struct pool *pool, size_t i, struct pool_seat *seat)
{
	pool->waiting[i] = seat;
	seat->index = i;
}

static void
heap_up(struct pool *pool, size_t i, struct pool_seat *seat)
{
	while (i > 0 && seat_is_before(seat, pool->waiting[(i - 1) / 2])) {
		heap_place(pool, i, pool->waiting[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_place(pool, i, seat);
}

static void
heap_down(struct pool *pool, size_t i, struct pool_seat *seat)
{
	size_t child;

	while ((child = 2 * i + 1) < pool->len) {
		if (child + 1 < pool->len &&
		    seat_is_before(
			pool->waiting[child + 1], pool->waiting[child]))
			child++;
		if (!seat_is_before(pool->waiting[child], seat))
			break;
		heap_place(pool, i, pool->waiting[child]);
		i = child;
	}
	heap_place(pool, i, seat);
}

static void
heap_remove(struct pool *pool, size_t i)
{
	struct pool_seat *last = pool->waiting[--pool->len];

	if (i == pool->len)
		return;
	if (i > 0 && seat_is_before(last, pool->waiting[(i - 1) / 2]))
		heap_up(pool, i, last);
	else
		heap_down(pool, i, last);
}

/*
 * `seated` may ask and give in turn, and often does so at once. Only the
 * outermost call seats, so that a row of 10,000 short ones is a loop and not a
 * recursion.
 */
static void
pool_seat_next(struct pool *pool)
{
	struct pool_seat *seat;

	if (pool->is_seating)
		return;
	pool->is_seating = true;
	while (
	    pool->is_granting && pool->seated < pool->size && pool->len > 0) {
		seat = pool->waiting[0];
		heap_remove(pool, 0);
		seat->state = POOL_SEATED;
		seat->has_waited = seat->pass != pool->passes;
		pool->seated++;
		seat->seated(seat);
	}
	pool->is_seating = false;
	pool->passes++;
}

void
pool_ask(struct pool *pool, struct pool_seat *seat)
{
	if (seat->state != POOL_AWAY)
		return;
	seat->state = POOL_WAITING;
	seat->order = pool->orders++;
	seat->pass = pool->passes;
	pool->waiting = mem_grow(
	    pool->waiting, pool->len + 1, sizeof(struct pool_seat *));
	pool->len++;
	heap_up(pool, pool->len - 1, seat);
	if (pool->soon == NULL) {
		pool_seat_next(pool);
	} else if (!pool->is_asked) {
		pool->is_asked = true;
		pool->soon(pool->data);
	}
}

void
pool_settle(struct pool *pool)
{
	pool->is_asked = false;
	pool_seat_next(pool);
}

void
pool_give(struct pool *pool, struct pool_seat *seat)
{
	switch (seat->state) {
	case POOL_AWAY:
		return;
	case POOL_WAITING:
		heap_remove(pool, seat->index);
		break;
	case POOL_SEATED:
		pool->seated--;
		break;
	}
	seat->state = POOL_AWAY;
	pool_seat_next(pool);
}

void
pool_open(struct pool *pool, bool is_granting)
{
	pool->is_granting = is_granting;
	pool_seat_next(pool);
}
