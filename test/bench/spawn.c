/*
 * How many commands a second: the pool and lib/process beside bare loops of
 * vfork and posix_spawn, and beside the programs that people use for it. All
 * take turns, four at a time; a ratio is the median of its rounds.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/startup.h"
#include "lib/base/str.h"
#include "lib/process/env.h"
#include "lib/process/pool.h"
#include "lib/process/proc.h"

#define WIDTH  4
#define ROUNDS 25
#define BIG    (500u << 20)

static const char *const noop[] = { "/bin/true", NULL };

static double
now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* ---- ours */

struct slot {
	struct pool_seat seat;
	struct proc proc;
};

static struct bench {
	struct ev_loop *loop;
	struct clock *clock;
	struct proc_host *host;
	struct pool pool;
	struct proc_command command;
	struct env env;
	int left;
} bench;

static void
on_ended(struct proc *proc, const struct proc_result *result)
{
	struct slot *slot = proc->data;

	if (!result->started || result->exit_code != 0) {
		fprintf(stderr, "bench: a command failed\n");
		exit(1);
	}
	pool_give(&bench.pool, &slot->seat);
	if (--bench.left == 0)
		ev_break(bench.loop, EVBREAK_ALL);
}

static void
on_seated(struct pool_seat *seat)
{
	struct slot *slot = seat->data;

	slot->proc.ended = on_ended;
	slot->proc.data = slot;
	proc_start(bench.host, &slot->proc, &bench.command);
}

static double
run_pool(int n)
{
	struct slot *slot = mem_zalloc((size_t)n, sizeof *slot);
	double began = now_s();
	int i;

	bench.left = n;
	pool_init(&bench.pool, WIDTH);
	for (i = 0; i < n; i++) {
		slot[i].seat.seated = on_seated;
		slot[i].seat.data = &slot[i];
		pool_ask(&bench.pool, &slot[i].seat);
	}
	ev_run(bench.loop, 0);
	pool_release(&bench.pool);
	free(slot);
	return now_s() - began;
}

static void
set_command(const char *text, enum proc_output output)
{
	bench.command = (struct proc_command){ .envp = env_items(&bench.env),
		.text = text,
		.argv = text == NULL ? noop : NULL,
		.output = output,
		.split_stderr = true,
		.timeout_ms = 300000,
		.output_limit = 65536 };
}

static double
run_argv(int n)
{
	set_command(NULL, PROC_DISCARD);
	return run_pool(n);
}

static double
run_captured(int n)
{
	set_command(NULL, PROC_CAPTURE);
	return run_pool(n);
}

static double
run_plain(int n)
{
	set_command("/bin/true", PROC_DISCARD);
	return run_pool(n);
}

/* The same through the shell: as it runs where a character asks for it. */
static double
run_shell(int n)
{
	set_command("/bin/true;", PROC_DISCARD);
	return run_pool(n);
}

static double
run_big(int n)
{
	char *memory = mem_alloc(BIG);
	double taken;

	memset(memory, 1, BIG);
	__asm__ volatile("" : : "r"(memory) : "memory");
	taken = run_argv(n);
	free(memory);
	return taken;
}

/* ---- the limits */

static pid_t
bare_vfork(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execve(noop[0], (char *const *)noop,
		    (char *const *)bench.env.item);
		_exit(127);
	}
	return pid;
}

static pid_t
bare_spawn(void)
{
	pid_t pid = -1;

	posix_spawn(&pid, noop[0], NULL, NULL, (char *const *)noop,
	    (char *const *)bench.env.item);
	return pid;
}

static double
run_bare(int n, pid_t (*start)(void))
{
	double began = now_s();
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
	return now_s() - began;
}

static double
run_vfork(int n)
{
	return run_bare(n, bare_vfork);
}

static double
run_posix_spawn(int n)
{
	return run_bare(n, bare_spawn);
}

/* ---- the others; NAN-like -1 where they are not installed */

static double
run_script(const char *fmt, ...)
{
	struct str text = { 0 };
	double began = now_s();
	char buf[512];
	va_list ap;
	int status;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof buf, fmt, ap);
	va_end(ap);
	str_addf(&text, "{ %s; } >/dev/null 2>&1", buf);
	status = system(str_text(&text));
	str_release(&text);
	return status == 0 ? now_s() - began : -1;
}

static double
run_xargs(int n)
{
	return run_script("seq %d | xargs -P4 -n1 /bin/true", n);
}

static double
run_xargs_shell(int n)
{
	return run_script("seq %d | xargs -P4 -I{} sh -c '/bin/true;'", n);
}

static double
run_make(int n)
{
	return run_script("cd \"${BENCH_DIR:-.}\" && { echo 'all: '; seq -f "
			  "'all: t%%g' %d; seq -f 't%%g: ; @/bin/true' %d; } "
			  ">spawn.mk && make -j4 -f spawn.mk all",
	    n, n);
}

static double
run_parallel(int n)
{
	return run_script("parallel --version | grep -q GNU && "
			  "seq %d | parallel -j4 /bin/true",
	    n);
}

