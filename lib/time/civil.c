#include "lib/time/civil.h"

/*
 * Years are counted here from March, so that the leap day is a year's last day
 * and the lengths of the months before it repeat: 153 days in each five of
 * them. An era is a cycle of 400 such years and begins on a 1 March.
 */
#define EPOCH_FROM_ERA 719468 /* days from 0000-03-01 to 1970-01-01 */

int64_t
civil_to_days(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = civil_floor_div(y, 400);
	uint32_t in_era = (uint32_t)(y - era * 400);
	uint32_t march = (uint32_t)(month > 2 ? month - 3 : month + 9);
	uint32_t in_year = (153 * march + 2) / 5 + (uint32_t)day - 1;

	return era * CIVIL_CYCLE_DAYS +
	    (int64_t)(in_era * 365 + in_era / 4 - in_era / 100 + in_year) -
	    EPOCH_FROM_ERA;
}

struct civil
civil_from_days(int64_t days)
{
	int64_t era = civil_floor_div(days + EPOCH_FROM_ERA, CIVIL_CYCLE_DAYS);
	uint32_t in_era = (uint32_t)(days + EPOCH_FROM_ERA -
	    era * CIVIL_CYCLE_DAYS);
	/* take the leap days off, and every year has 365 */
	uint32_t year = (in_era - in_era / 1460 + in_era / 36524 -
			    in_era / (CIVIL_CYCLE_DAYS - 1)) /
	    365;
	uint32_t in_year = in_era - (365 * year + year / 4 - year / 100);
	uint32_t march = (5 * in_year + 2) / 153;
	struct civil c = { 0 };

	c.day = (int)(in_year - (153 * march + 2) / 5) + 1;
	c.month = (int)(march < 10 ? march + 3 : march - 9);
	c.year = era * 400 + year + (c.month <= 2);
	c.weekday = civil_weekday(days);
	return c;
}

int64_t
civil_to_seconds(const struct civil *c)
{
	return civil_to_days(c->year, c->month, c->day) * CIVIL_DAY_S +
	    c->hour * 3600 + c->minute * 60 + c->second;
}

struct civil
civil_from_seconds(int64_t s)
{
	int64_t days = civil_floor_div(s, CIVIL_DAY_S);
	int rest = (int)(s - days * CIVIL_DAY_S);
	struct civil c = civil_from_days(days);

	c.hour = rest / 3600;
	c.minute = rest / 60 % 60;
	c.second = rest % 60;
	return c;
}

int
civil_month_days(int64_t year, int month)
{
	static const uint8_t length[] = { 0, 31, 28, 31, 30, 31, 30, 31, 31, 30,
		31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return length[month] + (month == 2 && leap);
}

int
civil_weekday(int64_t days)
{
	int w = (int)((days + 4) % 7); /* 1970-01-01 was a Thursday */

	return w < 0 ? w + 7 : w;
}
