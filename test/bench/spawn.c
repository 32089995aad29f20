/*
 * How many commands a second: the pool and lib/process beside bare loops of
 * vfork and posix_spawn, and beside the programs that people use for it. All
 * take turns, four at a time; a ratio is the median of its rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/mem.h"
#include "lib/base/startup.h"
#include "lib/process/env.h"
#include "lib/process/pool.h"
#include "lib/process/proc.h"
#include "test/bench/lib/turns.h"

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

static struct turn contestant[CONTESTANTS] = {
	[ARGV] = { run_argv, 400, 1 },
	[VFORK] = { turns_vfork, 400, 1 },
	[SPAWN] = { turns_posix_spawn, 400, 1 },
	[CAPTURED] = { run_captured, 300, 2 },
	[PLAIN] = { run_plain, 300, 4 },
	[SHELL] = { run_shell, 300, 4 },
	[BIG_ARGV] = { run_big, 400, 8 },
	[XARGS] = { turns_xargs, 400, 4 },
	[XARGS_SHELL] = { turns_xargs_shell, 300, 4 },
	[MAKE] = { turns_make, 400, 4 },
	[MOREUTILS] = { turns_moreutils, 400, 4 },
	[PARALLEL] = { turns_parallel, 100, 8 },
};

static void
print_ratio(const char *what, int ours, const char *limit, int theirs,
    const char *target)
{
	turns_print(
	    what, &contestant[ours], limit, &contestant[theirs], target);
}

int
main(void)
{
	startup_tidy();
	env_inherit(&bench.env);
	bench.loop = ev_loop_new(0);
	bench.clock = clock_open(bench.loop);
	bench.host = proc_host_open(bench.loop, bench.clock);
	turns_warn_if_busy("spawn");
	turns_run(contestant, CONTESTANTS, ROUNDS);
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
