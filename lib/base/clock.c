#include "lib/base/clock.h"

#include <stdlib.h>
#include <time.h>

#include "lib/base/alarm.h"
#include "lib/base/mem.h"

/*
 * A timer at a wall instant is an ev_periodic until it is near, and then waits
 * in a list for the alarm, since the loop alone wakes a millisecond or two
 * late. The list is a ring, with its head in the struct.
 */
struct sysclock {
	struct clock clock;
	struct ev_loop *loop;
	ev_periodic step; /* in reschedule mode: asked anew after a step */
	int64_t wall_less_mono_ms;
	bool has_alarm;
	struct alarm alarm;
	struct clock_timer near;
};

/* The loop's own wake-up is late by less than this. */
#define NEAR_MS 4

/* Steps below this are the daily work of NTP, and nobody's business. */
#define STEP_MS 1000

static int64_t
read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
clock_now_ms(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t
clock_boot_ms(void)
{
#ifdef CLOCK_BOOTTIME
	return read_clock(CLOCK_BOOTTIME);
#else
	return read_clock(CLOCK_MONOTONIC);
#endif
}

static int64_t
sys_wall_ms(struct clock *clock)
{
	(void)clock;
	return read_clock(CLOCK_REALTIME);
}

static int64_t
sys_mono_ms(struct clock *clock)
{
	(void)clock;
	return clock_boot_ms();
}

static void
timer_fire(struct clock_timer *timer)
{
	timer->clock = NULL;
	timer->fire(timer);
}

static struct clock_timer *
near_next(struct clock_timer *timer)
{
	return timer->ev.near[0];
}

static void
near_link(struct clock_timer *before, struct clock_timer *after)
{
	before->ev.near[0] = after;
	after->ev.near[1] = before;
}

static void
near_move(struct clock_timer *timer, struct clock_timer *head)
{
	near_link(timer->ev.near[1], timer->ev.near[0]);
	near_link(head->ev.near[1], timer);
	near_link(timer, head);
}

/* A timer in the list keeps the loop running, as a watcher would. */
static void
near_push(struct sysclock *sys, struct clock_timer *timer)
{
	near_link(timer, timer);
	near_move(timer, &sys->near);
	timer->is_near = true;
	ev_ref(sys->loop);
	if (timer->at_ms < sys->alarm.at_ms)
		alarm_set(&sys->alarm, timer->at_ms);
}

static void
near_remove(struct sysclock *sys, struct clock_timer *timer)
{
	near_link(timer->ev.near[1], timer->ev.near[0]);
	timer->is_near = false;
	ev_unref(sys->loop);
}

/* What is due moves to a ring of its own: `fire` may set or stop any timer. */
static void
near_fire(void *data)
{
	struct sysclock *sys = data;
	int64_t now = read_clock(CLOCK_REALTIME), first = CLOCK_NEVER;
	struct clock_timer due, *timer, *next;

	near_link(&due, &due);
	for (timer = near_next(&sys->near); timer != &sys->near; timer = next) {
		next = near_next(timer);
		if (timer->at_ms <= now)
			near_move(timer, &due);
		else if (timer->at_ms < first)
			first = timer->at_ms;
	}
	if (first != CLOCK_NEVER)
		alarm_set(&sys->alarm, first);
	while ((timer = near_next(&due)) != &due) {
		near_remove(sys, timer);
		timer_fire(timer);
	}
}

/*
 * libev interpolates the wall clock, so that an instant may come a hair early
 * by ours; and without an alarm that is all there is.
 */
static void
wall_again(struct ev_loop *loop, ev_periodic *w, int64_t at_ms)
{
	ev_now_update(loop);
	ev_periodic_stop(loop, w);
	ev_periodic_set(w, (double)at_ms / 1000.0 + 1e-4, 0, NULL);
	ev_periodic_start(loop, w);
}

static void
on_wall(struct ev_loop *loop, ev_periodic *w, int revents)
{
	struct clock_timer *timer = w->data;
	struct sysclock *sys = (struct sysclock *)timer->clock;
	int64_t ahead = timer->at_ms - read_clock(CLOCK_REALTIME);

	(void)revents;
	if (ahead > 0 && (!sys->has_alarm || ahead > NEAR_MS)) {
		wall_again(loop, w,
		    sys->has_alarm ? timer->at_ms - NEAR_MS : timer->at_ms);
		return;
	}
	ev_periodic_stop(loop, w);
	if (ahead > 0)
		near_push(sys, timer);
	else
		timer_fire(timer);
}

static void
on_span(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	timer_fire(w->data);
}

static void
sys_set(struct clock *clock, struct clock_timer *timer)
{
	struct sysclock *sys = (struct sysclock *)clock;
	struct ev_loop *loop = sys->loop;

	if (timer->is_wall) {
		int64_t lead = sys->has_alarm ? NEAR_MS : 0;

		ev_periodic_init(&timer->ev.wall, on_wall,
		    (double)(timer->at_ms - lead) / 1000.0, 0, NULL);
		timer->ev.wall.data = timer;
		ev_periodic_start(loop, &timer->ev.wall);
	} else {
		int64_t span = timer->at_ms - sys_mono_ms(clock);

		/* a long callback must not shorten a span: count from now */
		ev_now_update(loop);
		ev_timer_init(&timer->ev.span, on_span,
		    span > 0 ? (double)span / 1000.0 : 0., 0.);
		timer->ev.span.data = timer;
		ev_timer_start(loop, &timer->ev.span);
	}
}

static void
sys_stop(struct clock *clock, struct clock_timer *timer)
{
	struct ev_loop *loop = ((struct sysclock *)clock)->loop;

	if (timer->is_near)
		near_remove((struct sysclock *)clock, timer);
	else if (timer->is_wall)
		ev_periodic_stop(loop, &timer->ev.wall);
	else
		ev_timer_stop(loop, &timer->ev.span);
}

static const struct clock_ops sys_ops = {
	.wall_ms = sys_wall_ms,
	.mono_ms = sys_mono_ms,
	.set = sys_set,
	.stop = sys_stop,
};

/*
 * libev asks this again after each jump of the clock that it saw (a timerfd
 * with TFD_TIMER_CANCEL_ON_SET wakes it at once on Linux). Calling back from
 * here would be calling into the loop's own walk, so only a zero-length timer
 * would be safe; the instant it returns is far away, and `stepped` is told by
 * the difference between the two clocks.
 */
static ev_tstamp
on_rescheduled(ev_periodic *w, ev_tstamp now)
{
	struct sysclock *sys = w->data;
	int64_t diff = sys_wall_ms(&sys->clock) - read_clock(CLOCK_MONOTONIC);
	int64_t step = diff - sys->wall_less_mono_ms;

	if (step >= STEP_MS || step <= -STEP_MS) {
		sys->wall_less_mono_ms = diff;
		return now; /* fires in this turn of the loop */
	}
	return now + 86400. * 365;
}

static void
on_step(struct ev_loop *loop, ev_periodic *w, int revents)
{
	struct sysclock *sys = w->data;

	(void)loop;
	(void)revents;
	if (sys->clock.stepped != NULL)
		sys->clock.stepped(sys->clock.stepped_data);
}

struct clock *
clock_open(struct ev_loop *loop)
{
	struct sysclock *sys = mem_zalloc(1, sizeof *sys);

	sys->clock.ops = &sys_ops;
	sys->loop = loop;
	sys->wall_less_mono_ms = sys_wall_ms(&sys->clock) -
	    read_clock(CLOCK_MONOTONIC);
	ev_periodic_init(&sys->step, on_step, 0., 0., on_rescheduled);
	sys->step.data = sys;
	ev_periodic_start(loop, &sys->step);
	ev_unref(loop); /* it alone keeps no loop running */
	near_link(&sys->near, &sys->near);
	sys->has_alarm = alarm_open(&sys->alarm, loop, near_fire, sys);
	return &sys->clock;
}

void
clock_close(struct clock *clock)
{
	struct sysclock *sys = (struct sysclock *)clock;

	if (sys == NULL)
		return;
	if (sys->has_alarm)
		alarm_close(&sys->alarm);
	ev_ref(sys->loop);
	ev_periodic_stop(sys->loop, &sys->step);
	free(sys);
}

int64_t
clock_wall_ms(struct clock *clock)
{
	return clock->ops->wall_ms(clock);
}

int64_t
clock_mono_ms(struct clock *clock)
{
	return clock->ops->mono_ms(clock);
}

void
clock_set_at(struct clock *clock, struct clock_timer *timer, int64_t wall_ms)
{
	clock_stop(timer);
	timer->is_wall = true;
	timer->at_ms = wall_ms;
	timer->clock = clock;
	clock->ops->set(clock, timer);
}

void
clock_set_in(struct clock *clock, struct clock_timer *timer, int64_t span_ms)
{
	clock_stop(timer);
	timer->is_wall = false;
	timer->at_ms = clock_mono_ms(clock) + span_ms;
	timer->clock = clock;
	clock->ops->set(clock, timer);
}

void
clock_stop(struct clock_timer *timer)
{
	struct clock *clock = timer->clock;

	if (clock == NULL)
		return;
	clock->ops->stop(clock, timer);
	timer->clock = NULL;
}

bool
clock_is_set(const struct clock_timer *timer)
{
	return timer->clock != NULL;
}
