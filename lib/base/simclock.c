#include "lib/base/simclock.h"

#include <stdlib.h>

#include "lib/base/mem.h"

/*
 * One list of timers, sorted by the monotonic instant at which each fires as
 * the clocks stand, then by the order in which they were set. A step of the
 * wall clock sorts it anew.
 */
struct simclock {
	struct clock clock;
	int64_t mono_ms;
	int64_t wall_less_mono_ms;
	struct clock_timer *first; /* a list, sorted */
	uint64_t orders, fired;
	int64_t (*late)(void *data);
	void *data;
};

static int64_t
sim_wall_ms(struct clock *clock)
{
	struct simclock *sim = (struct simclock *)clock;

	return sim->mono_ms + sim->wall_less_mono_ms;
}

static int64_t
sim_mono_ms(struct clock *clock)
{
	return ((struct simclock *)clock)->mono_ms;
}

/* When a timer fires, on the monotonic scale, as the clocks stand now. */
static int64_t
sim_fires_ms(const struct simclock *sim, const struct clock_timer *timer)
{
	return timer->is_wall ? timer->at_ms - sim->wall_less_mono_ms
			      : timer->at_ms;
}

static bool
sim_is_before(const struct simclock *sim, const struct clock_timer *a,
    const struct clock_timer *b)
{
	int64_t x = sim_fires_ms(sim, a), y = sim_fires_ms(sim, b);

	return x != y ? x < y : a->order < b->order;
}

static void
sim_set(struct clock *clock, struct clock_timer *timer)
{
	struct simclock *sim = (struct simclock *)clock;
	struct clock_timer **at = &sim->first;

	timer->order = sim->orders++;
	while (*at != NULL && sim_is_before(sim, *at, timer))
		at = &(*at)->next;
	timer->next = *at;
	*at = timer;
}

static void
sim_stop(struct clock *clock, struct clock_timer *timer)
{
	struct clock_timer **at = &((struct simclock *)clock)->first;

	while (*at != timer)
		at = &(*at)->next;
	*at = timer->next;
	timer->next = NULL;
}

static const struct clock_ops sim_ops = {
	.wall_ms = sim_wall_ms,
	.mono_ms = sim_mono_ms,
	.set = sim_set,
	.stop = sim_stop,
};

struct clock *
simclock_new(int64_t wall_ms)
{
	struct simclock *sim = mem_zalloc(1, sizeof *sim);

	sim->clock.ops = &sim_ops;
	sim->mono_ms = 1000000;
	sim->wall_less_mono_ms = wall_ms - sim->mono_ms;
	return &sim->clock;
}

void
simclock_free(struct clock *clock)
{
	free(clock);
}

static void
sim_fire(struct simclock *sim, struct clock_timer *timer)
{
	int64_t at = sim_fires_ms(sim, timer);

	if (at > sim->mono_ms)
		sim->mono_ms = at;
	if (sim->late != NULL)
		sim->mono_ms += sim->late(sim->data);
	clock_stop(timer);
	sim->fired++;
	timer->fire(timer);
}

void
simclock_run(struct clock *clock, int64_t until_ms)
{
	struct simclock *sim = (struct simclock *)clock;
	struct clock_timer *timer;

	while ((timer = sim->first) != NULL &&
	    sim_fires_ms(sim, timer) + sim->wall_less_mono_ms <= until_ms)
		sim_fire(sim, timer);
	if (sim_wall_ms(clock) < until_ms)
		sim->mono_ms += until_ms - sim_wall_ms(clock);
}

int64_t
simclock_next_ms(const struct clock *clock)
{
	const struct simclock *sim = (const struct simclock *)clock;

	return sim->first != NULL
	    ? sim_fires_ms(sim, sim->first) + sim->wall_less_mono_ms
	    : CLOCK_NEVER;
}

void
simclock_step(struct clock *clock, int64_t by_ms)
{
	struct simclock *sim = (struct simclock *)clock;
	struct clock_timer *old = sim->first, *timer;

	sim->wall_less_mono_ms += by_ms;
	sim->first = NULL;
	while ((timer = old) != NULL) {
		uint64_t order = timer->order;

		old = timer->next;
		sim_set(clock, timer);
		timer->order = order;
	}
	if (clock->stepped != NULL)
		clock->stepped(clock->stepped_data);
}

void
simclock_freeze(struct clock *clock, int64_t for_ms)
{
	((struct simclock *)clock)->mono_ms += for_ms;
}

void
simclock_set_lateness(
    struct clock *clock, int64_t (*late)(void *data), void *data)
{
	struct simclock *sim = (struct simclock *)clock;

	sim->late = late;
	sim->data = data;
}

uint64_t
simclock_fired(const struct clock *clock)
{
	return ((const struct simclock *)clock)->fired;
}
