#include "test/bench/lib/daemon.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/mem.h"

#define PATIENCE_S 20
/* Without processor time for so long: it is at rest. */
#define REST_S 0.3

void
bench_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

char *
bench_path(const char *name)
{
	const char *dir = getenv("BENCH_DIR");

	return mem_printf("%s/%s", dir != NULL ? dir : "/tmp", name);
}

char *
bench_program(const char *name)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (n < 0)
		bench_die("where this program lies cannot be told");
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	return mem_printf("%s/%s", self, name);
}

double
bench_now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void
bench_sleep_until(double s)
{
	struct timespec ts = { .tv_sec = (time_t)s };

	ts.tv_nsec = (long)((s - (double)ts.tv_sec) * 1e9);
	while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL) != 0)
		continue;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double
bench_median(double *list, int n)
{
	qsort(list, (size_t)n, sizeof *list, compare);
	return list[n / 2];
}

/* ---- /proc */

/* A file of /proc in whole; false where it is gone. */
static bool
read_proc(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, buf, size - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0;
}

double
process_cpu_s(pid_t pid)
{
	char path[64], text[1024];
	unsigned long user, system;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (!read_proc(path, text, sizeof text) ||
	    sscanf(strrchr(text, ')') + 1,
		" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
		&system) != 2)
		bench_die("process %d is gone", (int)pid);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static long
read_status(const char *path, const char *what)
{
	char text[4096];
	const char *p;

	if (!read_proc(path, text, sizeof text) ||
	    (p = strstr(text, what)) == NULL)
		bench_die("cannot read %s of %s", what, path);
	return strtol(p + strlen(what) + 1, NULL, 10);
}

long
process_kb(pid_t pid, const char *what)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	return read_status(path, what);
}

long
process_wakes(pid_t pid)
{
	char path[64], status[512];
	struct dirent *entry;
	long wakes = 0;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(
		    status, sizeof status, "%s/%s/status", path, entry->d_name);
		wakes += read_status(status, "\nvoluntary_ctxt_switches:");
	}
	if (dir != NULL)
		closedir(dir);
	return wakes;
}

/* ---- the daemon */

static bool
has_started(const char *log)
{
	char text[4096];

	return read_proc(log, text, sizeof text) &&
	    strstr(text, "msg=\"started\"") != NULL;
}

static _Noreturn void
exec_wjobs(const char *jobfile, const char *log)
{
	const char *wjobs = getenv("WJOBS");
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (wjobs == NULL)
		wjobs = "build/wjobs";
	dup2(fd, 1);
	dup2(fd, 2);
	execl(
	    wjobs, "wjobs", "-f", jobfile, "run", "--trust-file", (char *)NULL);
	_exit(127);
}

void
daemon_start(struct daemon *daemon, const char *jobfile)
{
	double limit = bench_now_s() + PATIENCE_S;

	daemon->log = mem_printf("%s.log", jobfile);
	daemon->pid = fork();
	if (daemon->pid < 0)
		bench_die("cannot fork");
	if (daemon->pid == 0)
		exec_wjobs(jobfile, daemon->log);
	while (!has_started(daemon->log)) {
		if (waitpid(daemon->pid, NULL, WNOHANG) != 0 ||
		    bench_now_s() > limit)
			bench_die("wjobs run does not start on %s", jobfile);
		usleep(5000);
	}
}

void
daemon_stop(struct daemon *daemon)
{
	kill(daemon->pid, SIGTERM);
	while (waitpid(daemon->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	unlink(daemon->log);
	free(daemon->log);
}

void
daemon_settle(const struct daemon *daemon)
{
	double cpu = process_cpu_s(daemon->pid), now, since = bench_now_s();

	while (bench_now_s() - since < REST_S) {
		usleep(20000);
		now = process_cpu_s(daemon->pid);
		if (now != cpu)
			since = bench_now_s();
		cpu = now;
	}
}
