#include "lib/store/session_guard.h"

static void
tell(struct session_guard *guard, enum session_stage stage)
{
	guard->stage = stage;
	guard->tell(guard->data, stage);
}

/* Cheap, for it is asked in each turn. */
static void
look(struct session_guard *guard)
{
	int64_t lost = atomic_load(&guard->lost_ms), renewed, age;

	if (lost != 0) {
		atomic_compare_exchange_strong(&guard->lost_ms, &lost, 0);
		if (guard->told_ms != lost)
			tell(guard, SESSION_LOST);
		guard->told_ms = lost;
	}
	renewed = atomic_load(&guard->renewed_ms);
	if (renewed == 0 || renewed == guard->told_ms)
		return;
	age = clock_mono_ms(guard->clock) - renewed;
	if (age >= guard->loss_ms) {
		guard->told_ms = renewed;
		tell(guard, SESSION_LOST);
	} else if (age >= guard->doubt_ms) {
		if (guard->stage != SESSION_DOUBTFUL)
			tell(guard, SESSION_DOUBTFUL);
	} else {
		guard->stage = SESSION_FINE;
	}
}

/* Wakes when the renewal that is known now would be too old. */
static void
set_timer(struct session_guard *guard)
{
	int64_t renewed = atomic_load(&guard->renewed_ms), span;

	if (renewed == 0 || renewed == guard->told_ms) {
		clock_stop(&guard->timer);
		return;
	}
	span = guard->stage == SESSION_DOUBTFUL ? guard->loss_ms
						: guard->doubt_ms;
	span -= clock_mono_ms(guard->clock) - renewed;
	clock_set_in(guard->clock, &guard->timer, span > 0 ? span : 0);
}

static void
on_timer(struct clock_timer *timer)
{
	struct session_guard *guard = timer->data;

	look(guard);
	set_timer(guard);
}

static void
on_check(struct ev_loop *loop, ev_check *w, int revents)
{
	struct session_guard *guard = w->data;
	enum session_stage before = guard->stage;

	(void)loop;
	(void)revents;
	look(guard);
	if (guard->stage != before)
		set_timer(guard);
}

void
session_guard_start(struct session_guard *guard)
{
	ev_check_init(&guard->check, on_check);
	guard->check.data = guard;
	ev_set_priority(&guard->check, EV_MAXPRI);
	ev_check_start(guard->loop, &guard->check);
	guard->timer.fire = on_timer;
	guard->timer.data = guard;
}

void
session_guard_stop(struct session_guard *guard)
{
	clock_stop(&guard->timer);
	ev_check_stop(guard->loop, &guard->check);
}

void
session_guard_look(struct session_guard *guard)
{
	look(guard);
	if (!clock_is_set(&guard->timer))
		set_timer(guard);
}

void
session_guard_renewed(struct session_guard *guard, int64_t sent_ms)
{
	atomic_store(&guard->renewed_ms, sent_ms);
}

void
session_guard_lose(struct session_guard *guard)
{
	atomic_store(&guard->lost_ms, atomic_load(&guard->renewed_ms));
}

int64_t
session_guard_age_ms(struct session_guard *guard)
{
	return clock_mono_ms(guard->clock) - atomic_load(&guard->renewed_ms);
}
