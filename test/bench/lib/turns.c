#include "test/bench/lib/turns.h"

#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/str.h"
#include "test/bench/lib/daemon.h"

#define WIDTH 4

extern char **environ;

static const char *const noop[] = { "/bin/true", NULL };

static double
turns_now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void
turns_run(struct turn *turn, int turns, int rounds)
{
	double taken;
	int i, k, who;

	for (i = 0; i < rounds; i++) {
		for (k = 0; k < turns; k++) {
			who = (k + i * 5) % turns;
			if (i % turn[who].every != 0)
				continue;
			taken = turn[who].run(turn[who].n);
			turn[who].rate[i] = turn[who].n / taken;
		}
	}
}

void
turns_print(const char *what, const struct turn *ours, const char *limit,
    const struct turn *theirs, const char *target)
{
	double ratio[TURNS_ROUNDS_MAX], one[TURNS_ROUNDS_MAX],
	    other[TURNS_ROUNDS_MAX];
	int i, n = 0;

	for (i = 0; i < TURNS_ROUNDS_MAX; i++) {
		if (ours->rate[i] == 0 || theirs->rate[i] == 0)
			continue;
		if (theirs->rate[i] < 0) {
			fprintf(stderr, "no %s here\n", limit);
			return;
		}
		if (ours->rate[i] < 0)
			bench_die("%s failed", what);
		one[n] = ours->rate[i];
		other[n] = theirs->rate[i];
		ratio[n] = one[n] / other[n];
		n++;
	}
	printf("%s|%.0f/s|%.0f/s %s|%.2f|%s\n", what, bench_median(one, n),
	    bench_median(other, n), limit, bench_median(ratio, n), target);
}

/*
 * A child has a session of its own, and with it, on many a Linux, a share of
 * the processor of its own: beside other work it waits for its turn as a whole
 * session, where the children of a bare loop run in their parent's share.
 */
void
turns_warn_if_busy(const char *who)
{
	double load;

	if (getloadavg(&load, 1) == 1 && load > 0.7)
		fprintf(stderr,
		    "%s: other work is under way (load %.1f): the ratios mean "
		    "little\n",
		    who, load);
}

/* ---- bare loops */

static pid_t
bare_vfork(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execve(noop[0], (char *const *)noop, environ);
		_exit(127);
	}
	return pid;
}

static pid_t
bare_spawn(void)
{
	pid_t pid = -1;

	posix_spawn(&pid, noop[0], NULL, NULL, (char *const *)noop, environ);
	return pid;
}

static double
run_bare(int n, pid_t (*start)(void))
{
	double began = turns_now_s();
	int running = 0;

	while (n > 0 || running > 0) {
		if (n > 0 && running < WIDTH) {
			if (start() < 0)
				exit(1);
			n--;
			running++;
		} else if (waitpid(-1, NULL, 0) > 0) {
			running--;
		}
	}
	return turns_now_s() - began;
}

double
turns_vfork(int n)
{
	return run_bare(n, bare_vfork);
}

double
turns_posix_spawn(int n)
{
	return run_bare(n, bare_spawn);
}

/* ---- the others */

double
turns_script(const char *fmt, ...)
{
	struct str text = { 0 };
	double began = turns_now_s();
	char buf[1024];
	va_list ap;
	int status;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof buf, fmt, ap);
	va_end(ap);
	str_addf(&text, "{ %s; } >/dev/null 2>&1", buf);
	status = system(str_text(&text));
	str_release(&text);
	return status == 0 ? turns_now_s() - began : -1;
}

double
turns_xargs(int n)
{
	return turns_script("seq %d | xargs -P4 -n1 /bin/true", n);
}

double
turns_xargs_shell(int n)
{
	return turns_script("seq %d | xargs -P4 -I{} sh -c '/bin/true;'", n);
}

double
turns_make(int n)
{
	return turns_script("cd \"${BENCH_DIR:-.}\" && { echo 'all: '; seq -f "
			    "'all: t%%g' %d; seq -f 't%%g: ; @/bin/true' %d; "
			    "} >turns.mk && make -j4 -f turns.mk all",
	    n, n);
}

double
turns_parallel(int n)
{
	return turns_script("parallel --version | grep -q GNU && "
			    "seq %d | parallel -j4 /bin/true",
	    n);
}

double
turns_moreutils(int n)
{
	return turns_script("p=$(command -v parallel.moreutils) && "
			    "$p -j4 /bin/true -- $(seq %d)",
	    n);
}
