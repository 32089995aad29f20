#include "lib/time/cron.h"

#include <string.h>

#include "lib/time/civil.h"

/*
 * The search takes the time of day and the day apart: the set of times is the
 * same on each day that is named. Days are found a month at a time, as a set
 * of its days, and months that are not named are stepped over. What does not
 * come within 400 years never comes, for then the calendar repeats.
 */

/* The months of the search: a year, one of its months, and its first day. */
struct month {
	int64_t year, first; /* first: days since the epoch */
	int month, len;
};

static struct month
month_of(int64_t year, int month)
{
	return (struct month){ year, civil_to_days(year, month, 1), month,
		civil_month_days(year, month) };
}

static inline uint64_t
bits_below(int n) /* n is 0 to 63 */
{
	return (UINT64_C(1) << n) - 1;
}

static inline int
lowest(uint64_t set)
{
	return __builtin_ctzll(set);
}

static inline int
highest(uint64_t set)
{
	return 63 - __builtin_clzll(set);
}

/* The days 1 to 35 of a month that begins on weekday w, as bits 1 to 35. */
static inline uint64_t
spread_weekdays(uint8_t weekdays, int w)
{
	/* six copies side by side, of which the one at w comes first */
	return ((uint64_t)weekdays * UINT64_C(0x810204081)) >> w << 1;
}

/* nW for day n: Saturday's is Friday, Sunday's Monday, in the same month. */
static int
nearest_weekday(int n, int len, int first_weekday)
{
	int w = (first_weekday + n - 1) % 7;

	if (w == 6)
		return n > 1 ? n - 1 : n + 2;
	if (w == 0)
		return n < len ? n + 1 : n - 2;
	return n;
}

static uint64_t
special_days(const struct cron *cron, const struct month *m, int w)
{
	uint64_t days = cron->days, rest;

	for (rest = cron->last_days; rest != 0; rest &= rest - 1)
		if (lowest(rest) < m->len)
			days |= UINT64_C(1) << (m->len - lowest(rest));
	for (rest = cron->near_days; rest != 0; rest &= rest - 1) {
		int n = lowest(rest), last = (w + m->len - 1) % 7;

		if (n == 0) /* LW: back from a Saturday or Sunday */
			n = m->len - (last == 6 ? 1 : last == 0 ? 2 : 0);
		else if (n > m->len)
			continue;
		else
			n = nearest_weekday(n, m->len, w);
		days |= UINT64_C(1) << n;
	}
	return days;
}

static uint64_t
special_weekdays(const struct cron *cron, const struct month *m, int w)
{
	uint64_t days = spread_weekdays(cron->weekdays, w);
	int i;

	days |= spread_weekdays(cron->last_weekdays, w) &
	    ~bits_below(m->len - 6);
	for (i = 0; i < 5; i++)
		days |= spread_weekdays(cron->nth_weekdays[i], w) &
		    (UINT64_C(0xfe) << (7 * i));
	return days;
}

/* The days of a month that are named, as bits 1 to 31. */
static inline uint64_t
month_days(const struct cron *cron, const struct month *m)
{
	int w = civil_weekday(m->first);
	uint64_t all = bits_below(m->len + 1) & ~UINT64_C(1), days, weekdays;

	if (cron->special) {
		days = special_days(cron, m, w);
		weekdays = special_weekdays(cron, m, w);
	} else {
		days = cron->days;
		weekdays = spread_weekdays(cron->weekdays, w);
	}
	if (cron->star_day || cron->star_weekday)
		return days & weekdays & all;
	return (days | weekdays) & all;
}

static inline struct month
month_around(int64_t day, int *in_month)
{
	struct civil_date date = civil_date(day);

	*in_month = date.day;
	return (struct month){ date.year, day - (date.day - 1), date.month,
		civil_month_days(date.year, date.month) };
}

static inline bool
is_named(const struct cron *cron, int month)
{
	return cron->months >> month & 1;
}

