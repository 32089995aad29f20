#include "lib/time/civil.h"

int64_t
civil_to_days(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t cycle = civil_floor_div(y, 400);
	uint32_t in_cycle = (uint32_t)(y - cycle * 400);
	uint32_t march = (uint32_t)(month > 2 ? month - 3 : month + 9);
	uint32_t in_year = (153 * march + 2) / 5 + (uint32_t)day - 1;

	return cycle * CIVIL_CYCLE_DAYS +
	    (int64_t)(in_cycle * 365 + in_cycle / 4 - in_cycle / 100 +
		in_year) -
	    CIVIL_EPOCH_DAYS;
}

struct civil
civil_from_days(int64_t days)
{
	struct civil_date date = civil_date(days);

	return (struct civil){ .year = date.year,
		.month = date.month,
		.day = date.day,
		.weekday = civil_weekday(days) };
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
