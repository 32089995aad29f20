#include "lib/time/stamp.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/time/civil.h"
#include "lib/time/duration.h"

struct reader {
	const char *p;
	bool ok; /* no read has failed so far */
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Exactly n digits, from min to max. */
static int
read_digits(struct reader *r, int n, int min, int max)
{
	int value = 0;

	for (; n > 0 && is_digit(*r->p); n--)
		value = value * 10 + (*r->p++ - '0');
	r->ok = r->ok && n == 0 && value >= min && value <= max;
	return value;
}

static bool
take(struct reader *r, const char *any)
{
	if (*r->p == '\0' || strchr(any, *r->p) == NULL)
		return false;
	r->p++;
	return true;
}

/* ".123456", of which milliseconds are kept; 0 where there is no dot. */
static int
read_fraction(struct reader *r)
{
	int ms = 0, scale = 100;

	if (!take(r, "."))
		return 0;
	r->ok = r->ok && is_digit(*r->p);
	for (; is_digit(*r->p); r->p++, scale /= 10)
		ms += (*r->p - '0') * scale;
	return ms;
}

/* What a text said: local time, and an offset if there was one. */
struct stamp {
	struct civil local;
	int ms;
	bool has_offset;
	int offset_s;
};

static void
read_offset(struct reader *r, struct stamp *stamp)
{
	int sign, hours;

	take(r, " ");
	if (*r->p == '\0')
		return;
	stamp->has_offset = true;
	if (take(r, "Zz"))
		return;
	sign = *r->p == '-' ? -1 : 1;
	r->ok = take(r, "+-") && r->ok;
	hours = read_digits(r, 2, 0, 23);
	take(r, ":");
	stamp->offset_s = sign * (hours * 3600 + read_digits(r, 2, 0, 59) * 60);
}

static void
read_clock(struct reader *r, struct stamp *stamp)
{
	stamp->local.hour = read_digits(r, 2, 0, 23);
	r->ok = take(r, ":") && r->ok;
	stamp->local.minute = read_digits(r, 2, 0, 59);
	if (take(r, ":")) {
		/* a leap second is the next minute's first: clocks have none */
		stamp->local.second = read_digits(r, 2, 0, 60);
		stamp->ms = read_fraction(r);
	}
	read_offset(r, stamp);
}

static bool
read_stamp(const char *text, struct stamp *stamp)
{
	struct reader r = { text, true };

	*stamp = (struct stamp){ 0 };
	stamp->local.year = read_digits(&r, 4, 0, 9999);
	r.ok = take(&r, "-") && r.ok;
	stamp->local.month = read_digits(&r, 2, 1, 12);
	r.ok = take(&r, "-") && r.ok;
	stamp->local.day = read_digits(&r, 2, 1, 31);
	if (r.ok && take(&r, "Tt "))
		read_clock(&r, stamp);
	return r.ok && *r.p == '\0' &&
	    stamp->local.day <=
	    civil_month_days(stamp->local.year, stamp->local.month);
}

static int64_t
stamp_instant(const struct stamp *stamp, const struct zone *zone)
{
	int64_t local = civil_to_seconds(&stamp->local), utc;
	int ms = stamp->ms;

	if (stamp->has_offset) {
		utc = local - stamp->offset_s;
	} else {
		utc = zone_utc_of(zone, local);
		/* what was in a gap is at its end, and no fraction later */
		if (utc + zone_offset(zone, utc) != local)
			ms = 0;
	}
	return utc * 1000 + ms;
}

/* "@EPOCH", with a fraction perhaps. */
static bool
read_epoch(const char *text, int64_t *ms)
{
	struct reader r = { text, true };
	bool negative = take(&r, "-");
	int64_t s = 0;
	int digits;

	for (digits = 0; is_digit(*r.p) && digits < 13; digits++)
		s = s * 10 + (*r.p++ - '0');
	s = s * 1000 + read_fraction(&r);
	if (negative)
		s = -s;
	if (digits == 0 || !r.ok || *r.p != '\0' || s < CIVIL_YEAR_0_S * 1000 ||
	    s > CIVIL_YEAR_9999_S * 1000)
		return false;
	*ms = s;
	return true;
}

static bool
not_a_time(const char *text, struct place at, struct err *err)
{
	return err_at(err, at, ERR_SYNTAX,
	    "'%s' is not a time such as 2026-03-29T03:00:00Z, "
	    "'2026-03-29 03:00', now, @1774746000, -2h or +30m",
	    text);
}

/* "-D", "+D", or a bare D. */
static bool
read_distance(const char *text, struct place at, int64_t now_ms,
    enum stamp_look look, int64_t *ms, struct err *err)
{
	bool signed_ = *text == '-' || *text == '+';
	bool back = signed_ ? *text == '-' : look == STAMP_BACK;
	struct err cause;
	int64_t distance;

