/*
 * The wall clock of a wjobs that is linked with this file is off by
 * $NEMESIS_SKEW_MS milliseconds, and no other clock is. All of the process
 * asks here, libev too: the definition of a program takes the place of the C
 * library's. wjobs' own wall clock is read in lib/base/clock.c alone, and that
 * through clock_gettime(2).
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int64_t skew_ms;

__attribute__((constructor)) static void
skew_read(void)
{
	const char *text = getenv("NEMESIS_SKEW_MS");

	if (text != NULL)
		skew_ms = strtoll(text, NULL, 10);
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	int64_t ns;

	if (syscall(SYS_clock_gettime, id, ts) != 0)
		return -1;
	if (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)
		return 0;
	ns = (int64_t)ts->tv_nsec + skew_ms % 1000 * 1000000;
	ts->tv_sec += (time_t)(skew_ms / 1000);
	if (ns < 0)
		ts->tv_sec--, ns += 1000000000;
	else if (ns >= 1000000000)
		ts->tv_sec++, ns -= 1000000000;
	ts->tv_nsec = (long)ns;
	return 0;
}
