/*
 * oracle [-p] SEED COUNT [ZONE...] - hold `when` against brute force.
 *
 * Around COUNT changes of offset from 2000 to 2037, of zones read from standard
 * input unless they are given, walk through real time minute by minute (second
 * by second for six fields), ask libc what the wall shows, and write down what
 * fires by the rule of cron(8). Then ask `when` for the next and the last
 * instant from both sides of the change, and for counts. Nothing here is shared
 * with lib/time/cron.c: expressions are matched by reading their text anew.
 *
 * COUNT 0 means every change there is. Prints what it did, or the first
 * difference, with which status 1 comes. With -p it prints questions instead,
 * for who asks them elsewhere: zone, expression, an instant before a change,
 * and what fires next, in seconds and with tabs between.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/mem.h"
#include "lib/time/when.h"

#define DAY         86400
#define SHIFT_MAX   (3 * 3600)
#define FIRST_S     INT64_C(946684800)  /* 2000-01-01 */
#define LAST_S      INT64_C(2145916800) /* 2038-01-01 */
#define EXPRS_MAX   3
#define TEXT_SIZE   96
#define ZONES_MAX   2000
#define CHANGES_MAX 400

/* Numbers that are the same for the same seed, everywhere. */
static uint64_t seed;

static uint32_t
roll(uint32_t n)
{
	seed = seed * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % n;
}

/* ---- Matching, by reading the text each time. */

static int
value_of(const char *s)
{
	static const char names[] = "jan1 feb2 mar3 apr4 may5 jun6 jul7 aug8 "
				    "sep9 oct10 nov11 dec12 sun0 mon1 tue2 "
				    "wed3 thu4 fri5 sat6 ";
	char key[4] = { 0 };
	const char *found;

	if (*s >= '0' && *s <= '9')
		return (int)strtol(s, NULL, 10);
	memcpy(key, s, 3);
	found = strstr(names, key);
	return found != NULL ? (int)strtol(found + 3, NULL, 10) : -1;
}

/* Is v in one item: *, n, a-b, each with a step? */
static bool
item_matches(const char *item, int v, int min, int max)
{
	const char *slash = strchr(item, '/'), *dash = strchr(item, '-');
	int step = slash != NULL ? (int)strtol(slash + 1, NULL, 10) : 1;
	int low, high;

	if (*item == '*' || *item == '?') {
		low = min;
		high = max;
	} else {
		low = value_of(item);
		high = slash != NULL ? max : low;
		if (dash != NULL) {
			high = value_of(dash + 1);
			if (high == 0 && low > 0)
				high = 7;
		}
	}
	return v >= low && v <= high && (v - low) % step == 0;
}

static int
month_length(const struct tm *tm)
{
	static const int length[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
		30, 31 };
	int year = tm->tm_year + 1900;

	if (tm->tm_mon == 1 &&
	    ((year % 4 == 0 && year % 100 != 0) || year % 400 == 0))
		return 29;
	return length[tm->tm_mon];
}

static int
weekday_of(const struct tm *tm, int day)
{
	return (tm->tm_wday + (day - tm->tm_mday) % 7 + 14) % 7;
}

/* The day that "nW" means: look one day around, then two. */
static int
workday_near(const struct tm *tm, int day)
{
	static const int try[] = { 0, -1, 1, 2, -2 };
	int i;

	for (i = 0; i < 5; i++) {
		int d = day + try[i];

		if (d >= 1 && d <= month_length(tm) && weekday_of(tm, d) >= 1 &&
		    weekday_of(tm, d) <= 5)
			return d;
	}
	return 0;
}

static bool
day_item_matches(const char *item, const struct tm *tm)
{
	int last = month_length(tm), n;

	if (strcmp(item, "LW") == 0) {
		while (weekday_of(tm, last) == 0 || weekday_of(tm, last) == 6)
			last--;
		return tm->tm_mday == last;
	}
	if (*item == 'L')
		return tm->tm_mday ==
		    last - (item[1] == '-' ? value_of(item + 2) : 0);
	if (strchr(item, 'W') != NULL) {
		n = value_of(item);
		return n <= last && tm->tm_mday == workday_near(tm, n);
	}
	return item_matches(item, tm->tm_mday, 1, 31);
}

