/*
 * What the next instant of a schedule costs, beside a floor: a bare search over
 * bit masks in UTC that knows neither zones nor anything of the grammar but
 * numbers, steps and lists. Both answer for the same 1,000 starts from 2024 to
 * 2029, turn by turn, and must give the same answers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/time/when.h"

#define STARTS 1000
#define LAPS   20
#define ROUNDS 15

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
};

static const struct {
	const char *zone, *expr;
} zoned[] = {
	{ "America/New_York", "30 2 * * *" },
	{ "Asia/Kolkata", "0 9 * * 1-5" },
};

static int64_t starts[STARTS];

/* ---- The floor. */

struct mask {
	uint64_t in[6];         /* second minute hour day month weekday */
	bool any_day, any_week; /* the field is a star */
};

static const struct {
	int low, high;
} limits[6] = { { 0, 59 }, { 0, 59 }, { 0, 23 }, { 1, 31 }, { 1, 12 },
	{ 0, 6 } };

static const char *
mask_field(const char *p, int field, struct mask *m)
{
	for (m->in[field] = 0; *p != '\0' && *p != ' '; p += *p == ',') {
		int low = limits[field].low, high = limits[field].high, by = 1;
		char *end = (char *)p + 1;

		if (*p != '*') {
			low = high = (int)strtol(p, &end, 10);
			if (*end == '-')
				high = (int)strtol(end + 1, &end, 10);
		}
		if (*end == '/')
			by = (int)strtol(end + 1, &end, 10);
		for (p = end; low <= high; low += by)
			m->in[field] |= UINT64_C(1) << low;
	}
	return *p == ' ' ? p + 1 : p;
}

static void
mask_parse(const char *text, struct mask *m)
{
	int spaces = 0, field;
	const char *p;

	for (p = text; *p != '\0'; p++)
		spaces += *p == ' ';
	m->in[0] = 1;
	for (p = text, field = spaces == 5 ? 0 : 1; field < 6; field++) {
		m->any_day = field == 3 ? *p == '*' : m->any_day;
		m->any_week = field == 5 ? *p == '*' : m->any_week;
		p = mask_field(p, field, m);
	}
}

static int
month_length(int64_t year, int month)
{
	if (month == 2)
		return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
		    ? 29
		    : 28;
	return 30 + ((month + month / 8) & 1);
}

/* The year and month of a day since the epoch; its day of the month returns. */
static int
date_of(int64_t day, int64_t *year, int *month)
{
	/* from 1 March 2000, in years that end with February */
	uint32_t n = (uint32_t)(day - 11017 + 146097);
	uint32_t y = (4 * n + 3) / 146097, rest = n - y * 146097 / 4;
	uint32_t in, m;

	in = (4 * rest + 3) / 1461;
	rest -= in * 1461 / 4;
	m = (5 * rest + 2) / 153;
	*month = (int)(m < 10 ? m + 3 : m - 9);
	*year = 1600 + (int64_t)(y * 100 + in) + (m >= 10);
	return (int)(rest - (153 * m + 2) / 5) + 1;
}

static uint64_t
mask_days(const struct mask *m, int64_t first, int64_t len)
{
	uint64_t all = (UINT64_C(2) << len) - 2, week = 0;
	int begin = (int)((first + 4) % 7), i;

	for (i = 0; i < 6; i++)
		week |= m->in[5] << (7 * i);
	week = week >> begin << 1;
	if (m->any_day || m->any_week)
		return m->in[3] & week & all;
	return (m->in[3] | week) & all;
}

/* The first second of a day from s on, or -1. */
static int
mask_clock(const struct mask *m, int s)
{
	int h = s / 3600, min = s / 60 % 60;
	uint64_t rest;

	if (m->in[2] >> h & 1) {
		rest = m->in[0] >> s % 60 << s % 60;
		if (m->in[1] >> min & 1 && rest != 0)
			return h * 3600 + min * 60 + __builtin_ctzll(rest);
		rest = m->in[1] & (~UINT64_C(1) << min);
		if (rest != 0)
			return h * 3600 + __builtin_ctzll(rest) * 60 +
			    __builtin_ctzll(m->in[0]);
	}
	rest = m->in[2] & (~UINT64_C(1) << h);
	return rest == 0 ? -1
			 : __builtin_ctzll(rest) * 3600 +
		__builtin_ctzll(m->in[1]) * 60 + __builtin_ctzll(m->in[0]);
}

static int64_t
mask_next(const struct mask *m, int64_t t)
{
	int64_t day = (t + 1) / 86400, year, first;
	int clock = mask_clock(m, (int)((t + 1) % 86400)), month, from, len;
	uint64_t days;

	if (clock < 0) {
		day++;
		clock = mask_clock(m, 0);
	}
	from = date_of(day, &year, &month);
	first = day - from + 1;
	for (;; first += len, from = 1) {
		len = month_length(year, month);
		if (m->in[4] >> month & 1) {
			days = mask_days(m, first, len) >> from;
			if (days != 0)
				break;
		}
		year += month == 12;
		month = month % 12 + 1;
	}
	first += from - 1 + __builtin_ctzll(days);
	return first * 86400 + (first == day ? clock : mask_clock(m, 0));
}

/* ---- Measuring. */

static double
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* The least of the rounds: what else the machine does only adds to it. */
static double
least(const double *list)
{
	double best = list[0];
	int i;

	for (i = 1; i < ROUNDS; i++)
		if (list[i] < best)
			best = list[i];
	return best;
}

static int64_t
sum_when(const struct when *when)
{
	int64_t sum = 0;
	int i;

	for (i = 0; i < STARTS; i++)
		sum += when_next(when, starts[i] * 1000) / 1000;
	return sum;
}

