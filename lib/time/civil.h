#ifndef WJOBS_CIVIL_H
#define WJOBS_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The proleptic Gregorian calendar, without zones: pure arithmetic on days and
 * seconds since 1970-01-01T00:00:00. "Local seconds" are what the clock on the
 * wall shows, counted as if it were UTC. The calendar repeats exactly, weekdays
 * included, after 400 years.
 */
#define CIVIL_DAY_S      86400
#define CIVIL_CYCLE_DAYS 146097
#define CIVIL_CYCLE_S    (INT64_C(86400) * CIVIL_CYCLE_DAYS)
/* 0000-01-01T00:00:00 and 9999-12-31T23:59:59: what can be written down. */
#define CIVIL_YEAR_0_S    INT64_C(-62167219200)
#define CIVIL_YEAR_9999_S INT64_C(253402300799)

struct civil {
	int64_t year;
	int month; /* 1 to 12 */
	int day;   /* 1 to 31 */
	int hour, minute, second;
	int weekday; /* 0 is Sunday; set by civil_from_*, ignored by civil_to_* */
};

int64_t civil_to_days(int64_t year, int month, int day);
struct civil civil_from_days(int64_t days);
int64_t civil_to_seconds(const struct civil *c);
struct civil civil_from_seconds(int64_t s);

/* Division that rounds down, where C's rounds to zero. b > 0. */
static inline int64_t
civil_floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static inline int
civil_weekday(int64_t days)
{
	int w = (int)((days + 4) % 7); /* 1970-01-01 was a Thursday */

	return w < 0 ? w + 7 : w;
}

static inline int
civil_month_days(int64_t year, int month)
{
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	/* long and short take turns, and again from August */
	return month == 2 ? 28 + leap : 30 + ((month + month / 8) & 1);
}

/*
 * The date alone, for the search through a calendar, where each ns counts.
 *
 * Years are counted here from March, so that the leap day is a year's last day
 * and the lengths of the months before it repeat: 153 days in each five of
 * them. A cycle of 400 such years begins on a 1 March.
 */
#define CIVIL_EPOCH_DAYS 719468 /* from 0000-03-01 to 1970-01-01 */

struct civil_date {
	int64_t year;
	int month, day;
};

static inline struct civil_date
civil_date(int64_t days)
{
	int64_t cycle = civil_floor_div(
	    days + CIVIL_EPOCH_DAYS, CIVIL_CYCLE_DAYS);
	uint32_t rest = (uint32_t)(days + CIVIL_EPOCH_DAYS -
	    cycle * CIVIL_CYCLE_DAYS);
	/* four centuries have a leap day more than four times the first */
	uint32_t century = (4 * rest + 3) / CIVIL_CYCLE_DAYS, year, month;

	rest -= century * CIVIL_CYCLE_DAYS / 4;
	year = (4 * rest + 3) / 1461;
	rest -= year * 1461 / 4;
	month = (5 * rest + 2) / 153;
	return (struct civil_date){
		.year = cycle * 400 + century * 100 + year + (month >= 10),
		.month = (int)(month < 10 ? month + 3 : month - 9),
		.day = (int)(rest - (153 * month + 2) / 5) + 1,
	};
}

#endif
