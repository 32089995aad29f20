#include "lib/time/cron.h"
#include "lib/time/cron_why.h"

/*
 * An expression in plain words: when in the day, then on which days. The usual
 * shapes get the sentence that one would say; all others are spelled out field
 * by field, which is long but cannot be misread.
 */
#define ALL_SIXTY    ((UINT64_C(1) << 60) - 1)
#define ALL_HOURS    UINT32_C(0xffffff)
#define ALL_DAYS     UINT32_C(0xfffffffe)
#define ALL_MONTHS   UINT32_C(0x1ffe)
#define ALL_WEEKDAYS 0x7f
#define TIMES_MAX    4 /* times of day that are listed one by one */

static const char *const months[] = { "", "January", "February", "March",
	"April", "May", "June", "July", "August", "September", "October",
	"November", "December" };
static const char *const weekdays[] = { "Sunday", "Monday", "Tuesday",
	"Wednesday", "Thursday", "Friday", "Saturday", "Sunday" };
static const char *const ordinals[] = { "first", "second", "third", "fourth",
	"fifth" };

static int
count(uint64_t set)
{
	return __builtin_popcountll(set);
}

static int
lowest(uint64_t set)
{
	return __builtin_ctzll(set);
}

static int
highest(uint64_t set)
{
	return 63 - __builtin_clzll(set);
}

static bool
is_run(uint64_t set)
{
	return highest(set) - lowest(set) + 1 == count(set);
}

/* k, where the set is 0, k, 2k and so on through all n, evenly; else 0. */
static int
step_of(uint64_t set, int n)
{
	int k = count(set) > 1 ? lowest(set & (set - 1)) : 0, i;
	uint64_t same = 0;

	if (k == 0 || n % k != 0)
		return 0;
	for (i = 0; i < n; i += k)
		same |= UINT64_C(1) << i;
	return same == set ? k : 0;
}

/* Between the items of a list: ", ", and " and " before the last. */
static void
add_joint(struct str *out, int i, int n)
{
	if (i > 0)
		str_add(out, i == n - 1 ? " and " : ", ");
}

static void
add_value(struct str *out, int n, const char *const *names)
{
	if (names != NULL)
		str_add(out, names[n]);
	else
		str_addf(out, "%d", n);
}

/* The length of the run of bits that begins at bit n. */
static int
run_length(uint64_t set, int n)
{
	int len = 0;

	while (set >> (n + len) & 1)
		len++;
	return len;
}

/* "1, 3 and 5 to 9": three in a row and more are a range. */
static void
add_set(struct str *out, uint64_t set, const char *const *names)
{
	int n, len, parts = 0, i = 0;
	uint64_t rest;

	for (rest = set; rest != 0; rest &= ~((UINT64_C(1) << (n + len)) - 1)) {
		n = lowest(rest);
		len = run_length(rest, n) >= 3 ? run_length(rest, n) : 1;
		parts++;
	}
	for (rest = set; rest != 0; rest &= ~((UINT64_C(1) << (n + len)) - 1)) {
		n = lowest(rest);
		len = run_length(rest, n) >= 3 ? run_length(rest, n) : 1;
		add_joint(out, i++, parts);
		add_value(out, n, names);
		if (len > 1) {
			str_add(out, " to ");
			add_value(out, n + len - 1, names);
		}
	}
}

/* "minute 5", "minutes 5 and 20". */
static void
add_named_set(struct str *out, const char *noun, uint64_t set)
{
	str_addf(out, "%s%s ", noun, count(set) > 1 ? "s" : "");
	add_set(out, set, NULL);
}

/* "03:00 and 15:30:10": each hour with each minute, and one second. */
static void
add_times(struct str *out, const struct cron *cron, int second)
{
	int n = count(cron->hours) * count(cron->minutes), i = 0, h, m;

	for (h = 0; h < 24; h++)
		for (m = 0; m < 60; m++) {
			if (!(cron->hours >> h & 1 && cron->minutes >> m & 1))
				continue;
			add_joint(out, i++, n);
			str_addf(out, "%02d:%02d", h, m);
			if (second != 0)
				str_addf(out, ":%02d", second);
		}
}

static bool
has_few_times(const struct cron *cron)
{
	return count(cron->hours) * count(cron->minutes) <= TIMES_MAX;
}

