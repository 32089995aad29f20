#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/mem.h"
#include "lib/store/lock.h"
#include "test/bench/lib/daemon.h"
#include "test/bench/lib/redis.h"

/*
 * A lock in Redis beside the least that it can be: a script that compares a
 * key and sets its time, one round trip. Short turns, one after the other, and
 * the median of their ratios, since others use the machine too.
 */
#define TURNS 61
#define CALLS 200
#define TTL   30000

static const char floor_script[] =
    "if redis.call('GET', KEYS[1] .. 'floor') == ARGV[1] then\n"
    "	return redis.call('PEXPIRE', KEYS[1] .. 'floor', ARGV[2])\n"
    "end\n"
    "return 0";

enum what { FLOOR, TAKE, EXTEND, RELEASE, WHATS };
static const char *const name[] = { "", "take", "renew", "release" };

static double
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

#define TOKEN "01M85A01EY89XB52ZREM2BXP45"

static void
floor_set(struct redis_link *link)
{
	struct redis_args args = { 0 };
	redisReply *reply;
	struct err err;

	redis_args_text(&args, "SET");
	redis_args_key(&args, link, "floor");
	redis_args_text(&args, TOKEN);
	if (!redis_link_call(link, &args, &reply, &err))
		bench_die("%s", err.msg);
	freeReplyObject(reply);
	redis_args_release(&args);
}

static void
floor_call(struct redis_link *link, struct redis_script *script)
{
	struct redis_args args = { 0 };
	redisReply *reply;
	struct err err;

	redis_args_text(&args, TOKEN);
	redis_args_int(&args, TTL);
	if (!redis_link_run(link, script, &args, &reply, &err))
		bench_die("%s", err.msg);
	freeReplyObject(reply);
	redis_args_release(&args);
}

static void
lock_call(struct lock *lock, enum what what, const char *token)
{
	const struct lock_ask ask = { .key = "bench",
		.token = token,
		.holder = "host-7f3a:4711",
		.ttl_ms = TTL };
	struct lock_state state;
	struct err err;
	bool is_ours = true, ok;

	if (what == TAKE)
		ok = lock_take(lock, &ask, &state, &err) == LOCK_TAKEN;
	else if (what == EXTEND)
		ok = lock_extend(lock, "bench", token, TTL, &is_ours, &err);
	else
		ok = lock_release(lock, "bench", token, &is_ours, &err);
	if (!ok || !is_ours)
		bench_die("the lock is not ours");
}

static void
turn(struct redis_link *link, struct lock *lock, double *us)
{
	static struct redis_script script = { .text = floor_script };
	char token[LOCK_TOKEN_MAX + 1];
	double from, to;
	int i, what;

	for (what = 0; what < WHATS; what++)
		us[what] = 0;
	for (i = 0; i < CALLS; i++) {
		lock_make_token(token);
		for (what = 0; what < WHATS; what++) {
			from = now_us();
			if (what == FLOOR)
				floor_call(link, &script);
			else
				lock_call(lock, (enum what)what, token);
			to = now_us();
			us[what] += (to - from) / CALLS;
		}
	}
}

int
main(void)
{
	char *url = bench_redis();
	struct redis_link *link = bench_link(url);
	double us[TURNS][WHATS], list[TURNS], floor[TURNS], ratio[TURNS];
	struct lock *lock;
	struct err err;
	int i, what;

	if (!lock_open(url, &lock, &err))
		bench_die("%s", err.msg);
	floor_set(link);
	for (i = 0; i < TURNS; i++)
		turn(link, lock, us[i]);
	for (what = TAKE; what < WHATS; what++) {
		for (i = 0; i < TURNS; i++) {
			list[i] = us[i][what];
			floor[i] = us[i][FLOOR];
			ratio[i] = us[i][what] / us[i][FLOOR];
		}
		printf("redis lock, %s|%.1f us|%.1f us EVALSHA|%.2f|<= 1.15\n",
		    name[what], bench_median(list, TURNS),
		    bench_median(floor, TURNS), bench_median(ratio, TURNS));
	}
	lock_close(lock);
	redis_link_free(link);
	free(url);
	return 0;
}
