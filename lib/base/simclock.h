#ifndef WJOBS_SIMCLOCK_H
#define WJOBS_SIMCLOCK_H

#include "lib/base/clock.h"

/*
 * A simulated clock: time stands still until it is told to pass, and then the
 * timers that fall due fire in order, at their instant plus the lateness that
 * the test asks for. Days pass in milliseconds, and the same seed gives the
 * same days.
 */
struct clock *simclock_new(int64_t wall_ms);
void simclock_free(struct clock *clock);

/* Let time pass up to that wall instant, firing all timers on the way. */
void simclock_run(struct clock *clock, int64_t until_ms);
/* When the next timer fires, by the wall clock; CLOCK_NEVER: none is set. */
int64_t simclock_next_ms(const struct clock *clock);
/* Set the wall clock forward or back; what was jumped over fires next. */
void simclock_step(struct clock *clock, int64_t by_ms);
/* The machine stands still for so long: everything fires late. */
void simclock_freeze(struct clock *clock, int64_t for_ms);
/* Each firing is late by `late(data)` milliseconds. NULL: never. */
void simclock_set_lateness(
    struct clock *clock, int64_t (*late)(void *data), void *data);
/* How many timers have fired, to see that nothing spins. */
uint64_t simclock_fired(const struct clock *clock);

#endif
