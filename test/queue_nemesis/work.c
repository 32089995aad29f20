/*
 * work LOG - a handler of the queue's nemesis. Its payload begins with
 *
 *   SEQ KIND COUNT MS
 *
 * a number of its own, what it is to do, in how many of its first attempts,
 * and how long an attempt lasts; then a blank or a newline and any bytes:
 *
 *   ok      succeeds
 *   fail    fails
 *   hang    stays until it is told to end
 *   deaf    stays, whatever it is told
 *   kill    kills the worker that began it
 *
 * Who began it is told by its number in NEMESIS_PID, since a parent that has died
 * is told by none.
 *
 * Each line of LOG goes out in one write, so that all handlers share the file;
 * NS is the wall clock in nanoseconds:
 *
 *   begin  ID HANDLER ATTEMPT PID WORKERPID WORKER NS CREATED PRIORITY
 *   read   ID HANDLER ATTEMPT PID WORKERPID WORKER NS SHA1 SEQ
 *   kill   ID HANDLER ATTEMPT PID WORKERPID WORKER NS
 *   end    ID HANDLER ATTEMPT PID WORKERPID WORKER NS ok|fail|term
 *
 * Static, so that it starts fast.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/sha1.h"

#define PAYLOAD_MAX ((1 << 20) + 1)

static int log_fd;
static char payload[PAYLOAD_MAX + 1];

static const char *
env(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && *value != '\0' ? value : "-";
}

__attribute__((format(printf, 2, 3))) static void
tell(const char *what, const char *fmt, ...)
{
	struct timespec now;
	char line[1024];
	va_list ap;
	int n;

	clock_gettime(CLOCK_REALTIME, &now);
	n = snprintf(line, sizeof line, "%s %s %s %s %d %s %s %lld%09ld ", what,
	    env("WJOBS_RUN_ID"), env("WJOBS_HANDLER"), env("WJOBS_ATTEMPT"),
	    (int)getpid(), env("NEMESIS_PID"), env("WJOBS_WORKER"),
	    (long long)now.tv_sec, now.tv_nsec);
	va_start(ap, fmt);
	n += vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
	va_end(ap);
	line[n++] = '\n';
	if (write(log_fd, line, (size_t)n) != n)
		_exit(99);
}

static size_t
read_payload(void)
{
	size_t n = 0;
	ssize_t got;

	while (n < PAYLOAD_MAX &&
	    (got = read(STDIN_FILENO, payload + n, PAYLOAD_MAX - n)) > 0)
		n += (size_t)got;
	return n;
}

/* TERM only ever comes where it is waited for. */
static void
stay(long ms)
{
	struct timespec span = { ms / 1000, ms % 1000 * 1000000 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	if (sigtimedwait(&set, NULL, &span) == SIGTERM) {
		tell("end", "term");
		_exit(3);
	}
}

static long
worker_pid(void)
{
	return strtol(env("NEMESIS_PID"), NULL, 10);
}

/* No longer than its worker is there, who alone would end it. */
static void
stay_for_ever(bool is_deaf)
{
	const struct timespec moment = { .tv_nsec = 50000000 };

	while (getppid() == worker_pid())
		if (is_deaf)
			nanosleep(&moment, NULL);
		else
			stay(50);
	_exit(5);
}

/* What it does in an attempt in which it is to go wrong. */
static void
go_wrong(const char *kind)
{
	if (strcmp(kind, "fail") == 0) {
		tell("end", "fail");
		_exit(1);
	} else if (strcmp(kind, "hang") == 0) {
		stay_for_ever(false);
	} else if (strcmp(kind, "deaf") == 0) {
		stay_for_ever(true);
	} else if (strcmp(kind, "kill") == 0) {
		tell("kill", "-");
		if (getppid() == worker_pid())
			kill(getppid(), SIGKILL);
		stay(50);
		_exit(4);
	}
}

int
main(int argc, char **argv)
{
	char kind[8] = "", sha1[SHA1_TEXT_SIZE];
	long seq = -1, count = 0, ms = 0;
	sigset_t set;
	size_t n;

	if (argc != 2)
		return 2;
	log_fd = open(argv[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	if (log_fd < 0)
		return 96;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	tell("begin", "%s %s", env("WJOBS_CREATED_AT"), env("WJOBS_PRIORITY"));
	n = read_payload();
	sscanf(payload, "%ld %7s %ld %ld", &seq, kind, &count, &ms);
	sha1_text(payload, n, sha1);
	tell("read", "%s %ld", sha1, seq);
	if (strtol(env("WJOBS_ATTEMPT"), NULL, 10) <= count)
		go_wrong(kind);
	stay(ms);
	tell("end", "ok");
	return 0;
}
