/*
 * What a scheduler costs while nothing is due: its memory, how often it wakes
 * up, what it asks of the kernel, with 1 job and with 10,000.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "test/bench/lib/daemon.h"

#define IDLE_S 10
/* For strace to attach, which wakes up what it attaches to. */
#define ATTACH_S 1

static const int jobs[] = { 1, 10000 };

/* Each is due once a year, half a year from now. */
static void
write_jobs(const char *jobfile, int n)
{
	FILE *out = fopen(jobfile, "w");
	time_t now = time(NULL);
	struct tm tm;
	int i;

	if (out == NULL)
		bench_die("cannot write a jobfile");
	gmtime_r(&now, &tm);
	fprintf(out, "timezone: UTC\njobs:\n");
	for (i = 0; i < n; i++)
		fprintf(out,
		    "  job-%d:\n    cron: \"%d 3 7 %d *\"\n"
		    "    command: /usr/local/bin/report --id %d\n",
		    i, i % 60, (tm.tm_mon + 6) % 12 + 1, i);
	if (fclose(out) != 0)
		bench_die("cannot write a jobfile");
}

static off_t
file_size(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : 0;
}

/*
 * What strace sees of it in IDLE_S, in lines: 0 is none; -1: there is no
 * strace, or it may not look.
 */
static long
count_calls(pid_t pid)
{
	char *path = bench_path("strace"), number[16];
	long lines = -1;
	off_t from, to;
	pid_t strace;

	snprintf(number, sizeof number, "%d", (int)pid);
	strace = fork();
	if (strace == 0) {
		close(2);
		open("/dev/null", O_WRONLY);
		execlp("strace", "strace", "-f", "-q", "-o", path, "-p", number,
		    (char *)NULL);
		_exit(127);
	}
	sleep(ATTACH_S);
	from = file_size(path);
	sleep(IDLE_S);
	to = file_size(path);
	if (waitpid(strace, NULL, WNOHANG) == 0) {
		lines = to == from ? 0 : (to - from) / 60 + 1;
		kill(strace, SIGINT);
		waitpid(strace, NULL, 0);
	}
	unlink(path);
	free(path);
	return lines;
}

static void
print_idle(
    int n, const char *what, double figure, const char *fmt, const char *target)
{
	char text[64];

	snprintf(text, sizeof text, fmt, figure);
	printf("idle with %d job%s, %s|%s|-|-|%s\n", n, n == 1 ? "" : "s", what,
	    text, target);
}

static void
measure(const struct daemon *daemon, int n)
{
	long wakes = process_wakes(daemon->pid), calls;
	double cpu_s = process_cpu_s(daemon->pid);

	print_idle(n, "memory", (double)process_kb(daemon->pid, "VmRSS") / 1024,
	    "%.1f MB", n == 1 ? "<= 5" : "<= 10");
	sleep(IDLE_S);
	print_idle(n, "wake-ups in 10 s",
	    (double)(process_wakes(daemon->pid) - wakes), "%.0f", "= 0");
	print_idle(n, "processor time in 10 s",
	    (process_cpu_s(daemon->pid) - cpu_s) * 1e3, "%.0f ms", "= 0");
	calls = count_calls(daemon->pid);
	if (calls < 0)
		fprintf(stderr, "no strace, or it may not attach\n");
	else
		print_idle(
		    n, "system calls in 10 s", (double)calls, "%.0f", "= 0");
}

int
main(void)
{
	char *jobfile = bench_path("idle.yaml");
	struct daemon daemon;
	size_t i;

	for (i = 0; i < ARRAY_LEN(jobs); i++) {
		write_jobs(jobfile, jobs[i]);
		daemon_start(&daemon, jobfile);
		daemon_settle(&daemon);
		sleep(1);
		measure(&daemon, jobs[i]);
		daemon_stop(&daemon);
		unlink(jobfile);
	}
	free(jobfile);
	return 0;
}
