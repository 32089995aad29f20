#include "lib/base/alarm.h"

#include "lib/base/clock.h"

#if defined(__linux__) && !defined(WJOBS_PORTABLE)

#include <sys/timerfd.h>
#include <unistd.h>

static void
on_alarm(struct ev_loop *loop, ev_io *io, int revents)
{
	struct alarm *alarm = io->data;
	uint64_t times;

	(void)loop;
	(void)revents;
	if (read(io->fd, &times, sizeof times) < 0)
		return; /* set anew since */
	alarm->at_ms = CLOCK_NEVER;
	alarm->fire(alarm->data);
}

bool
alarm_open(struct alarm *alarm, struct ev_loop *loop, void (*fire)(void *data),
    void *data)
{
	int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd < 0)
		return false;
	*alarm = (struct alarm){
		.loop = loop, .at_ms = CLOCK_NEVER, .fire = fire, .data = data
	};
	ev_io_init(&alarm->io, on_alarm, fd, EV_READ);
	alarm->io.data = alarm;
	ev_io_start(loop, &alarm->io);
	ev_unref(loop); /* it alone keeps no loop running */
	return true;
}

void
alarm_set(struct alarm *alarm, int64_t wall_ms)
{
	struct itimerspec when = { .it_value = {
				       .tv_sec = (time_t)(wall_ms / 1000),
				       .tv_nsec = (long)(wall_ms % 1000) *
					   1000000,
				   } };

	if (alarm->at_ms == wall_ms)
		return;
	/* of a descriptor of ours and a valid time it cannot fail */
	timerfd_settime(alarm->io.fd, TFD_TIMER_ABSTIME, &when, NULL);
	alarm->at_ms = wall_ms;
}

void
alarm_close(struct alarm *alarm)
{
	ev_ref(alarm->loop);
	ev_io_stop(alarm->loop, &alarm->io);
	close(alarm->io.fd);
}

#else

bool
alarm_open(struct alarm *alarm, struct ev_loop *loop, void (*fire)(void *data),
    void *data)
{
	(void)alarm;
	(void)loop;
	(void)fire;
	(void)data;
	return false;
}

void
alarm_set(struct alarm *alarm, int64_t wall_ms)
{
	(void)alarm;
	(void)wall_ms;
}

void
alarm_close(struct alarm *alarm)
{
	(void)alarm;
}

#endif
