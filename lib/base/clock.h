#ifndef WJOBS_CLOCK_H
#define WJOBS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

/*
 * The clock as a seam: what the time is, and timers. Behind it stands libev
 * and the system's clocks (clock_open), or a simulated clock whose days pass
 * in milliseconds (simclock.h). Whoever schedules asks here and nowhere else.
 *
 * All instants are milliseconds since the epoch in UTC, all spans are
 * milliseconds, both int64_t.
 */
#define CLOCK_NEVER INT64_MAX /* an instant that does not come */
#define CLOCK_NONE  INT64_MIN /* no instant: "there is none" in a record */

struct clock;

/*
 * One timer, embedded in what it serves; zeroed is a stopped one. `fire` is
 * called from the loop, with the timer already stopped, so that it may be set
 * again there.
 */
struct clock_timer {
	void (*fire)(struct clock_timer *timer);
	void *data;
	struct clock *clock; /* NULL while stopped */
	union {
		ev_periodic wall;
		ev_timer span;
		struct clock_timer *near[2]; /* the next and the last one */
	} ev;
	bool is_wall, is_near;
	int64_t at_ms; /* wall or monotonic instant */
	uint64_t order;
	struct clock_timer *next; /* the simulated clock's list */
};

struct clock_ops {
	int64_t (*wall_ms)(struct clock *clock);
	int64_t (*mono_ms)(struct clock *clock);
	void (*set)(struct clock *clock, struct clock_timer *timer);
	void (*stop)(struct clock *clock, struct clock_timer *timer);
};

struct clock {
	const struct clock_ops *ops;
	/* Called when the wall clock was stepped; NULL where nobody asks. */
	void (*stepped)(void *data);
	void *stepped_data;
};

/*
 * The system's clocks on a loop that outlives it. Timers at a wall instant are
 * ev_periodics in absolute mode: they fire at once when the instant has passed
 * and follow a step of the clock at once; the last milliseconds before it are
 * an alarm's (alarm.h). Never NULL; the caller's to close.
 */
struct clock *clock_open(struct ev_loop *loop);
void clock_close(struct clock *clock);

/* CLOCK_REALTIME, rounded down. */
int64_t clock_wall_ms(struct clock *clock);
/* Never steps, and goes on while the machine sleeps: CLOCK_BOOTTIME. */
int64_t clock_mono_ms(struct clock *clock);

/* Set, or set anew, to fire once: at a wall instant, or after a span. */
void
clock_set_at(struct clock *clock, struct clock_timer *timer, int64_t wall_ms);
void
clock_set_in(struct clock *clock, struct clock_timer *timer, int64_t span_ms);
void clock_stop(struct clock_timer *timer);
bool clock_is_set(const struct clock_timer *timer);

/* The system's wall clock for what has no loop: a one-shot command. */
int64_t clock_now_ms(void);
/* Likewise clock_mono_ms: the same count for all processes of one boot. */
int64_t clock_boot_ms(void);

#endif