/* The first month after m that is named. */
static struct month
month_after(const struct cron *cron, const struct month *m)
{
	uint64_t later = cron->months & ~bits_below(m->month + 1);

	if (later != 0)
		return month_of(m->year, lowest(later));
	return month_of(m->year + 1, lowest(cron->months));
}

/* The last month before m that is named. */
static struct month
month_before(const struct cron *cron, const struct month *m)
{
	uint64_t earlier = cron->months & bits_below(m->month);

	if (earlier != 0)
		return month_of(m->year, highest(earlier));
	return month_of(m->year - 1, highest(cron->months));
}

/* The first day >= day that is named, into *found. */
static bool
day_next(const struct cron *cron, int64_t day, int64_t *found)
{
	int in_month;
	struct month m = month_around(day, &in_month);
	int64_t last = m.year + 400 < 9999 ? m.year + 400 : 9999;
	uint64_t days = 0;

	if (is_named(cron, m.month))
		days = month_days(cron, &m) & ~bits_below(in_month);
	while (days == 0) {
		m = month_after(cron, &m);
		if (m.year > last)
			return false;
		days = month_days(cron, &m);
	}
	*found = m.first + lowest(days) - 1;
	return true;
}

/* The last day <= day that is named, into *found. */
static bool
day_prev(const struct cron *cron, int64_t day, int64_t *found)
{
	int in_month;
	struct month m = month_around(day, &in_month);
	int64_t first = m.year - 400 > 0 ? m.year - 400 : 0;
	uint64_t days = 0;

	if (is_named(cron, m.month))
		days = month_days(cron, &m) & bits_below(in_month + 1);
	while (days == 0) {
		m = month_before(cron, &m);
		if (m.year < first)
			return false;
		days = month_days(cron, &m);
	}
	*found = m.first + highest(days) - 1;
	return true;
}

/* Is the day named? */
static bool
day_matches(const struct cron *cron, int64_t day)
{
	int64_t found;

	return cron->every_day || (day_next(cron, day, &found) && found == day);
}

static inline int
clock_of(int hour, int minute, int second)
{
	return hour * 3600 + minute * 60 + second;
}

/* The first second of the day >= s that is named, or -1. */
static inline int
clock_next(const struct cron *cron, int s)
{
	int hour = s / 3600, minute = s / 60 % 60;
	uint64_t rest;

	if (cron->hours >> hour & 1) {
		if (cron->minutes >> minute & 1) {
			rest = cron->seconds & ~bits_below(s % 60);
			if (rest != 0)
				return clock_of(hour, minute, lowest(rest));
		}
		rest = cron->minutes & ~bits_below(minute + 1);
		if (rest != 0)
			return clock_of(
			    hour, lowest(rest), lowest(cron->seconds));
	}
	rest = cron->hours & ~bits_below(hour + 1);
	if (rest == 0)
		return -1;
	return clock_of(
	    lowest(rest), lowest(cron->minutes), lowest(cron->seconds));
}

/* The last second of the day <= s that is named, or -1. */
static inline int
clock_prev(const struct cron *cron, int s)
{
	int hour = s / 3600, minute = s / 60 % 60;
	uint64_t rest;

	if (cron->hours >> hour & 1) {
		if (cron->minutes >> minute & 1) {
			rest = cron->seconds & bits_below(s % 60 + 1);
			if (rest != 0)
				return clock_of(hour, minute, highest(rest));
		}
		rest = cron->minutes & bits_below(minute);
		if (rest != 0)
			return clock_of(
			    hour, highest(rest), highest(cron->seconds));
	}
	rest = cron->hours & bits_below(hour);
	if (rest == 0)
		return -1;
	return clock_of(
	    highest(rest), highest(cron->minutes), highest(cron->seconds));
}

