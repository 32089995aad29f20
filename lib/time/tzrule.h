#ifndef WJOBS_TZRULE_H
#define WJOBS_TZRULE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

/*
 * The rule of a TZ environment variable, as POSIX has it, with the wider range
 * of times (-167 to 167 hours) that TZif of version 3 allows:
 * "CET-1CEST,M3.5.0,M10.5.0/3", "<+0330>-3:30", "EST5".
 */
#define TZRULE_NAME_SIZE 32

struct tzrule_day {
	enum { TZRULE_MONTH, TZRULE_JULIAN, TZRULE_DAY } kind;
	int month, week, weekday; /* M: of TZRULE_MONTH */
	int day;                  /* Jn: 1 to 365; n: 0 to 365 */
	int32_t time_s;           /* from that day's local midnight */
};

struct tzrule {
	char name[2][TZRULE_NAME_SIZE]; /* [0] standard, [1] daylight saving */
	int32_t offset_s[2];            /* east of UTC */
	bool has_dst;
	struct tzrule_day begin, end; /* of daylight saving */
};

/* Read n bytes of text. False where they are no rule; *rule is then unset. */
bool tzrule_parse(const char *text, size_t n, struct tzrule *rule) MUST_CHECK;

/* The instants, in UTC, at which daylight saving begins and ends in a year. */
int64_t tzrule_begin(const struct tzrule *rule, int64_t year);
int64_t tzrule_end(const struct tzrule *rule, int64_t year);

struct zone;

/*
 * Let the rule stand in zone after its last change, or for all time where it
 * has none; standard time is its type `std`, daylight saving `std` + 1.
 */
void tzrule_apply(const struct tzrule *rule, struct zone *zone, uint16_t std);

#endif
