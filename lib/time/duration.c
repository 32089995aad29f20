#include "lib/time/duration.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct unit {
	const char *name;
	int64_t ms;
} units[] = {
	/* from the largest to the smallest */
	{ "w", 604800000 },
	{ "d", 86400000 },
	{ "h", 3600000 },
	{ "m", 60000 },
	{ "s", 1000 },
	{ "ms", 1 },
};

/* The number at *p, which moves past it; beyond 10^15 it stays there. */
static int64_t
number_read(const char **p)
{
	int64_t n = 0;

	for (; **p >= '0' && **p <= '9'; (*p)++)
		if (n < INT64_C(1000000000000000))
			n = n * 10 + (**p - '0');
	return n;
}

/* The unit at *p, which moves past it, among those smaller than the last. */
static const struct unit *
unit_read(const char **p, const struct unit *last)
{
	const struct unit *u = last == NULL ? units : last + 1;
	size_t len = 0;

	while ((*p)[len] >= 'a' && (*p)[len] <= 'z')
		len++;
	for (; u < units + ARRAY_LEN(units); u++)
		if (strlen(u->name) == len && memcmp(*p, u->name, len) == 0) {
			*p += len;
			return u;
		}
	return NULL;
}

static bool
is_number(const char *text)
{
	return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

bool
duration_parse(const char *text, struct place at, int64_t *ms, struct err *err)
{
	const struct unit *u = NULL;
	const char *p = text;
	int64_t total = 0, n;

	if (is_number(text))
		return err_at(err, at, ERR_SYNTAX,
		    "'%s' has no unit: write %ss, %sm or %sh", text, text, text,
		    text);
	do {
		const char *digits = p;

		n = number_read(&p);
		if (p == digits || (u = unit_read(&p, u)) == NULL)
			return err_at(err, at, ERR_SYNTAX,
			    "'%s' is not a duration such as 90s or 5m", text);
		if (n > DURATION_MAX_MS / u->ms ||
		    (total += n * u->ms) > DURATION_MAX_MS)
			return err_at(err, at, ERR_RANGE, "'%s' is over %dd",
			    text, (int)(DURATION_MAX_MS / 86400000));
	} while (*p != '\0');
	*ms = total;
	return true;
}

const char *
duration_format(int64_t ms, char buf[DURATION_TEXT_SIZE])
{
	/* 30d stays 30d: weeks only where nothing else is left */
	const struct unit *u = ms % units[0].ms == 0 ? units : units + 1;
	size_t len = 0;

	snprintf(buf, DURATION_TEXT_SIZE, "0s");
	for (; u < units + ARRAY_LEN(units) && ms > 0; u++) {
		if (ms < u->ms)
			continue;
		len += (size_t)snprintf(buf + len, DURATION_TEXT_SIZE - len,
		    "%" PRId64 "%s", ms / u->ms, u->name);
		ms %= u->ms;
	}
	return buf;
}

/* n * unit, then what is left of the next smaller one, rounded. */
static void
two_units(uint64_t ms, const struct unit *u, char *buf)
{
	uint64_t big = (uint64_t)u->ms, small = (uint64_t)u[1].ms;
	uint64_t n = (ms + small / 2) / small, per = big / small;

	if (n % per == 0)
		snprintf(buf, DURATION_TEXT_SIZE - 1, "%" PRIu64 "%s", n / per,
		    u->name);
	else
		snprintf(buf, DURATION_TEXT_SIZE - 1,
		    "%" PRIu64 "%s %" PRIu64 "%s", n / per, u->name, n % per,
		    u[1].name);
}

const char *
duration_human(int64_t ms, char buf[DURATION_TEXT_SIZE])
{
	uint64_t n = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
	char *p = buf;

	if (ms < 0)
		*p++ = '-';
	if (n == 0)
		snprintf(p, DURATION_TEXT_SIZE - 1, "0s");
	else if (n < 1000)
		snprintf(p, DURATION_TEXT_SIZE - 1, "%" PRIu64 "ms", n);
	else if (n < 9950 && (n + 50) / 100 % 10 != 0)
		snprintf(p, DURATION_TEXT_SIZE - 1, "%" PRIu64 ".%" PRIu64 "s",
		    (n + 50) / 1000, (n + 50) / 100 % 10);
	else if (n < 59500)
		snprintf(p, DURATION_TEXT_SIZE - 1, "%" PRIu64 "s",
		    (n + 500) / 1000);
	else if (n < 3599500)
		two_units(n, units + 3, p);
	else if (n < INT64_C(86400000) - 30000)
		two_units(n, units + 2, p);
	else
		two_units(n, units + 1, p);
	return buf;
}
