#ifndef WJOBS_CRON_H
#define WJOBS_CRON_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/str.h"

/*
 * A cron expression as bit sets: which local times it names. It knows neither
 * zones nor daylight saving; that is `when`. The grammar is crontab(5)'s with
 * seconds, `?`, L, L-n, LW, nW, friL, 5L, fri#2, H, H/n, H(a-b), ~ and a~b.
 *
 * What crontab(5) leaves open: `n/step` runs to the field's end, the weekday's
 * being 6. nW is the weekday (Monday to Friday) nearest to day n in the same
 * month, and names nothing in a month without a day n. H and ~ alone choose
 * from 1 to 28 where they stand for a day of the month, so that no month is
 * left out. A step larger than its field is refused: it is never meant.
 */
struct cron {
	uint64_t seconds, minutes; /* bit n: n */
	uint32_t hours, months;    /* months: bits 1 to 12 */
	uint32_t days;             /* bits 1 to 31 */
	uint32_t last_days;        /* bit n: n days before the month's last */
	uint32_t near_days;        /* nW, bits 1 to 31; bit 0: LW */
	uint8_t weekdays;          /* bits 0 (Sunday) to 6 */
	uint8_t last_weekdays;     /* friL */
	uint8_t nth_weekdays[5];   /* fri#2: bit 5 of [1] */
	/* A day field that begins with * or ?: both must match, not either. */
	bool star_day, star_weekday;
	/* The minute or the hour field begins with *: follows the wall clock. */
	bool wild;
	bool six; /* written with seconds */
	/* Derived from the above by cron_parse, for speed. */
	bool every_day; /* no day is left out */
	bool special;   /* any of last_days, near_days, last_, nth_weekdays */
};

enum cron_special {
	CRON_FIELDS, /* an ordinary expression, into *cron */
	CRON_EVERY,  /* "@every D": *every_ms */
	CRON_REBOOT, /* "@reboot" */
};

struct cron_parsed {
	enum cron_special special;
	struct cron cron;
	int64_t every_ms;
};

/*
 * Parse text, which stands at `at`. `name` seeds H and ~, and is the job's
 * name. Errors say which field and what its range is, at the column of the
 * field's fault; an expression that can never fire is one of them. On failure
 * *parsed is left alone.
 */
bool cron_parse(const char *text, const char *name, struct place at,
    struct cron_parsed *parsed, struct err *err) MUST_CHECK;

/*
 * The first local second that is named and > t, or INT64_MAX where none comes
 * before the year 10000. And the last one named and <= t, or INT64_MIN where
 * none came since the year 0. For those years the search takes microseconds
 * at most, whatever the expression.
 */
int64_t cron_next(const struct cron *cron, int64_t t);
int64_t cron_prev(const struct cron *cron, int64_t t);
bool cron_matches(const struct cron *cron, int64_t t);
/* How many local seconds in (after, until] are named; costs time by days. */
int64_t cron_count(const struct cron *cron, int64_t after, int64_t until);

/* In plain words: "at 03:00 on weekdays", "every 15 minutes". */
void cron_describe(const struct cron *cron, struct str *out);

#endif