/* " of hours 8 to 18", " of every hour". */
static void
add_of_hours(struct str *out, const struct cron *cron)
{
	if (cron->hours == ALL_HOURS) {
		str_add(out, " of every hour");
		return;
	}
	str_add(out, " of ");
	add_named_set(out, "hour", cron->hours);
}

/* Within some hours in a row: "every 15 minutes from 08:00 to 18:45". */
static bool
add_from_to(struct str *out, const struct cron *cron)
{
	int step = step_of(cron->minutes, 60);

	if (!is_run(cron->hours))
		return false;
	if (count(cron->minutes) == 1)
		str_add(out, "every hour");
	else if (step == 1)
		str_add(out, "every minute");
	else if (step > 1)
		str_addf(out, "every %d minutes", step);
	else
		return false;
	str_addf(out, " from %02d:%02d to %02d:%02d", lowest(cron->hours),
	    lowest(cron->minutes), highest(cron->hours),
	    highest(cron->minutes));
	return true;
}

/* Where the second is 0. True if it goes through the whole day. */
static bool
add_minutes(struct str *out, const struct cron *cron)
{
	int step = step_of(cron->minutes, 60);
	int hour_step = step_of(cron->hours, 24);

	if (cron->hours == ALL_HOURS && step == 1) {
		str_add(out, "every minute");
	} else if (cron->hours == ALL_HOURS && step > 1) {
		str_addf(out, "every %d minutes", step);
	} else if (cron->hours == ALL_HOURS && cron->minutes == 1) {
		str_add(out, "every hour");
	} else if (hour_step > 1 && cron->minutes == 1) {
		str_addf(out, "every %d hours", hour_step);
	} else if (cron->hours != ALL_HOURS && has_few_times(cron)) {
		str_add(out, "at ");
		add_times(out, cron, 0);
		return false;
	} else if (cron->hours != ALL_HOURS && add_from_to(out, cron)) {
		return false;
	} else {
		if (step == 1) {
			str_add(out, "every minute");
		} else {
			str_add(out, "at ");
			add_named_set(out, "minute", cron->minutes);
		}
		add_of_hours(out, cron);
		return cron->hours == ALL_HOURS;
	}
	return true;
}

/* " of every minute", " of 02:30 and 03:30", " of minutes 5 and 20 of ...". */
static void
add_of_minutes(struct str *out, const struct cron *cron)
{
	if (has_few_times(cron)) {
		str_add(out, " of ");
		add_times(out, cron, 0);
		return;
	}
	if (cron->minutes == ALL_SIXTY) {
		str_add(out, " of every minute");
		if (cron->hours == ALL_HOURS)
			return;
	} else {
		str_add(out, " of ");
		add_named_set(out, "minute", cron->minutes);
	}
	add_of_hours(out, cron);
}

/* Where the second is not just 0. True if it goes through the whole day. */
static bool
add_seconds(struct str *out, const struct cron *cron)
{
	bool all = cron->minutes == ALL_SIXTY && cron->hours == ALL_HOURS;
	int step = step_of(cron->seconds, 60);

	if (count(cron->seconds) == 1 && has_few_times(cron)) {
		str_add(out, "at ");
		add_times(out, cron, lowest(cron->seconds));
		return false;
	}
	if (step == 1) {
		str_add(out, "every second");
	} else if (step > 1) {
		str_addf(out, "every %d seconds", step);
	} else {
		str_add(out, "at ");
		add_named_set(out, "second", cron->seconds);
	}
	if (step == 0 || !all)
		add_of_minutes(out, cron);
	return cron->hours == ALL_HOURS;
}

/* " of the month", " of March and April". */
static void
add_of_month(struct str *out, const struct cron *cron)
{
	if (cron->months == ALL_MONTHS) {
		str_add(out, " of the month");
		return;
	}
	str_add(out, " of ");
	add_set(out, cron->months, months);
}

static void
add_in_months(struct str *out, const struct cron *cron)
{
	if (cron->months == ALL_MONTHS)
		return;
	str_add(out, " in ");
	add_set(out, cron->months, months);
}

/* Between the ways to name a day: " on ", then " and on ". */
static void
add_on(struct str *out, bool *begun)
{
	str_add(out, *begun ? " and on " : " on ");
	*begun = true;
}