static int64_t
sum_mask(const struct mask *m)
{
	int64_t sum = 0;
	int i;

	for (i = 0; i < STARTS; i++)
		sum += mask_next(m, starts[i]);
	return sum;
}

static void
keep(const void *p)
{
	__asm__ volatile("" ::"r"(p) : "memory");
}

static double
time_when(const struct when *when)
{
	double begin = now_ns();
	int64_t sum;
	int i;

	for (i = 0; i < LAPS; i++) {
		sum = sum_when(when);
		keep(&sum);
	}
	return (now_ns() - begin) / (LAPS * STARTS);
}

static double
time_mask(const struct mask *m)
{
	double begin = now_ns();
	int64_t sum;
	int i;

	for (i = 0; i < LAPS; i++) {
		sum = sum_mask(m);
		keep(&sum);
	}
	return (now_ns() - begin) / (LAPS * STARTS);
}

static void
must_parse(const char *text, struct cron_parsed *parsed)
{
	struct err err;

	if (cron_parse(text, "", (struct place){ 0 }, parsed, &err))
		return;
	fprintf(stderr, "next: %s\n", err.msg);
	exit(1);
}

static const struct zone *
must_find(const char *name)
{
	struct err err;
	const struct zone *zone = zone_find(name, &err);

	if (zone != NULL)
		return zone;
	fprintf(stderr, "next: %s\n", err.msg);
	exit(1);
}

static void
bench_next(const char *text)
{
	double ours[ROUNDS], floor[ROUNDS], a, b;
	struct cron_parsed parsed;
	struct when when = { .cron = &parsed.cron, .n = 1 };
	struct mask mask = { 0 };
	int i;

	when.zone = must_find("UTC");
	must_parse(text, &parsed);
	mask_parse(text, &mask);
	if (sum_when(&when) != sum_mask(&mask)) {
		fprintf(stderr, "next: '%s': the floor says otherwise\n", text);
		exit(1);
	}
	for (i = 0; i < ROUNDS; i++) {
		ours[i] = time_when(&when);
		floor[i] = time_mask(&mask);
	}
	a = least(ours);
	b = least(floor);
	printf("next(), UTC, %s|%.0f ns|%.0f ns bit masks|%.2f|<= 4\n", text, a,
	    b, a / b);
}

static double
time_libc(void)
{
	double begin = now_ns();
	struct tm tm;
	int lap, i;

	for (lap = 0; lap < LAPS; lap++)
		for (i = 0; i < STARTS; i++) {
			time_t t = starts[i];

			localtime_r(&t, &tm);
			tm.tm_isdst = -1;
			t = mktime(&tm);
			keep(&t);
		}
	return (now_ns() - begin) / (LAPS * STARTS);
}

static void
bench_zoned(const char *zone, const char *text)
{
	double ours[ROUNDS], libc[ROUNDS];
	struct cron_parsed parsed;
	struct when when = { .cron = &parsed.cron, .n = 1 };
	int i;

	when.zone = must_find(zone);
	must_parse(text, &parsed);
	setenv("TZ", zone, 1);
	tzset();
	for (i = 0; i < ROUNDS; i++) {
		ours[i] = time_when(&when);
		libc[i] = time_libc();
	}
	printf("next(), %s, %s|%.0f ns|%.0f ns localtime_r and mktime|-|"
	       "<= 250\n",
	    zone, text, least(ours), least(libc));
}

static void
bench_parse(const char *text)
{
	double ours[ROUNDS], floor[ROUNDS], begin;
	struct cron_parsed parsed;
	struct mask mask = { 0 };
	int i, n;

	for (i = 0; i < ROUNDS; i++) {
		begin = now_ns();
		for (n = 0; n < STARTS * 5; n++) {
			must_parse(text, &parsed);
			keep(&parsed);
		}
		ours[i] = (now_ns() - begin) / (STARTS * 5);
		begin = now_ns();
		for (n = 0; n < STARTS * 5; n++) {
			mask_parse(text, &mask);
			keep(&mask);
		}
		floor[i] = (now_ns() - begin) / (STARTS * 5);
	}
	printf("parse, %s|%.0f ns|%.0f ns bit masks|-|<= 500\n", text,
	    least(ours), least(floor));
}

/* Ten years that were missed, a second apart: counted, not walked. */
static void
bench_missed(void)
{
	struct cron_parsed parsed;
	struct when when = { .cron = &parsed.cron, .n = 1 };
	int64_t until = INT64_C(1767323040000), n, last;
	double begin, ns;

	when.zone = must_find("America/New_York");
	must_parse("* * * * * *", &parsed);
	begin = now_ns();
	n = when_count(&when, until - INT64_C(315576000000), until);
	last = when_prev(&when, until);
	ns = now_ns() - begin;
	if (n != 315576000 || last != until) {
		fprintf(stderr, "next: %" PRId64 " missed\n", n);
		exit(1);
	}
	printf("10 years of * * * * * * counted|%.3f ms|-|-|<= 10\n", ns / 1e6);
}

int
main(void)
{
	size_t i;

	for (i = 0; i < STARTS; i++)
		starts[i] = 1704067200 +
		    (int64_t)((uint32_t)i * UINT32_C(2654435761) %
			(6u * 365 * 86400));
	for (i = 0; i < ARRAY_LEN(exprs); i++)
		bench_next(exprs[i]);
	for (i = 0; i < ARRAY_LEN(zoned); i++)
		bench_zoned(zoned[i].zone, zoned[i].expr);
	for (i = 0; i < ARRAY_LEN(exprs); i++)
		bench_parse(exprs[i]);
	bench_missed();
	zone_forget_all();
	return 0;
}