int64_t
cron_next(const struct cron *cron, int64_t t)
{
	int64_t day, found;
	int clock;

	if (t >= CIVIL_YEAR_9999_S)
		return INT64_MAX;
	if (t < CIVIL_YEAR_0_S)
		t = CIVIL_YEAR_0_S - 1;
	day = civil_floor_div(t + 1, CIVIL_DAY_S);
	clock = clock_next(cron, (int)(t + 1 - day * CIVIL_DAY_S));
	if (clock < 0)
		day++;
	found = day;
	if (!cron->every_day && !day_next(cron, day, &found))
		return INT64_MAX;
	if (clock < 0 || found != day)
		clock = clock_next(cron, 0);
	t = found * CIVIL_DAY_S + clock;
	return t <= CIVIL_YEAR_9999_S ? t : INT64_MAX;
}

int64_t
cron_prev(const struct cron *cron, int64_t t)
{
	int64_t day, found;
	int clock;

	if (t < CIVIL_YEAR_0_S)
		return INT64_MIN;
	if (t > CIVIL_YEAR_9999_S)
		t = CIVIL_YEAR_9999_S;
	day = civil_floor_div(t, CIVIL_DAY_S);
	clock = clock_prev(cron, (int)(t - day * CIVIL_DAY_S));
	if (clock < 0)
		day--;
	found = day;
	if (!cron->every_day && !day_prev(cron, day, &found))
		return INT64_MIN;
	if (clock < 0 || found != day)
		clock = clock_prev(cron, CIVIL_DAY_S - 1);
	t = found * CIVIL_DAY_S + clock;
	return t >= CIVIL_YEAR_0_S ? t : INT64_MIN;
}

bool
cron_matches(const struct cron *cron, int64_t t)
{
	return t > INT64_MIN && cron_next(cron, t - 1) == t;
}

/* How many seconds of a day before second s (0 to 86400) are named. */
static int64_t
clock_count(const struct cron *cron, int s)
{
	int64_t seconds = __builtin_popcountll(cron->seconds);
	int64_t minutes = __builtin_popcountll(cron->minutes);
	int hour = s / 3600, minute = s / 60 % 60;
	int64_t n = __builtin_popcountll(cron->hours & bits_below(hour)) *
	    minutes * seconds;

	if (hour < 24 && cron->hours >> hour & 1) {
		n += __builtin_popcountll(cron->minutes & bits_below(minute)) *
		    seconds;
		if (cron->minutes >> minute & 1)
			n += __builtin_popcountll(
			    cron->seconds & bits_below(s % 60));
	}
	return n;
}

/* How many days in [from, until) are named. */
static int64_t
day_count(const struct cron *cron, int64_t from, int64_t until)
{
	int in_month;
	struct month m = month_around(from, &in_month);
	int64_t n = 0;

	if (cron->every_day)
		return until - from;
	if (!is_named(cron, m.month))
		m = month_after(cron, &m);
	for (; m.first < until; m = month_after(cron, &m)) {
		uint64_t days = month_days(cron, &m);

		if (from > m.first)
			days &= ~bits_below((int)(from - m.first) + 1);
		if (until < m.first + m.len)
			days &= bits_below((int)(until - m.first) + 1);
		n += __builtin_popcountll(days);
	}
	return n;
}

int64_t
cron_count(const struct cron *cron, int64_t after, int64_t until)
{
	int64_t first, last, n = 0;

	if (after < CIVIL_YEAR_0_S)
		after = CIVIL_YEAR_0_S - 1;
	if (until > CIVIL_YEAR_9999_S)
		until = CIVIL_YEAR_9999_S;
	if (after >= until)
		return 0;
	/* from here on [after, until), from the first day to the last */
	after++;
	until++;
	first = civil_floor_div(after, CIVIL_DAY_S);
	last = civil_floor_div(until, CIVIL_DAY_S);
	if (day_matches(cron, first))
		n -= clock_count(cron, (int)(after - first * CIVIL_DAY_S));
	if (day_matches(cron, last))
		n += clock_count(cron, (int)(until - last * CIVIL_DAY_S));
	return n +
	    day_count(cron, first, last) * clock_count(cron, CIVIL_DAY_S);
}