static bool
weekday_item_matches(const char *item, const struct tm *tm)
{
	const char *hash = strchr(item, '#');

	if (hash != NULL)
		return value_of(item) % 7 == tm->tm_wday &&
		    (tm->tm_mday - 1) / 7 + 1 == value_of(hash + 1);
	if (item[strlen(item) - 1] == 'L')
		return value_of(item) % 7 == tm->tm_wday &&
		    tm->tm_mday + 7 > month_length(tm);
	return item_matches(item, tm->tm_wday, 0, 6) ||
	    (tm->tm_wday == 0 && *item != '*' && strchr(item, '/') == NULL &&
		item_matches(item, 7, 0, 7)) ||
	    (tm->tm_wday == 0 && strchr(item, '-') != NULL &&
		item_matches(item, 7, 0, 7));
}

enum { SECOND, MINUTE, HOUR, DAY_OF_MONTH, MONTH, WEEKDAY };

static bool
field_matches(const char *text, int field, const struct tm *tm)
{
	char copy[TEXT_SIZE], *item, *next;
	bool found = false;

	snprintf(copy, sizeof copy, "%s", text);
	for (item = copy; item != NULL && !found; item = next) {
		next = strchr(item, ',');
		if (next != NULL)
			*next++ = '\0';
		switch (field) {
		case SECOND:
			found = item_matches(item, tm->tm_sec, 0, 59);
			break;
		case MINUTE:
			found = item_matches(item, tm->tm_min, 0, 59);
			break;
		case HOUR:
			found = item_matches(item, tm->tm_hour, 0, 23);
			break;
		case DAY_OF_MONTH:
			found = day_item_matches(item, tm);
			break;
		case MONTH:
			found = item_matches(item, tm->tm_mon + 1, 1, 12);
			break;
		default:
			found = weekday_item_matches(item, tm);
		}
	}
	return found;
}

struct expr {
	char text[TEXT_SIZE];
	char field[6][24]; /* SECOND is "0" where there are five */
	bool wild, six;
	bool hit[3][60]; /* SECOND, MINUTE and HOUR, read once for each value */
	int64_t high;    /* local times below it have been shown */
};

static bool
expr_matches(const struct expr *e, const struct tm *tm)
{
	const char *day = e->field[DAY_OF_MONTH], *week = e->field[WEEKDAY];
	bool star = *day == '*' || *day == '?' || *week == '*' || *week == '?';
	bool d, w;

	if (!e->hit[MINUTE][tm->tm_min] || !e->hit[HOUR][tm->tm_hour] ||
	    !e->hit[SECOND][tm->tm_sec] ||
	    !field_matches(e->field[MONTH], MONTH, tm))
		return false;
	d = field_matches(day, DAY_OF_MONTH, tm);
	w = field_matches(week, WEEKDAY, tm);
	return star ? d && w : d || w;
}

static void
expr_read(struct expr *e)
{
	int v;

	e->wild = *e->field[MINUTE] == '*' || *e->field[HOUR] == '*';
	for (v = 0; v < 60; v++) {
		struct tm tm = { .tm_sec = v, .tm_min = v, .tm_hour = v };

		e->hit[SECOND][v] = field_matches(
		    e->field[SECOND], SECOND, &tm);
		e->hit[MINUTE][v] = field_matches(
		    e->field[MINUTE], MINUTE, &tm);
		e->hit[HOUR][v] = field_matches(e->field[HOUR], HOUR, &tm);
	}
}

/* ---- What the wall shows, minute by minute or second by second. */

struct wall {
	int64_t begin, step; /* UTC */
	size_t n;
	struct tm *tm;
	int64_t *local; /* what it shows, counted as if it were UTC */
	bool *fires;
};

static void
wall_open(struct wall *w, int64_t begin, int64_t end, int64_t step)
{
	size_t i;

	w->begin = begin;
	w->step = step;
	w->n = (size_t)((end - begin) / step);
	w->tm = mem_zalloc(w->n, sizeof *w->tm);
	w->local = mem_zalloc(w->n, sizeof *w->local);
	w->fires = mem_zalloc(w->n, sizeof *w->fires);
	for (i = 0; i < w->n; i++) {
		time_t t = begin + (int64_t)i * step;

		localtime_r(&t, &w->tm[i]);
		w->local[i] = t + w->tm[i].tm_gmtoff;
	}
}

static void
wall_close(struct wall *w)
{
	free(w->tm);
	free(w->local);
	free(w->fires);
}

static bool
skipped_matches(const struct expr *e, int64_t from, int64_t to, int64_t step)
{
	struct tm tm;
	time_t t;

	for (t = from; t < to; t += step) {
		gmtime_r(&t, &tm);
		if (t >= e->high && expr_matches(e, &tm))
			return true;
	}
	return false;
}

