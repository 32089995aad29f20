#ifndef WJOBS_SESSION_GUARD_H
#define WJOBS_SESSION_GUARD_H

#include <ev.h>
#include <stdatomic.h>

#include "lib/base/clock.h"

/*
 * The loop's own judgement of how old the last renewal of a session is, however
 * its thread may hang. It is asked in each turn of the loop before anything
 * else is called, so that a process which was frozen stops its runs before it
 * begins another; and a timer sees to it that there is such a turn in time.
 */
enum session_stage {
	SESSION_FINE,
	SESSION_DOUBTFUL, /* and told so */
	SESSION_LOST
};

struct session_guard {
	/* To be set. */
	struct ev_loop *loop;
	struct clock *clock;
	int64_t doubt_ms, loss_ms;
	/* On the loop: at most once each for one renewal. */
	void (*tell)(void *data, enum session_stage stage);
	void *data;

	ev_check check;
	struct clock_timer timer;
	enum session_stage stage;
	int64_t told_ms; /* the renewal that was told to be too old; 0: none */
	/*
	 * Written by the thread, without a lock. Monotonic instants, or 0: the
	 * last renewal, and the one of a session that is lost.
	 */
	_Atomic int64_t renewed_ms, lost_ms;
};

void session_guard_start(struct session_guard *guard);
void session_guard_stop(struct session_guard *guard);
/* The thread may have done something: look now, and set the timer. */
void session_guard_look(struct session_guard *guard);

/* By the thread: a renewal that was sent then has been answered. */
void session_guard_renewed(struct session_guard *guard, int64_t sent_ms);
/* What was renewed last is lost; to be said before another one is open. */
void session_guard_lose(struct session_guard *guard);
/* From any thread. */
int64_t session_guard_age_ms(struct session_guard *guard);

#endif