/* " on days 1 and 15 of the month and on the last day of the month". */
static void
add_days(struct str *out, const struct cron *cron)
{
	uint32_t near = cron->near_days & ~UINT32_C(1);
	bool begun = false;
	int n;

	if (cron->days != 0) {
		add_on(out, &begun);
		add_named_set(out, "day", cron->days);
		add_of_month(out, cron);
	}
	for (n = 0; n <= 30; n++) {
		if (!(cron->last_days >> n & 1))
			continue;
		add_on(out, &begun);
		if (n > 0)
			str_addf(out, "the day %d day%s before ", n,
			    n > 1 ? "s" : "");
		str_add(out, "the last day");
		add_of_month(out, cron);
	}
	if (near != 0) {
		add_on(out, &begun);
		str_addf(out, "the weekday%s (Monday to Friday) nearest to ",
		    count(near) > 1 ? "s" : "");
		add_named_set(out, "day", near);
		add_of_month(out, cron);
	}
	if (cron->near_days & 1) {
		add_on(out, &begun);
		str_add(out, "the last weekday (Monday to Friday)");
		add_of_month(out, cron);
	}
}

/* The week begins on Monday here, so that Friday to Sunday is a range. */
static uint64_t
from_monday(uint8_t set)
{
	return (set & ~UINT64_C(1)) | (uint64_t)(set & 1) << 7;
}

static void
add_weekdays(struct str *out, const struct cron *cron)
{
	bool begun = false;
	int i;

	if (cron->weekdays != 0) {
		add_on(out, &begun);
		add_set(out, from_monday(cron->weekdays), weekdays);
		add_in_months(out, cron);
	}
	if (cron->last_weekdays != 0) {
		add_on(out, &begun);
		str_add(out, "the last ");
		add_set(out, from_monday(cron->last_weekdays), weekdays);
		add_of_month(out, cron);
	}
	for (i = 0; i < 5; i++) {
		if (cron->nth_weekdays[i] == 0)
			continue;
		add_on(out, &begun);
		str_addf(out, "the %s ", ordinals[i]);
		add_set(out, from_monday(cron->nth_weekdays[i]), weekdays);
		add_of_month(out, cron);
	}
}

/* A date, where it is but one: " on 25 December". */
static bool
add_date(struct str *out, const struct cron *cron)
{
	if (count(cron->days) != 1 || count(cron->months) != 1 ||
	    cron->last_days != 0 || cron->near_days != 0)
		return false;
	str_addf(
	    out, " on %d %s", lowest(cron->days), months[lowest(cron->months)]);
	return true;
}

static void
add_day_rule(struct str *out, const struct cron *cron, bool goes_through)
{
	bool any_day = cron->days == ALL_DAYS;
	bool any_weekday = cron->weekdays == ALL_WEEKDAYS;
	bool both = cron->star_day || cron->star_weekday;

	if (both ? any_day && any_weekday : any_day || any_weekday) {
		if (!goes_through)
			str_add(out, " every day");
		add_in_months(out, cron);
	} else if (any_day) {
		add_weekdays(out, cron);
	} else if (any_weekday) {
		if (!add_date(out, cron))
			add_days(out, cron);
	} else {
		add_days(out, cron);
		str_add(out, both ? ", if it falls" : ", or");
		add_weekdays(out, cron);
	}
}

void
cron_describe(const struct cron *cron, struct str *out)
{
	bool goes_through = cron->seconds == 1 ? add_minutes(out, cron)
					       : add_seconds(out, cron);

	add_day_rule(out, cron, goes_through);
}

void
cron_describe_field(
    const struct cron *cron, enum cron_field field, struct str *out)
{
	switch (field) {
	case CRON_SECOND:
		str_add(out, " at ");
		add_named_set(out, "second", cron->seconds);
		break;
	case CRON_MINUTE:
		str_add(out, " at ");
		add_named_set(out, "minute", cron->minutes);
		break;
	case CRON_HOUR:
		str_add(out, " at ");
		add_named_set(out, "hour", cron->hours);
		break;
	case CRON_DAY:
		add_days(out, cron);
		break;
	case CRON_MONTH:
		add_in_months(out, cron);
		break;
	case CRON_WEEKDAY:
		add_weekdays(out, cron);
		break;
	}
}