/* Does a fixed expression fire at step i? Keeps its high-water mark. */
static bool
fixed_fires(struct expr *e, const struct wall *w, size_t i)
{
	int64_t expected = i > 0 ? w->local[i - 1] + w->step : w->local[0];
	int64_t shift = w->local[i] - expected;
	bool fires = false;

	if (i == 0)
		e->high = w->local[0];
	if (shift > 0 && shift <= SHIFT_MAX)
		fires = skipped_matches(e, expected, w->local[i], w->step);
	if (e->high - w->local[i] > SHIFT_MAX)
		e->high = w->local[i];
	if (w->local[i] >= e->high) {
		fires = expr_matches(e, &w->tm[i]) || fires;
		e->high = w->local[i] + w->step;
	}
	return fires;
}

static void
wall_run(struct wall *w, struct expr *e, size_t n)
{
	size_t i, k;

	for (i = 0; i < w->n; i++) {
		w->fires[i] = false;
		for (k = 0; k < n; k++)
			if (e[k].wild ? expr_matches(&e[k], &w->tm[i])
				      : fixed_fires(&e[k], w, i))
				w->fires[i] = true;
	}
}

/* ---- Expressions at random, likely to fall near a change. */

static void
random_list(char *out, size_t size, int min, int max, int near)
{
	int a = roll(3) == 0 ? near
			     : min + (int)roll((uint32_t)(max - min + 1));
	int b = a + (int)roll((uint32_t)(max - a + 1));

	switch (roll(9)) {
	case 0:
	case 1:
		snprintf(out, size, "*");
		break;
	case 2:
		snprintf(out, size, "*/%d", 1 + (int)roll(20) % (max - min));
		break;
	case 3:
		snprintf(out, size, "%d-%d", a, b);
		break;
	case 4:
		snprintf(out, size, "%d-%d/%d", a, b, 1 + (int)roll(5));
		break;
	case 5:
		snprintf(out, size, "%d,%d", b, a);
		break;
	case 6:
		snprintf(out, size, "%d/%d", a, 1 + (int)roll(6));
		break;
	default:
		snprintf(out, size, "%d", a);
	}
}

static void
random_day(char *out, size_t size, int near)
{
	static const char *const special[] = { "L", "LW", "L-2", "15W", "1W",
		"?", "28-31", "1,L", "30W" };

	switch (roll(8)) {
	case 0:
		snprintf(out, size, "%s", special[roll(ARRAY_LEN(special))]);
		break;
	case 1:
		snprintf(out, size, "*/%d", 1 + (int)roll(4));
		break;
	case 2:
		snprintf(out, size, "%d", near);
		break;
	case 3:
		random_list(out, size, 1, 31, near);
		break;
	default:
		snprintf(out, size, "*");
	}
}

static void
random_weekday(char *out, size_t size)
{
	static const char *const special[] = { "sunL", "0L", "7L", "sun#1",
		"sun#2", "0#5", "fri-sun", "5-7", "0-7", "7", "sat,sun",
		"mon-fri", "?", "fri#4", "6-7", "sun-tue", "1/2" };

	if (roll(3) > 0)
		snprintf(out, size, "*");
	else if (roll(2) == 0)
		snprintf(out, size, "%s", special[roll(ARRAY_LEN(special))]);
	else
		random_list(out, size, 0, 6, 0);
}

static void
random_expr(struct expr *e, const struct tm *near, bool six)
{
	size_t size = sizeof e->field[0];
	int minutes[] = { near->tm_min, 0, 30, 59, 1 };

	*e = (struct expr){ .six = six };
	snprintf(e->field[SECOND], size, "0");
	if (six)
		random_list(e->field[SECOND], size, 0, 59, 0);
	random_list(e->field[MINUTE], size, 0, 59, minutes[roll(5)]);
	random_list(e->field[HOUR], size, 0, 23,
	    (near->tm_hour + (int)roll(3) + 23) % 24);
	random_day(e->field[DAY_OF_MONTH], size, near->tm_mday);
	if (roll(4) == 0)
		random_list(e->field[MONTH], size, 1, 12, near->tm_mon + 1);
	else
		snprintf(e->field[MONTH], size, "*");
	random_weekday(e->field[WEEKDAY], size);
	expr_read(e);
	snprintf(e->text, sizeof e->text, "%s%s%s %s %s %s %s",
	    six ? e->field[SECOND] : "", six ? " " : "", e->field[MINUTE],
	    e->field[HOUR], e->field[DAY_OF_MONTH], e->field[MONTH],
	    e->field[WEEKDAY]);
}

/* ---- Comparing. */

static bool printing; /* -p */

struct tally {
	int64_t changes, schedules, questions;
};

