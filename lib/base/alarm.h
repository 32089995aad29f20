#ifndef WJOBS_ALARM_H
#define WJOBS_ALARM_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

/*
 * A wake-up at an instant of the wall clock, to the tenth of a millisecond:
 * epoll and poll count in whole milliseconds, rounded up, and so wake late.
 * Linux has timerfd for it. Where there is none, or with WJOBS_PORTABLE,
 * alarm_open answers false, and whoever asks makes do with the loop's timers.
 */
struct alarm {
	ev_io io;
	struct ev_loop *loop;
	int64_t at_ms;
	void (*fire)(void *data);
	void *data;
};

/* `fire` is called on the loop, never before the instant. */
bool alarm_open(struct alarm *alarm, struct ev_loop *loop,
    void (*fire)(void *data), void *data);
/* Instead of the instant set before. */
void alarm_set(struct alarm *alarm, int64_t wall_ms);
void alarm_close(struct alarm *alarm);

#endif