	if (!duration_parse(text + signed_, at, &distance, &cause)) {
		if (cause.code == ERR_SYNTAX)
			return not_a_time(text, at, err);
		*err = cause;
		return false;
	}
	*ms = back ? now_ms - distance : now_ms + distance;
	return true;
}

bool
stamp_parse(const char *text, struct place at, const struct zone *zone,
    int64_t now_ms, enum stamp_look look, int64_t *ms, struct err *err)
{
	struct stamp stamp;

	if (strcmp(text, "now") == 0)
		*ms = now_ms;
	else if (*text == '@')
		return read_epoch(text + 1, ms) || not_a_time(text, at, err);
	else if (read_stamp(text, &stamp))
		*ms = stamp_instant(&stamp, zone);
	else
		return read_distance(text, at, now_ms, look, ms, err);
	return true;
}

/* The local time at ms, and the offset in whole minutes, as both forms need. */
static struct civil
local_at(int64_t ms, const struct zone *zone, int *offset_min)
{
	int64_t s = civil_floor_div(ms, 1000);

	/*
	 * Offsets of the 19th century have seconds, which neither form can
	 * say: the minute below it and the clock to match are the same instant.
	 */
	*offset_min = zone == NULL
	    ? 0
	    : (int)civil_floor_div(zone_offset(zone, s), 60);
	return civil_from_seconds(s + *offset_min * 60);
}

const char *
stamp_rfc3339(int64_t ms, const struct zone *zone, char buf[STAMP_TEXT_SIZE])
{
	int offset, n;
	struct civil c = local_at(ms, zone, &offset);

	n = snprintf(buf, STAMP_TEXT_SIZE,
	    "%04" PRId64 "-%02d-%02dT%02d:%02d:%02d.%03d", c.year, c.month,
	    c.day, c.hour, c.minute, c.second,
	    (int)(ms - civil_floor_div(ms, 1000) * 1000));
	if (zone == NULL)
		snprintf(buf + n, STAMP_TEXT_SIZE - (size_t)n, "Z");
	else
		snprintf(buf + n, STAMP_TEXT_SIZE - (size_t)n, "%c%02d:%02d",
		    offset < 0 ? '-' : '+',
		    (offset < 0 ? -offset : offset) / 60,
		    (offset < 0 ? -offset : offset) % 60);
	return buf;
}

const char *
stamp_human(int64_t ms, const struct zone *zone, char buf[STAMP_TEXT_SIZE])
{
	int offset;
	struct civil c = local_at(ms, zone, &offset);

	snprintf(buf, STAMP_TEXT_SIZE,
	    "%04" PRId64 "-%02d-%02d %02d:%02d:%02d %c%02d%02d", c.year,
	    c.month, c.day, c.hour, c.minute, c.second, offset < 0 ? '-' : '+',
	    (offset < 0 ? -offset : offset) / 60,
	    (offset < 0 ? -offset : offset) % 60);
	return buf;
}