struct test {
	const char *zone;
	struct expr expr[EXPRS_MAX];
	size_t n;
	struct when when;
	struct tally *tally;
};

static bool
differs(const struct test *t, const char *what, int64_t at_ms, int64_t got,
    int64_t want)
{
	size_t i;

	printf("%s(%" PRId64 ") is %" PRId64 ", brute force says %" PRId64
	       " in %s for",
	    what, at_ms, got, want, t->zone);
	for (i = 0; i < t->n; i++)
		printf(" '%s'", t->expr[i].text);
	putchar('\n');
	return false;
}

static bool
check_next(const struct test *t, const struct wall *w, int64_t at_ms)
{
	int64_t got = when_next(&t->when, at_ms);
	int64_t begin_ms = w->begin * 1000, step_ms = w->step * 1000;
	int64_t i = (at_ms - begin_ms) / step_ms + 1;
	int64_t end_ms = begin_ms + (int64_t)w->n * step_ms;

	t->tally->questions++;
	while (i < (int64_t)w->n && !w->fires[i])
		i++;
	if (i < (int64_t)w->n)
		return got == begin_ms + i * step_ms ||
		    differs(t, "next", at_ms, got, begin_ms + i * step_ms);
	return got >= end_ms || differs(t, "next", at_ms, got, WHEN_NEVER);
}

static bool
check_prev(const struct test *t, const struct wall *w, int64_t at_ms)
{
	int64_t got = when_prev(&t->when, at_ms);
	int64_t begin_ms = w->begin * 1000, step_ms = w->step * 1000;
	int64_t i = (at_ms - begin_ms) / step_ms;

	t->tally->questions++;
	while (i >= 0 && !w->fires[i])
		i--;
	if (i >= 0)
		return got == begin_ms + i * step_ms ||
		    differs(t, "prev", at_ms, got, begin_ms + i * step_ms);
	return got < begin_ms || differs(t, "prev", at_ms, got, WHEN_BEFORE);
}

static bool
check_count(const struct test *t, const struct wall *w, int64_t from_ms,
    int64_t until_ms)
{
	int64_t got = when_count(&t->when, from_ms, until_ms), want = 0, ms;
	size_t i;

	t->tally->questions++;
	for (i = 0; i < w->n; i++) {
		ms = (w->begin + (int64_t)i * w->step) * 1000;
		want += w->fires[i] && ms > from_ms && ms <= until_ms;
	}
	return got == want || differs(t, "count", from_ms, got, want);
}

/* Ask on both sides of the change, at it, and anywhere in the window. */
static bool
check_around(const struct test *t, const struct wall *w, int64_t change_s)
{
	/* what comes before a day into the window was not seen by the walk */
	int64_t margin = (w->step == 60 ? DAY : SHIFT_MAX + 600);
	int64_t low = (w->begin + margin) * 1000;
	int64_t high = (w->begin + (int64_t)w->n * w->step) * 1000 - 1;
	int64_t at[12], c = change_s * 1000;
	size_t i, n = 0;

	at[n++] = c - 1;
	at[n++] = c;
	at[n++] = c + 1;
	at[n++] = c - 60000;
	at[n++] = c - 3600000;
	at[n++] = c + 3599999;
	while (n < ARRAY_LEN(at))
		at[n++] = low + roll((uint32_t)((high - low) / 1000)) * 1000 +
		    roll(1000);
	for (i = 0; i < n; i++)
		if (!check_next(t, w, at[i]) || !check_prev(t, w, at[i]))
			return false;
	return check_count(t, w, low, high) && check_count(t, w, c - 1, high) &&
	    check_count(t, w, low, c - 1) && check_count(t, w, at[11], high);
}

/* A schedule of one to three expressions. False where one never fires. */
static bool
test_open(struct test *t, const struct tm *near, bool six)
{
	struct cron_parsed parsed;
	struct err err;
	size_t i;

	t->n = roll(4) == 0 ? 2 + roll(2) : 1;
	t->when = (struct when){ .zone = zone_find(t->zone, &err), .n = t->n };
	if (t->when.zone == NULL) {
		printf("%s\n", err.msg);
		exit(2);
	}
	t->when.cron = mem_zalloc(t->n, sizeof *t->when.cron);
	for (i = 0; i < t->n; i++) {
		random_expr(&t->expr[i], near, six);
		if (!cron_parse(t->expr[i].text, "", (struct place){ 0 },
			&parsed, &err)) {
			if (strstr(err.msg, "never fires") == NULL) {
				printf("%s: %s\n", t->expr[i].text, err.msg);
				exit(1);
			}
			return false;
		}
		t->when.cron[i] = parsed.cron;
	}
	return true;
}

