#include "lib/time/cron_why.h"

#include "lib/time/civil.h"

/*
 * Days are asked of the expression itself, with all other fields open, so that
 * what L, W and # mean is said in one place.
 */
static struct cron
cron_open(const struct cron *cron)
{
	struct cron open = *cron;

	open.seconds = open.minutes = UINT64_MAX >> 4;
	open.hours = 0xffffff;
	open.months = 0x1ffe;
	open.every_day = false;
	open.star_day = open.star_weekday = true;
	return open;
}

static bool
cron_names_day(const struct cron *cron, int64_t t)
{
	struct cron open = cron_open(cron);

	open.weekdays = 0x7f;
	return cron_matches(&open, t);
}

static bool
cron_names_weekday(const struct cron *cron, int64_t t)
{
	struct cron open = cron_open(cron);

	open.days = 0xfffffffe;
	return cron_matches(&open, t);
}

static unsigned
cron_why_day(const struct cron *cron, int64_t t)
{
	unsigned missed = (cron_names_day(cron, t) ? 0 : CRON_DAY) |
	    (cron_names_weekday(cron, t) ? 0 : CRON_WEEKDAY);
	bool needs_both = cron->star_day || cron->star_weekday;

	return needs_both || missed == (CRON_DAY | CRON_WEEKDAY) ? missed : 0;
}

unsigned
cron_why(const struct cron *cron, int64_t t)
{
	struct civil c = civil_from_seconds(t);
	unsigned missed = cron_why_day(cron, t);

	if ((cron->seconds >> c.second & 1) == 0)
		missed |= CRON_SECOND;
	if ((cron->minutes >> c.minute & 1) == 0)
		missed |= CRON_MINUTE;
	if ((cron->hours >> c.hour & 1) == 0)
		missed |= CRON_HOUR;
	if ((cron->months >> c.month & 1) == 0)
		missed |= CRON_MONTH;
	return missed;
}

const char *
cron_why_name(enum cron_field field)
{
	switch (field) {
	case CRON_SECOND:
		return "second";
	case CRON_MINUTE:
		return "minute";
	case CRON_HOUR:
		return "hour";
	case CRON_DAY:
		return "day of month";
	case CRON_MONTH:
		return "month";
	case CRON_WEEKDAY:
		return "weekday";
	}
	return "";
}

static void
add_got(const struct civil *c, enum cron_field field, struct str *out)
{
	static const char *const months[] = { "", "January", "February",
		"March", "April", "May", "June", "July", "August", "September",
		"October", "November", "December" };
	static const char *const weekdays[] = { "Sunday", "Monday", "Tuesday",
		"Wednesday", "Thursday", "Friday", "Saturday" };

	switch (field) {
	case CRON_SECOND:
		str_addf(out, "%d", c->second);
		break;
	case CRON_MINUTE:
		str_addf(out, "%d", c->minute);
		break;
	case CRON_HOUR:
		str_addf(out, "%d", c->hour);
		break;
	case CRON_DAY:
		str_addf(out, "%d", c->day);
		break;
	case CRON_MONTH:
		str_add(out, months[c->month]);
		break;
	case CRON_WEEKDAY:
		str_add(out, weekdays[c->weekday]);
		break;
	}
}

/* The rule of the two fields of days: neither is met, and one would do. */
static void
add_day_rule(const struct cron *cron, const struct civil *c, struct str *out)
{
	str_add(out, "day of month and weekday: neither ");
	add_got(c, CRON_DAY, out);
	str_add(out, " nor ");
	add_got(c, CRON_WEEKDAY, out);
	str_add(out, " is named, it is due");
	cron_describe_field(cron, CRON_DAY, out);
	str_add(out, " or");
	cron_describe_field(cron, CRON_WEEKDAY, out);
}

void
cron_why_describe(const struct cron *cron, int64_t t, struct str *out)
{
	struct civil c = civil_from_seconds(t);
	unsigned missed = cron_why(cron, t), bit;
	bool is_rule = !cron->star_day && !cron->star_weekday;
	size_t begin = out->len;

	for (bit = CRON_SECOND; bit <= CRON_WEEKDAY; bit <<= 1) {
		enum cron_field field = (enum cron_field)bit;

		if ((missed & bit) == 0 || (is_rule && field == CRON_WEEKDAY))
			continue;
		if (out->len > begin)
			str_add(out, "; ");
		if (is_rule && field == CRON_DAY) {
			add_day_rule(cron, &c, out);
			continue;
		}
		str_addf(out, "%s: ", cron_why_name(field));
		add_got(&c, field, out);
		str_add(out, " is not named, it is due");
		cron_describe_field(cron, field, out);
	}
}
