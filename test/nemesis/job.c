/*
 * job LOG MS [FAILURES] - what the nemesis has its schedulers run: tell LOG
 * that a run began, stay for MS milliseconds, tell that it ended. The first
 * FAILURES attempts fail. Each line goes out in one write, so that any number
 * of jobs share the file:
 *
 *   start JOB SCHEDULED_AT RUN_ID FENCE ATTEMPT WORKER PID NS
 *   beside ... as start, and the id of the run that still holds the job
 *   end    ... as start: by itself, or told to stop
 *
 * NS is the wall clock in nanoseconds. The kernel says whether two runs of a
 * job overlap: each holds LOG.JOB locked for as long as its process lives, in
 * whatever way it ends. Static, so that it starts fast.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static int log_fd;

static const char *
env(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && *value != '\0' ? value : "-";
}

static void
tell(const char *what, const char *more)
{
	struct timespec now;
	char line[512];
	int n;

	clock_gettime(CLOCK_REALTIME, &now);
	n = snprintf(line, sizeof line,
	    "%s %s %s %s %s %s %s %d %lld%09ld%s%s\n", what, env("WJOBS_JOB"),
	    env("WJOBS_SCHEDULED_AT"), env("WJOBS_RUN_ID"), env("WJOBS_FENCE"),
	    env("WJOBS_ATTEMPT"), env("WJOBS_WORKER"), (int)getpid(),
	    (long long)now.tv_sec, now.tv_nsec, more != NULL ? " " : "",
	    more != NULL ? more : "");
	if (write(log_fd, line, (size_t)n) != n)
		_exit(99);
}

/* Only ever held in sigtimedwait(2). */
static void
stay(long ms)
{
	struct timespec span = { ms / 1000, ms % 1000 * 1000000 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	tell("start", NULL);
	if (sigtimedwait(&set, NULL, &span) == SIGTERM) {
		tell("end", "term");
		_exit(3);
	}
}

static void
hold(const char *log)
{
	char path[4096], holder[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "%s.%s", log, env("WJOBS_JOB"));
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		_exit(98);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		n = pread(fd, holder, sizeof holder - 1, 0);
		holder[n > 0 ? n : 0] = '\0';
		tell("beside", n > 0 ? holder : "-");
		return;
	}
	n = snprintf(holder, sizeof holder, "%s", env("WJOBS_RUN_ID"));
	if (pwrite(fd, holder, (size_t)n, 0) != n)
		_exit(97);
}

int
main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	log_fd = open(argv[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	if (log_fd < 0)
		return 96;
	hold(argv[1]);
	stay(strtol(argv[2], NULL, 10));
	tell("end", NULL);
	return argc > 3 &&
	    strtol(env("WJOBS_ATTEMPT"), NULL, 10) <= strtol(argv[3], NULL, 10);
}
