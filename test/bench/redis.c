#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/store/store.h"
#include "test/bench/lib/daemon.h"
#include "test/bench/lib/redis.h"

/*
 * A Redis of its own, and so many instances that claim, begin and end runs as
 * fast as it lets them, in batches as their writers have them; beside it, turn
 * by turn, as many clients with a script that does next to nothing. What Redis
 * can do of those is the limit of what any claim can be.
 */
#define TURNS   5
#define TURN_S  0.6
#define BATCH   16
#define CLIENTS 16

static const char floor_script[] =
    "return redis.call('HSET', KEYS[1] .. 'floor', ARGV[1], ARGV[2])";

static char *url_text;
static volatile int64_t *done; /* of each client, shared */
static volatile bool *is_go;

/* Clients */

/* BATCH times the script that does nothing, in one round trip. */
static void
floor_batch(struct redis_link *link, struct redis_script *script, int client)
{
	struct redis_args args = { 0 };
	redisReply *reply;
	struct err err;
	int i;

	for (i = 0; i < BATCH; i++) {
		redis_args_clear(&args);
		redis_args_int(&args, client * BATCH + i);
		redis_args_text(&args, "01M85A01EY89XB52ZREM2BXP45");
		redis_link_eval(link, script, &args);
	}
	for (i = 0; i < BATCH; i++) {
		if (!redis_link_take(link, &reply, &err))
			bench_die("%s", err.msg);
		freeReplyObject(reply);
	}
	redis_args_release(&args);
}

static void
floor_client(int client)
{
	struct redis_script script = { .text = floor_script };
	struct redis_link *link = bench_link(url_text);

	while (!*is_go)
		usleep(200);
	while (*is_go) {
		floor_batch(link, &script, client);
		done[client] += BATCH;
	}
	_exit(0);
}

static void
make_run(struct record *r, int job, int64_t due_ms)
{
	record_init(r);
	r->scheduled_ms = r->started_ms = due_ms;
	r->id = ulid_make(due_ms);
	r->job = mem_printf("job_%d_%d", (int)getpid(), job);
	r->kind = mem_strdup("cron");
	r->worker = mem_strdup("host-7f3a");
	r->status = RECORD_RUNNING;
	r->attempt = 1;
	r->exit_code = 0;
}

/* BATCH runs begin, and then they end: two round trips. */
static void
runs_batch(struct store *store, int64_t due_ms)
{
	struct store_op *begin[BATCH], *end[BATCH];
	struct record r;
	struct err err;
	int i;

	for (i = 0; i < BATCH; i++) {
		make_run(&r, i, due_ms);
		begin[i] = store_op_new(STORE_BEGIN, &r);
		begin[i]->is_shared = begin[i]->is_alone = true;
		begin[i]->before_ms = due_ms - 100;
		r.status = RECORD_COMPLETED;
		r.duration_ms = 20;
		r.completed_ms = due_ms + 20;
		end[i] = store_op_new(STORE_END, &r);
		end[i]->is_shared = true;
		record_release(&r);
	}
	if (!store_apply(store, begin, BATCH, &err) ||
	    !store_apply(store, end, BATCH, &err))
		bench_die("%s", err.msg);
	for (i = 0; i < BATCH; i++) {
		if (begin[i]->result != CLAIM_GRANTED)
			bench_die("a claim was not granted");
		store_op_free(begin[i]);
		store_op_free(end[i]);
	}
}

static void
runs_client(int client)
{
	struct store_limits limits = { 100, -1, 0 };
	int64_t due_ms = clock_now_ms() - 3600000;
	struct store *store;
	struct err err;

	if (store_open(url_text, STORE_WRITE, limits, &store, NULL, &err) !=
	    STORE_OPENED)
		bench_die("%s", err.msg);
	while (!*is_go)
		usleep(200);
	while (*is_go) {
		runs_batch(store, due_ms += 100);
		done[client] += BATCH;
	}
	_exit(0);
}

/* How many of them n clients do in a second, all together. */
static double
rate(int n, void (*run)(int client))
{
	pid_t pid[CLIENTS];
	int64_t sum = 0;
	double from, s;
	int i, status;

	*is_go = false;
	for (i = 0; i < n; i++) {
		done[i] = 0;
		pid[i] = fork();
		if (pid[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			run(i);
		}
	}
	bench_sleep_until(bench_now_s() + 0.1);
	from = bench_now_s();
	*is_go = true;
	bench_sleep_until(from + TURN_S);
	for (i = 0; i < n; i++)
		sum += done[i];
	s = bench_now_s() - from;
	*is_go = false;
	for (i = 0; i < n; i++)
		if (waitpid(pid[i], &status, 0) != pid[i] || status != 0)
			bench_die("a client failed");
	return (double)sum / s;
}

static void
bench_runs(int n)
{
	double runs[TURNS], evals[TURNS], ratio[TURNS];
	int i;

	for (i = 0; i < TURNS; i++) {
		evals[i] = rate(n, floor_client);
		runs[i] = rate(n, runs_client);
		ratio[i] = runs[i] * 2 / evals[i];
	}
	printf("redis, runs of %d instance%s|%.0f/s|%.0f/s, half the EVALSHAs"
	       "|%.2f|>= 0.05\n",
	    n, n > 1 ? "s" : "", bench_median(runs, TURNS),
	    bench_median(evals, TURNS) / 2, bench_median(ratio, TURNS));
}

int
main(void)
{
	void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		bench_die("no memory");
	done = shared;
	is_go = (volatile bool *)&done[CLIENTS];
	setvbuf(stdout, NULL, _IOLBF, 0);
	url_text = bench_redis();
	bench_runs(1);
	bench_runs(4);
	bench_runs(16);
	return 0;
}
