/*
 * log event LEVEL FORMAT MSG [KEY VALUE [KEY VALUE]]: one line of the log.
 * log output JOB RUN STREAM TEXT: output of a job.
 * log flood N: N lines at once on a loop; prints how many milliseconds that
 * took and how many lines were dropped. Then it runs the loop until standard
 * input ends, and logs one line more.
 */
#include <ev.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"

static int
log_try_event(int argc, char **argv)
{
	const char *const levels[] = { "error", "warn", "info", "debug" };
	enum log_level level = LOG_ERROR;

	while (level < LOG_DEBUG && strcmp(levels[level], argv[2]) != 0)
		level++;
	log_setup(
	    LOG_INFO, strcmp(argv[3], "json") == 0 ? LOG_JSON : LOG_LOGFMT);
	if (argc > 8)
		log_event(
		    level, argv[4], argv[5], argv[6], argv[7], argv[8], NULL);
	else if (argc > 6)
		log_event(level, argv[4], argv[5], argv[6], "absent",
		    (const char *)NULL, NULL);
	else
		log_line(level, "%s", argv[4]);
	return 0;
}

static void
log_try_ended(struct ev_loop *loop, ev_io *io, int events)
{
	char c;

	(void)events;
	if (read(io->fd, &c, 1) <= 0)
		ev_break(loop, EVBREAK_ALL);
}

static int
log_try_flood(long n)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	int64_t begin_ms = clock_now_ms();
	ev_io io;
	long i;

	log_setup(LOG_INFO, LOG_LOGFMT);
	log_attach(loop);
	for (i = 0; i < n; i++)
		log_line(LOG_INFO, "line %ld of a flood that nobody reads", i);
	printf("%" PRId64 " %llu\n", clock_now_ms() - begin_ms, log_dropped());
	fflush(stdout);
	ev_io_init(&io, log_try_ended, STDIN_FILENO, EV_READ);
	ev_io_start(loop, &io);
	ev_run(loop, 0);
	log_line(LOG_INFO, "the end");
	log_detach();
	ev_loop_destroy(loop);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc > 4 && strcmp(argv[1], "event") == 0)
		return log_try_event(argc, argv);
	if (argc > 2 && strcmp(argv[1], "flood") == 0)
		return log_try_flood(strtol(argv[2], NULL, 10));
	if (argc > 5 && strcmp(argv[1], "output") == 0) {
		log_output((struct log_source){ "job", argv[2] }, argv[3],
		    (int)strtol(argv[4], NULL, 10), argv[5], strlen(argv[5]));
		return 0;
	}
	return 2;
}
