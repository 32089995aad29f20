#ifndef WJOBS_CIVIL_H
#define WJOBS_CIVIL_H

#include <stdint.h>

/*
 * The proleptic Gregorian calendar, without zones: pure arithmetic on days and
 * seconds since 1970-01-01T00:00:00. "Local seconds" are what the clock on the
 * wall shows, counted as if it were UTC.
 */
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

#endif
