/*
 * The wall clock of a wjobs that is linked with this file is off by
 * $NEMESIS_SKEW_MS milliseconds, or by as many as the file $NEMESIS_SKEW_FILE
 * says at the time, and no other clock is. All of the process asks here, libev too: the definition of a program takes the place of the C
 * library's. wjobs' own wall clock is read in lib/base/clock.c alone, through
 * clock_gettime(2), and its alarm is a timerfd.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static const char *skew_text = "0";

/* A file is seen as it changes. */
__attribute__((constructor)) static void
skew_find(void)
{
	const char *text = getenv("NEMESIS_SKEW_MS");
	const char *file = getenv("NEMESIS_SKEW_FILE");
	int fd = file != NULL ? open(file, O_RDONLY | O_CLOEXEC) : -1;
	void *map;

	if (text != NULL)
		skew_text = text;
	if (fd < 0)
		return;
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (map != MAP_FAILED)
		skew_text = map;
	close(fd);
}

static int64_t
skew_ms(void)
{
	return strtoll(skew_text, NULL, 10);
}

static void
skew_add(struct timespec *ts, int64_t ms)
{
	int64_t ns = (int64_t)ts->tv_nsec + ms % 1000 * 1000000;

	ts->tv_sec += (time_t)(ms / 1000);
	if (ns < 0)
		ts->tv_sec--, ns += 1000000000;
	else if (ns >= 1000000000)
		ts->tv_sec++, ns -= 1000000000;
	ts->tv_nsec = (long)ns;
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	if (syscall(SYS_clock_gettime, id, ts) != 0)
		return -1;
	if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
		skew_add(ts, skew_ms());
	return 0;
}

/* libev's way to the wall clock. */
int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &ts) != 0)
		return -1;
	*tv = (struct timeval){ ts.tv_sec, ts.tv_nsec / 1000 };
	return 0;
}

/* Which descriptors are timers of the wall clock; they are few, and low. */
static bool is_wall[1024];

int
timerfd_create(clockid_t id, int flags)
{
	int fd = (int)syscall(SYS_timerfd_create, id, flags);

	if (fd >= 0 && fd < (int)(sizeof is_wall / sizeof *is_wall))
		is_wall[fd] = id == CLOCK_REALTIME;
	return fd;
}

int
timerfd_settime(
    int fd, int flags, const struct itimerspec *set, struct itimerspec *old)
{
	struct itimerspec real = *set;

	if ((flags & TFD_TIMER_ABSTIME) != 0 && is_wall[fd] &&
	    (set->it_value.tv_sec != 0 || set->it_value.tv_nsec != 0))
		skew_add(&real.it_value, -skew_ms());
	return (int)syscall(SYS_timerfd_settime, fd, flags, &real, old);
}
