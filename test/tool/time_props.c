/*
 * time_props SEED COUNT - what must hold of every schedule, in COUNT zones from
 * standard input, over years: next goes forward and prev finds it again; count
 * is the number of steps; each answer comes in under a millisecond. Prints what
 * it did, or the first fault.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/mem.h"
#include "lib/time/when.h"

#define FIRST_MS INT64_C(0)             /* 1970 */
#define LAST_MS  INT64_C(4102444800000) /* 2100 */
#define STEPS    3000
#define SLOW_NS  1000000

static const char *const exprs[] = {
	"* * * * *",
	"*/15 * * * *",
	"0 9 * * 1-5",
	"0 0 1 * *",
	"30 4 1,15 * 5",
	"0 0 13 * 5",
	"5,20,35,50 8-18/2 * 3,6,9,12 1-5",
	"0 0 31 12 *",
	"0 0 29 2 *",
	"*/10 * * * * *",
	"30 2 * * *",
	"0,30 0-3 * * *",
	"59 23 * * *",
	"0 0 * * *",
	"15 1 * * sunL",
	"0 3 LW * *",
	"0 2 * * sun#2;0 * * * *",
	"*/20 2 * * *;30 2 * * *",
	"0 0 * * *;0 1 * * *;0 2 * * *;0 3 * * *",
	"30 30 2 * * *",
	"* * 2 * * *",
	"0 */3 29W 2 ?",
	"0 0 29 2 mon;0 0 L-1 2 *",
};

static uint64_t seed;

static int64_t
roll(int64_t low, int64_t high)
{
	seed = seed * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return low + (int64_t)((seed >> 20) % (uint64_t)(high - low));
}

static int64_t
cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static bool
fault(const struct when *when, const char *text, const char *what, int64_t at)
{
	printf("%s '%s' at %" PRId64 ": %s\n", zone_name(when->zone), text, at,
	    what);
	return false;
}

/* Slow, and slow again when asked anew: not just interrupted. */
static bool
is_slow(const struct when *when, int64_t t)
{
	int64_t begin, i;

	for (i = 0; i < 3; i++) {
		begin = cpu_ns();
		if (when_next(when, t) == when_prev(when, t) ||
		    cpu_ns() - begin < SLOW_NS)
			return false;
	}
	return true;
}

/* Walk some steps; *from becomes where it ended. */
static bool
walk(const struct when *when, const char *text, int64_t from, int64_t *steps)
{
	int64_t t = from, next, n;

	for (n = 0; n < STEPS; n++, t = next) {
		next = when_next(when, t);
		if (next <= t)
			return fault(when, text, "next does not advance", t);
		if (next > LAST_MS)
			break;
		if (when_prev(when, next) != next)
			return fault(when, text, "prev(next) is not it", next);
		if (t > from && when_prev(when, next - 1) != t)
			return fault(when, text, "prev misses one", next);
	}
	*steps += n;
	if (when_count(when, from, t) != n)
		return fault(when, text, "count is not the steps", from);
	if (is_slow(when, t))
		return fault(when, text, "it takes too long", t);
	return true;
}

/* The union of a schedule with itself is the schedule: counted the long way. */
static bool
check_union(const struct when *when, const char *text, int64_t from)
{
	int64_t until = from + roll(1, INT64_C(2) * 366 * 86400 * 1000);
	struct when twice = *when;
	int64_t one = when_count(when, from, until), two;
	size_t i;

	if (when->cron == NULL)
		return true;
	twice.n = 2 * when->n;
	twice.cron = mem_zalloc(twice.n, sizeof *twice.cron);
	for (i = 0; i < twice.n; i++)
		twice.cron[i] = when->cron[i % when->n];
	two = when_count(&twice, from, until);
	free(twice.cron);
	return one == two ||
	    fault(when, text, "counted twice it is another", from);
}

static void
open_when(const char *text, const struct zone *zone, struct when *when)
{
	char *copy = mem_strdup(text), *word, *rest = copy;
	struct cron_parsed parsed;
	struct err err;

	*when = (struct when){ .zone = zone };
	while ((word = strsep(&rest, ";")) != NULL) {
		if (!cron_parse(word, "", (struct place){ 0 }, &parsed, &err)) {
			printf("%s: %s\n", word, err.msg);
			exit(1);
		}
		when->cron = mem_grow(
		    when->cron, when->n + 1, sizeof *when->cron);
		when->cron[when->n++] = parsed.cron;
	}
	free(copy);
}

static bool
check_zone(const char *name, int64_t *steps)
{
	struct err err;
	const struct zone *zone = zone_find(name, &err);
	struct when when;
	bool ok = true;
	size_t i;

	if (zone == NULL) {
		printf("%s\n", err.msg);
		return false;
	}
	for (i = 0; ok && i < ARRAY_LEN(exprs); i++) {
		int64_t from = roll(FIRST_MS, LAST_MS);

		open_when(exprs[i], zone, &when);
		ok = walk(&when, exprs[i], from, steps) &&
		    check_union(&when, exprs[i], from);
		when_release(&when);
	}
	return ok;
}

int
main(int argc, char **argv)
{
	int64_t zones = 0, steps = 0, count;
	char *line = NULL;
	size_t room = 0;
	bool ok = true;

	if (argc != 3) {
		fputs("usage: time_props SEED COUNT <ZONES\n", stderr);
		return 2;
	}
	seed = strtoull(argv[1], NULL, 10);
	count = strtoll(argv[2], NULL, 10);
	while (ok && zones < count && getline(&line, &room, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		ok = check_zone(line, &steps);
		zones++;
	}
	free(line);
	zone_forget_all();
	if (ok)
		printf("%" PRId64 " zones, %" PRId64 " steps\n", zones, steps);
	return ok ? 0 : 1;
}
