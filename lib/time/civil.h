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
int civil_month_days(int64_t year, int month);
int civil_weekday(int64_t days);

/* Division that rounds down, where C's rounds to zero. b > 0. */
static inline int64_t
civil_floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

#endif
