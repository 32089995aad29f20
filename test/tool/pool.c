/*
 * lib/process/pool under checks of its own: each argument names one, and none
 * prints anything unless it fails. See main for the names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/process/pool.h"

#define CHECK(what)                                                       \
	do {                                                              \
		if (!(what)) {                                            \
			printf("%s:%d: %s\n", __FILE__, __LINE__, #what); \
			exit(1);                                          \
		}                                                         \
	} while (0)

#define MANY 10000

struct guest {
	struct pool_seat seat;
	struct pool *pool;
	bool gives_at_once;
	int number, turn; /* turn: when it was seated, from 1 */
};

static int turns;
static size_t depth, deepest;

static void
on_seated(struct pool_seat *seat)
{
	struct guest *guest = seat->data;

	guest->turn = ++turns;
	if (++depth > deepest)
		deepest = depth;
	if (guest->gives_at_once)
		pool_give(guest->pool, seat);
	depth--;
}

static void
guest_init(struct guest *guest, struct pool *pool, int priority, int64_t due)
{
	*guest = (struct guest){ .pool = pool };
	guest->seat.priority = priority;
	guest->seat.due_ms = due;
	guest->seat.seated = on_seated;
	guest->seat.data = guest;
}

static void
check_bound(void)
{
	struct guest guest[5];
	struct pool pool;
	int i;

	pool_init(&pool, 2);
	for (i = 0; i < 5; i++) {
		guest_init(&guest[i], &pool, 0, 0);
		pool_ask(&pool, &guest[i].seat);
	}
	CHECK(turns == 2 && pool.seated == 2);
	CHECK(guest[2].seat.state == POOL_WAITING);
	pool_ask(&pool, &guest[2].seat); /* twice is once */
	CHECK(pool.len == 3);
	pool_give(&pool, &guest[0].seat);
	pool_give(&pool, &guest[0].seat);
	CHECK(turns == 3 && pool.seated == 2);
	pool_give(&pool, &guest[4].seat); /* waits no more */
	CHECK(turns == 3 && pool.len == 1);
	pool_give(&pool, &guest[1].seat);
	CHECK(guest[3].turn == 4 && pool.len == 0);
	pool_release(&pool);
}

/* Priority, then due, then the order of asking; against a plain search. */
static void
check_order(void)
{
	struct guest *guest = mem_zalloc(MANY, sizeof *guest);
	struct guest holder, *at[MANY + 2];
	struct pool pool;
	unsigned seed = 1;
	int i;

	pool_init(&pool, 1);
	guest_init(&holder, &pool, 0, 0);
	pool_ask(&pool, &holder.seat);
	for (i = 0; i < MANY; i++) {
		guest_init(&guest[i], &pool, rand_r(&seed) % 7 - 3,
		    rand_r(&seed) % 50);
		guest[i].number = i;
		guest[i].gives_at_once = true;
		pool_ask(&pool, &guest[i].seat);
	}
	for (i = 0; i < MANY; i += 13) { /* some leave before their turn */
		pool_give(&pool, &guest[i].seat);
		CHECK(guest[i].seat.state == POOL_AWAY);
	}
	pool_give(&pool, &holder.seat);
	memset(at, 0, sizeof at);
	for (i = 0; i < MANY; i++) {
		CHECK((guest[i].turn == 0) == (i % 13 == 0));
		at[guest[i].turn] = &guest[i];
	}
	for (i = 2; i < turns; i++) {
		const struct pool_seat *a = &at[i]->seat, *b = &at[i + 1]->seat;

		CHECK(a->priority >= b->priority);
		if (a->priority != b->priority)
			continue;
		CHECK(a->due_ms <= b->due_ms);
		CHECK(a->due_ms != b->due_ms ||
		    at[i]->number < at[i + 1]->number);
	}
	CHECK(turns == 1 + MANY - (MANY + 12) / 13);
	pool_release(&pool);
	free(guest);
}

/* Each gives its seat back as soon as it has it: a loop, no recursion. */
static void
check_depth(void)
{
	struct guest *guest = mem_zalloc(MANY, sizeof *guest), holder;
	struct pool pool;
	int i;

	pool_init(&pool, 1);
	guest_init(&holder, &pool, 0, 0);
	pool_ask(&pool, &holder.seat);
	for (i = 0; i < MANY; i++) {
		guest_init(&guest[i], &pool, 0, i);
		guest[i].gives_at_once = true;
		pool_ask(&pool, &guest[i].seat);
	}
	deepest = 0;
	pool_give(&pool, &holder.seat);
	CHECK(turns == MANY + 1);
	CHECK(deepest == 1);
	CHECK(pool.seated == 0 && pool.len == 0);
	pool_release(&pool);
	free(guest);
}

static void
check_closed(void)
{
	struct guest guest[3];
	struct pool pool;
	int i;

	pool_init(&pool, 1);
	pool_open(&pool, false);
	for (i = 0; i < 3; i++) {
		guest_init(&guest[i], &pool, 0, i);
		pool_ask(&pool, &guest[i].seat);
	}
	CHECK(turns == 0);
	pool_open(&pool, true);
	CHECK(turns == 1 && guest[0].turn == 1);
	pool_open(&pool, false);
	pool_give(&pool, &guest[0].seat);
	CHECK(turns == 1);
	pool_open(&pool, true);
	CHECK(guest[1].turn == 2);
	pool_release(&pool);
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} check[] = {
		{ "bound", check_bound },
		{ "order", check_order },
		{ "depth", check_depth },
		{ "closed", check_closed },
	};
	size_t i;

	for (i = 0; argc == 2 && i < ARRAY_LEN(check); i++) {
		if (strcmp(check[i].name, argv[1]) == 0) {
			check[i].run();
			return 0;
		}
	}
	return 2;
}
