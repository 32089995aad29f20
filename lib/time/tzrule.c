#include "lib/time/tzrule.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/time/civil.h"
#include "lib/time/zone_data.h"

struct reader {
	const char *p, *end;
};

static bool
take(struct reader *r, char c)
{
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* At least three letters, or between < and > letters, digits and signs. */
static bool
read_name(struct reader *r, char *name)
{
	bool quoted = take(r, '<');
	size_t n = 0;

	for (; r->p < r->end; r->p++) {
		char c = *r->p;

		if (!is_alpha(c) &&
		    !(quoted && (is_digit(c) || c == '+' || c == '-')))
			break;
		if (n == TZRULE_NAME_SIZE - 1)
			return false;
		name[n++] = c;
	}
	name[n] = '\0';
	return n >= 3 && (!quoted || take(r, '>'));
}

static bool
read_number(struct reader *r, int min, int max, int *n)
{
	if (r->p == r->end || !is_digit(*r->p))
		return false;
	for (*n = 0; r->p < r->end && is_digit(*r->p); r->p++)
		if (*n <= max)
			*n = *n * 10 + (*r->p - '0');
	return *n >= min && *n <= max;
}

/* [+-]hh[:mm[:ss]] into seconds. */
static bool
read_time(struct reader *r, int max_hours, int32_t *s)
{
	int h, m = 0, sec = 0, sign = take(r, '-') ? -1 : 1;

	if (sign > 0)
		take(r, '+');
	if (!read_number(r, 0, max_hours, &h))
		return false;
	if (take(r, ':')) {
		if (!read_number(r, 0, 59, &m))
			return false;
		if (take(r, ':') && !read_number(r, 0, 59, &sec))
			return false;
	}
	*s = sign * (h * 3600 + m * 60 + sec);
	return true;
}

static bool
read_day(struct reader *r, struct tzrule_day *d)
{
	*d = (struct tzrule_day){ .time_s = 7200 };
	if (take(r, 'M')) {
		d->kind = TZRULE_MONTH;
		if (!read_number(r, 1, 12, &d->month) || !take(r, '.') ||
		    !read_number(r, 1, 5, &d->week) || !take(r, '.') ||
		    !read_number(r, 0, 6, &d->weekday))
			return false;
	} else if (take(r, 'J')) {
		d->kind = TZRULE_JULIAN;
		if (!read_number(r, 1, 365, &d->day))
			return false;
	} else {
		d->kind = TZRULE_DAY;
		if (!read_number(r, 0, 365, &d->day))
			return false;
	}
	return !take(r, '/') || read_time(r, 167, &d->time_s);
}

static bool
read_dst(struct reader *r, struct tzrule *rule)
{
	/* what POSIX leaves open, and all systems do: the rule of the US */
	static const char usual[] = "M3.2.0,M11.1.0";
	struct reader other = { usual, usual + sizeof usual - 1 };
	int32_t west = 0;

	if (!read_name(r, rule->name[1]))
		return false;
	rule->offset_s[1] = rule->offset_s[0] + 3600;
	if (r->p < r->end && *r->p != ',') {
		if (!read_time(r, 24, &west))
			return false;
		rule->offset_s[1] = -west;
	}
	if (r->p == r->end)
		r = &other;
	else if (!take(r, ','))
		return false;
	return read_day(r, &rule->begin) && take(r, ',') &&
	    read_day(r, &rule->end) && r->p == r->end;
}

bool
tzrule_parse(const char *text, size_t n, struct tzrule *rule)
{
	struct reader r = { text, text + n };
	int32_t west;

	*rule = (struct tzrule){ 0 };
	if (!read_name(&r, rule->name[0]) || !read_time(&r, 24, &west))
		return false;
	rule->offset_s[0] = -west;
	rule->has_dst = r.p < r.end;
	return !rule->has_dst || read_dst(&r, rule);
}

/* The local second at which a day of the rule comes in a year. */
static int64_t
local_of(const struct tzrule_day *d, int64_t year)
{
	int64_t first = civil_to_days(year, 1, 1), day = first;

	switch (d->kind) {
	case TZRULE_MONTH:
		first = civil_to_days(year, d->month, 1);
		day = first + (d->weekday - civil_weekday(first) + 7) % 7 +
		    (int64_t)(d->week - 1) * 7;
		if (day >= first + civil_month_days(year, d->month))
			day -= 7;
		break;
	case TZRULE_JULIAN: /* 29 February is not counted */
		day += d->day - 1;
		if (d->day >= 60 && civil_month_days(year, 2) == 29)
			day++;
		break;
	case TZRULE_DAY:
		day += d->day;
		break;
	}
	return day * CIVIL_DAY_S + d->time_s;
}

int64_t
tzrule_begin(const struct tzrule *rule, int64_t year)
{
	return local_of(&rule->begin, year) - rule->offset_s[0];
}

int64_t
tzrule_end(const struct tzrule *rule, int64_t year)
{
	return local_of(&rule->end, year) - rule->offset_s[1];
}

struct change {
	int64_t at_s;
	size_t order;
	uint16_t what;
};

static int
compare_changes(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	if (x->at_s != y->at_s)
		return x->at_s < y->at_s ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

#define RULE_YEARS 405

/*
 * The changes of RULE_YEARS years in order. A rule that never ends daylight
 * saving ends and begins it at one instant: order keeps these in turn.
 */
static struct change *
list_changes(const struct tzrule *rule, int64_t year, uint16_t std)
{
	struct change *list = mem_zalloc(2 * RULE_YEARS, sizeof *list);
	size_t n = 0;
	int i;

	for (i = 0; i < RULE_YEARS; i++) {
		struct change begin = { tzrule_begin(rule, year + i), 0,
			(uint16_t)(std + 1) };
		struct change end = { tzrule_end(rule, year + i), 0, std };
		bool swap = begin.at_s > end.at_s;

		list[n] = swap ? end : begin;
		list[n + 1] = swap ? begin : end;
		list[n].order = n;
		list[n + 1].order = n + 1;
		n += 2;
	}
	qsort(list, n, sizeof *list, compare_changes);
	return list;
}

/*
 * Add a change, unless it takes the last one back: where daylight saving ends
 * and begins at one instant, it goes on.
 */
static void
add_change(struct zone *zone, size_t before, const struct change *c)
{
	size_t n = zone->n;

	if (n == before || zone->at_s[n - 1] != c->at_s)
		zone_add(zone, c->at_s, c->what);
	else if ((n > 1 ? zone->what[n - 2] : zone->first) == c->what)
		zone->n--;
	else
		zone->what[n - 1] = c->what;
}

static void
add_changes(const struct tzrule *rule, struct zone *zone, uint16_t std,
    int64_t year, int64_t after_s)
{
	struct change *list = list_changes(rule, year, std);
	/* beyond this one the years that are not listed could have a say */
	int64_t cut = civil_to_days(year + RULE_YEARS - 2, 7, 1) * CIVIL_DAY_S;
	uint16_t now = std;
	size_t i, before = zone->n;

	for (i = 0; i < 2 * RULE_YEARS && list[i].at_s <= after_s; i++)
		now = list[i].what;
	/* on and after its last change the rule says what the time is */
	if (zone->n > 0)
		zone->what[zone->n - 1] = now;
	else
		zone->first = now;
	for (; i < 2 * RULE_YEARS && list[i].at_s < cut; i++)
		add_change(zone, before, &list[i]);
	if (before == 0 && zone->n == 1) { /* daylight saving all year */
		zone->first = zone->what[0];
		zone->n = 0;
	}
	zone->repeats = zone->n > before + 4 &&
	    zone->at_s[zone->n - 1] - CIVIL_CYCLE_S > zone->at_s[before];
	zone->repeats_back = zone->repeats && before == 0;
	free(list);
}

void
tzrule_apply(const struct tzrule *rule, struct zone *zone, uint16_t std)
{
	int64_t last = zone->n > 0 ? zone->at_s[zone->n - 1] : INT64_MIN;

	if (rule->has_dst) {
		int64_t year = zone->n > 0 ? civil_from_seconds(last).year - 1
					   : 1900;

		add_changes(rule, zone, std, year, last);
	} else if (zone->n > 0) {
		zone->what[zone->n - 1] = std;
	} else {
		zone->first = std;
	}
}
