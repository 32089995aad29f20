/*
 * How fast a queue is worked off, beside a bare loop of posix_spawn, turn by
 * turn: ten thousand pieces of /bin/true by four workers, in a file and in a
 * Redis. And what a hundred thousand pieces that wait cost: memory, and the
 * pace of what is put in and worked off before them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "test/bench/lib/daemon.h"
#include "test/bench/lib/queue.h"
#include "test/bench/lib/redis.h"
#include "test/bench/lib/turns.h"

#define ROUNDS  3
#define PIECES  10000
#define WAITING 100000
#define SOME    2000
#define CALLS   200
#define LIMIT_S 60

static struct bench_queue on_file, on_redis;

/* Until no more than so many are left. */
static void
wait_for(struct store *store, int64_t left)
{
	double limit = bench_now_s() + LIMIT_S;

	while (bench_queue_left(store) > left) {
		if (bench_now_s() > limit)
			bench_die("the queue is not worked off");
		usleep(10000);
	}
}

/* From the start of the daemon until all is done. */
static double
drain(const struct bench_queue *queue, int n, int64_t left)
{
	struct store *store;
	struct daemon daemon;
	double began;

	bench_queue_fill(queue, "noop", 10, n);
	store = bench_queue_open(queue);
	began = bench_now_s();
	daemon_start(&daemon, queue->jobfile);
	wait_for(store, left);
	began = bench_now_s() - began;
	daemon_stop(&daemon);
	store_close(store);
	return began;
}

static double
drain_file(int n)
{
	return drain(&on_file, n, 0);
}

static double
drain_redis(int n)
{
	return drain(&on_redis, n, 0);
}

static double
drain_tsp(int n)
{
	return turns_script(
	    "command -v tsp >/dev/null && export TS_SOCKET=\"$BENCH_DIR/tsp\" "
	    "TS_SLOTS=4 && for i in $(seq %d); do tsp -n /bin/true; done && "
	    "while tsp -l | grep -qE 'queued|running'; do :; done && tsp -K",
	    n);
}

static double
drain_nq(int n)
{
	return turns_script(
	    "command -v nq >/dev/null && export NQDIR=\"$BENCH_DIR/nqs\" && "
	    "for i in $(seq %d); do nq -q /bin/true; done && nq -w; "
	    "rm -rf \"$NQDIR\"",
	    n);
}

/* BullMQ, where $NODE_PATH has it; what is put in is not counted. */
static double
drain_bull(int n)
{
	char *command, line[64] = "";
	double taken = -1;
	FILE *f;

	command = mem_printf("node test/bench/lib/bull.js '%s' %d 2>/dev/null",
	    strchr(on_redis.store, '/') + 2, n);
	f = popen(command, "r");
	if (f != NULL && fgets(line, sizeof line, f) != NULL)
		taken = strtod(line, NULL);
	if (f != NULL && pclose(f) != 0)
		taken = -1;
	free(command);
	return taken;
}

enum { SPAWN, SQLITE, REDIS, TSP, NQ, BULL, CONTESTANTS };

static struct turn contestant[CONTESTANTS] = {
	[SPAWN] = { turns_posix_spawn, PIECES, 1 },
	[SQLITE] = { drain_file, PIECES, 1 },
	[REDIS] = { drain_redis, PIECES, 1 },
	[TSP] = { drain_tsp, 300, 2 },
	[NQ] = { drain_nq, 300, 2 },
	[BULL] = { drain_bull, 1000, 2 },
};

static void
measure_drain(void)
{
	turns_run(contestant, CONTESTANTS, ROUNDS);
	turns_print("queue drained, SQLite", &contestant[SQLITE], "posix_spawn",
	    &contestant[SPAWN], ">= 0.8");
	turns_print("queue drained, Redis", &contestant[REDIS], "posix_spawn",
	    &contestant[SPAWN], ">= 0.75");
	turns_print("queue drained, SQLite", &contestant[SQLITE],
	    "task-spooler, put in too", &contestant[TSP], "-");
	turns_print("queue drained, SQLite", &contestant[SQLITE],
	    "nq, put in too", &contestant[NQ], "-");
	turns_print("queue drained, Redis", &contestant[REDIS], "BullMQ",
	    &contestant[BULL], "-");
}

/* ---- a backlog */

struct pace {
	double call_ms, drain_s;
	long rss_kb;
};

static double
call_ms(const struct bench_queue *queue)
{
	const char *argv[] = { getenv("WJOBS"), "-f", queue->jobfile, "enqueue",
		"later", "--delay", "1d", NULL };
	double ms[CALLS];
	int i;

	for (i = 0; i < CALLS; i++)
		ms[i] = bench_call_ms(argv);
	return bench_median(ms, CALLS);
}

static void
pace_measure(const struct bench_queue *queue, struct pace *pace)
{
	struct store *store = bench_queue_open(queue);
	struct daemon daemon;
	int64_t left;

	pace->call_ms = call_ms(queue);
	left = bench_queue_left(store);
	store_close(store);
	pace->drain_s = drain(queue, SOME, left);
	daemon_start(&daemon, queue->jobfile);
	usleep(2000000);
	pace->rss_kb = process_kb(daemon.pid, "VmHWM");
	daemon_stop(&daemon);
}

static void
backlog_print(
    const char *name, const struct pace *empty, const struct pace *full)
{
	printf("100,000 waiting, %s: enqueue|%.2f ms|%.2f ms with none|%.2f|"
	       "<= 1.2\n",
	    name, full->call_ms, empty->call_ms,
	    full->call_ms / empty->call_ms);
	printf("100,000 waiting, %s: drained|%.0f/s|%.0f/s with none|%.2f|"
	       ">= 0.83\n",
	    name, SOME / full->drain_s, SOME / empty->drain_s,
	    empty->drain_s / full->drain_s);
	printf("100,000 waiting, %s: daemon's memory|%.1f MB more|%.1f MB with "
	       "none|-|<= 5\n",
	    name, (double)(full->rss_kb - empty->rss_kb) / 1e3,
	    (double)empty->rss_kb / 1e3);
}

static void
measure_backlog(const char *name, const struct bench_queue *queue)
{
	struct pace empty, full;

	pace_measure(queue, &empty);
	/* Of less priority than what is measured. */
	bench_queue_fill(queue, "later", 0, WAITING);
	pace_measure(queue, &full);
	backlog_print(name, &empty, &full);
}

int
main(void)
{
	char *url = bench_redis();

	turns_warn_if_busy("queue");
	bench_queue_make(&on_file, "queue", NULL);
	bench_queue_make(&on_redis, "queue_redis", url);
	measure_drain();
	measure_backlog("SQLite", &on_file);
	measure_backlog("Redis", &on_redis);
	return 0;
}
