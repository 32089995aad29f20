#ifndef WJOBS_CRON_WHY_H
#define WJOBS_CRON_WHY_H

#include "lib/time/cron.h"

/*
 * Why an expression does not name a local time: which of its fields leave that
 * time out. As bits, for several may.
 */
enum cron_field {
	CRON_SECOND = 1,
	CRON_MINUTE = 2,
	CRON_HOUR = 4,
	CRON_DAY = 8,
	CRON_MONTH = 16,
	CRON_WEEKDAY = 32,
};

/*
 * The fields that leave the local second t out; 0 where it is named. By the
 * rule of crontab(5) for the two fields of days: where neither begins with a
 * star one of them suffices, so that both are in the way or neither is.
 */
unsigned cron_why(const struct cron *cron, int64_t t);
/* "day of month", for one of them. */
const char *cron_why_name(enum cron_field field);
/*
 * The same in plain words: "minute: 31 is not named, it is due at minute 30;
 * weekday: ...". Nothing where t is named.
 */
void cron_why_describe(const struct cron *cron, int64_t t, struct str *out);

/* In cron_describe.c: " on days 1 and 15 of the month", " at minute 30". */
void cron_describe_field(
    const struct cron *cron, enum cron_field field, struct str *out);

#endif