/* What fires after `from_s`, for others to be asked. */
static void
print_question(const struct test *t, const struct wall *w, int64_t from_s)
{
	size_t i = (size_t)((from_s - w->begin) / w->step) + 1;

	while (i < w->n && !w->fires[i])
		i++;
	if (i < w->n && t->n == 1)
		printf("%s\t%s\t%" PRId64 "\t%" PRId64 "\n", t->zone,
		    t->expr[0].text, from_s, w->begin + (int64_t)i * w->step);
}

static bool
check_change(const char *zone, int64_t change_s, bool six, struct tally *tally)
{
	int64_t before = six ? 8 * 3600 : 50 * 3600;
	int64_t after = six ? 5 * 3600 : 54 * 3600;
	time_t near_s = change_s - 1800;
	struct wall w;
	struct tm near;
	bool ok = true;
	int i;

	localtime_r(&near_s, &near);
	wall_open(&w, change_s - before, change_s + after, six ? 1 : 60);
	for (i = 0; ok && i < (six ? 2 : 6); i++) {
		struct test t = { .zone = zone, .tally = tally };

		if (test_open(&t, &near, six)) {
			wall_run(&w, t.expr, t.n);
			if (printing)
				print_question(&t, &w, change_s - 3660);
			else
				ok = check_around(&t, &w, change_s);
			tally->schedules++;
		}
		when_release(&t.when);
	}
	wall_close(&w);
	tally->changes++;
	return ok;
}

/* ---- Which changes there are, by libc. */

static int64_t
offset_at(int64_t s)
{
	time_t t = s;
	struct tm tm;

	localtime_r(&t, &tm);
	return tm.tm_gmtoff;
}

static size_t
list_changes(int64_t *list)
{
	int64_t s, low, high;
	size_t n = 0;

	for (s = FIRST_S; s < LAST_S && n < CHANGES_MAX; s += DAY) {
		if (offset_at(s) == offset_at(s + DAY))
			continue;
		low = s;
		high = s + DAY;
		while (high - low > 1) {
			int64_t middle = low + (high - low) / 2;

			if (offset_at(middle) == offset_at(low))
				low = middle;
			else
				high = middle;
		}
		list[n++] = high;
	}
	return n;
}

static void
set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

/* A zone with no change has none to stand beside; take some day of it. */
static bool
check_zone(const char *zone, bool all, struct tally *tally)
{
	int64_t change[CHANGES_MAX];
	size_t n, i;

	set_zone(zone);
	n = list_changes(change);
	if (n == 0)
		change[n++] = FIRST_S + (int64_t)roll(38 * 365) * DAY;
	if (!all)
		return check_change(
		    zone, change[roll((uint32_t)n)], roll(8) == 0, tally);
	for (i = 0; i < n; i++)
		if (!check_change(zone, change[i], roll(8) == 0, tally))
			return false;
	return true;
}

static size_t
read_zones(char **zones)
{
	char *line = NULL;
	size_t room = 0, n = 0;

	while (n < ZONES_MAX && getline(&line, &room, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		zones[n++] = mem_strdup(line);
	}
	free(line);
	return n;
}

int
main(int argc, char **argv)
{
	static char *zones[ZONES_MAX];
	struct tally tally = { 0 };
	int64_t count;
	size_t n = 0, i = 0;
	bool ok = true;

	printing = argc > 1 && strcmp(argv[1], "-p") == 0;
	argc -= printing;
	argv += printing;
	if (argc < 3) {
		fputs("usage: oracle [-p] SEED COUNT [ZONE...]\n", stderr);
		return 2;
	}
	seed = strtoull(argv[1], NULL, 10);
	count = strtoll(argv[2], NULL, 10);
	for (; n + 3 < (size_t)argc && n < ZONES_MAX; n++)
		zones[n] = mem_strdup(argv[n + 3]);
	if (n == 0)
		n = read_zones(zones);
	/* each zone in turn, until there were enough changes, or each once */
	for (; ok && n > 0 && (count == 0 ? i < n : tally.changes < count); i++)
		ok = check_zone(zones[i % n], count == 0, &tally);
	if (ok && !printing)
		printf("%" PRId64 " changes, %" PRId64 " schedules, %" PRId64
		       " questions\n",
		    tally.changes, tally.schedules, tally.questions);
	else if (!ok)
		printf("seed %s\n", argv[1]);
	for (i = 0; i < n; i++)
		free(zones[i]);
	zone_forget_all();
	return ok ? 0 : 1;
}