static double
run_moreutils(int n)
{
	return run_script("p=$(command -v parallel.moreutils) && "
			  "$p -j4 /bin/true -- $(seq %d)",
	    n);
}

/* ---- turns */

enum {
	ARGV,
	CAPTURED,
	PLAIN,
	SHELL,
	BIG_ARGV,
	VFORK,
	SPAWN,
	XARGS,
	XARGS_SHELL,
	MAKE,
	PARALLEL,
	MOREUTILS,
	CONTESTANTS
};

static const struct {
	double (*run)(int n);
	int n, every; /* so many, in each so manieth round */
} contestant[CONTESTANTS] = {
	[ARGV] = { run_argv, 400, 1 },
	[VFORK] = { run_vfork, 400, 1 },
	[SPAWN] = { run_posix_spawn, 400, 1 },
	[CAPTURED] = { run_captured, 300, 2 },
	[PLAIN] = { run_plain, 300, 4 },
	[SHELL] = { run_shell, 300, 4 },
	[BIG_ARGV] = { run_big, 400, 8 },
	[XARGS] = { run_xargs, 400, 4 },
	[XARGS_SHELL] = { run_xargs_shell, 300, 4 },
	[MAKE] = { run_make, 400, 4 },
	[MOREUTILS] = { run_moreutils, 400, 4 },
	[PARALLEL] = { run_parallel, 100, 8 },
};

static double rate[CONTESTANTS][ROUNDS];

/* Each round begins with another one, so that none is always behind. */
static void
run_rounds(void)
{
	double taken;
	int i, k, who;

	for (i = 0; i < ROUNDS; i++) {
		for (k = 0; k < CONTESTANTS; k++) {
			who = (k + i * 5) % CONTESTANTS;
			if (i % contestant[who].every != 0)
				continue;
			taken = contestant[who].run(contestant[who].n);
			rate[who][i] = contestant[who].n / taken;
		}
	}
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
median(double *list, int n)
{
	qsort(list, (size_t)n, sizeof *list, compare);
	return list[n / 2];
}

/* Over the rounds in which both had their turn. */
static void
print_ratio(const char *what, int ours, const char *limit, int theirs,
    const char *target)
{
	double ratio[ROUNDS], one[ROUNDS], other[ROUNDS];
	int i, n = 0;

	for (i = 0; i < ROUNDS; i++) {
		if (rate[ours][i] == 0 || rate[theirs][i] == 0)
			continue;
		if (rate[theirs][i] < 0) {
			fprintf(stderr, "bench: no %s\n", limit);
			return;
		}
		one[n] = rate[ours][i];
		other[n] = rate[theirs][i];
		ratio[n] = one[n] / other[n];
		n++;
	}
	printf("%s|%.0f/s|%.0f/s %s|%.2f|%s\n", what, median(one, n),
	    median(other, n), limit, median(ratio, n), target);
}

/*
 * A child has a session of its own, and with it, on many a Linux, a share of
 * the processor of its own: beside other work it waits for its turn as a whole
 * session, where the children of a bare loop run in their parent's share.
 */
static void
warn_if_busy(void)
{
	double load;

	if (getloadavg(&load, 1) == 1 && load > 0.7)
		fprintf(stderr,
		    "spawn: other work is under way (load %.1f): the ratios "
		    "mean little\n",
		    load);
}

int
main(void)
{
	startup_tidy();
	env_inherit(&bench.env);
	bench.loop = ev_loop_new(0);
	bench.clock = clock_open(bench.loop);
	bench.host = proc_host_open(bench.loop, bench.clock);
	warn_if_busy();
	run_rounds();
	print_ratio("spawn, pool of 4", ARGV, "vfork", VFORK, ">= 0.88");
	print_ratio("spawn, pool of 4", ARGV, "posix_spawn", SPAWN, ">= 0.95");
	print_ratio("spawn, with capture", CAPTURED, "vfork", VFORK, ">= 0.85");
	print_ratio("spawn, argv", ARGV, "xargs -P4", XARGS, ">= 1.5");
	print_ratio("spawn, plain string", PLAIN, "xargs -P4", XARGS, ">= 1.5");
	print_ratio(
	    "spawn, sh -c", SHELL, "xargs -P4 sh -c", XARGS_SHELL, ">= 1.3");
	print_ratio("spawn, argv", ARGV, "GNU parallel -j4", PARALLEL, ">= 6");
	print_ratio("spawn, argv", ARGV, "make -j4", MAKE, ">= 1.2");
	print_ratio("spawn, argv", ARGV, "moreutils parallel -j4", MOREUTILS,
	    ">= 1.05");
	print_ratio(
	    "spawn, plain string", PLAIN, "through sh", SHELL, ">= 1.8");
	print_ratio(
	    "spawn, 500 MB resident", BIG_ARGV, "small", ARGV, ">= 0.8");
	proc_host_close(bench.host);
	clock_close(bench.clock);
	ev_loop_destroy(bench.loop);
	env_release(&bench.env);
	return 0;
}
