#include <string.h>
#include <strings.h>

#include "lib/time/cron.h"
#include "lib/time/cron_fields.h"
#include "lib/time/duration.h"

/* An expression: an @ name, or fields. */

/* "@every D": the shortest grid that an interval may have is 100 ms. */
static bool
parse_every(const char *text, const char *word, struct place at,
    struct cron_parsed *parsed, struct err *err)
{
	const char *end = cron_skip_word(word);
	char buf[64];
	int64_t ms;

	at = place_right(at, (size_t)(word - text));
	if (word == end || (size_t)(end - word) >= sizeof buf ||
	    *cron_skip_blanks(end) != '\0')
		return err_at(err, at, ERR_SYNTAX,
		    "'%s' is not @every DURATION, such as @every 5m", text);
	memcpy(buf, word, (size_t)(end - word));
	buf[end - word] = '\0';
	if (!duration_parse(buf, at, &ms, err))
		return false;
	if (ms < 100)
		return err_at(
		    err, at, ERR_RANGE, "@every: '%s' is under 100ms", buf);
	parsed->special = CRON_EVERY;
	parsed->every_ms = ms;
	return true;
}

static const struct {
	const char *name, *fields;
} macros[] = {
	{ "@yearly", "0 0 1 1 *" },
	{ "@annually", "0 0 1 1 *" },
	{ "@monthly", "0 0 1 * *" },
	{ "@weekly", "0 0 * * 0" },
	{ "@daily", "0 0 * * *" },
	{ "@midnight", "0 0 * * *" },
	{ "@hourly", "0 * * * *" },
};

static bool
unknown_macro(const char *word, size_t len, struct place at, struct err *err)
{
	const char *names[ARRAY_LEN(macros) + 2], *nearest = NULL;
	char buf[32];
	size_t i;

	for (i = 0; i < ARRAY_LEN(macros); i++)
		names[i] = macros[i].name;
	names[i++] = "@every";
	names[i++] = "@reboot";
	if (len < sizeof buf) {
		memcpy(buf, word, len);
		buf[len] = '\0';
		nearest = str_nearest(buf, names, i);
	}
	if (nearest != NULL)
		return err_at(err, at, ERR_SYNTAX,
		    "'%s' is not known; did you mean %s?", buf, nearest);
	return err_at(err, at, ERR_SYNTAX,
	    "'%.*s' is not known: @yearly, @monthly, @weekly, @daily, "
	    "@hourly, @every D or @reboot",
	    len < 64 ? (int)len : 64, word);
}

static bool
is_word(const char *word, size_t len, const char *name)
{
	return strlen(name) == len && strncasecmp(word, name, len) == 0;
}

static bool
parse_macro(const char *text, const char *name, struct place at,
    struct cron_parsed *parsed, struct err *err)
{
	const char *word = cron_skip_blanks(text), *end = cron_skip_word(word);
	const char *more = cron_skip_blanks(end);
	size_t len = (size_t)(end - word), i;

	if (is_word(word, len, "@every"))
		return parse_every(text, more, at, parsed, err);
	if (*more != '\0')
		return err_at(err, place_right(at, (size_t)(more - text)),
		    ERR_SYNTAX, "'%s': nothing may follow %.*s", text,
		    len < 64 ? (int)len : 64, word);
	if (is_word(word, len, "@reboot")) {
		parsed->special = CRON_REBOOT;
		return true;
	}
	for (i = 0; i < ARRAY_LEN(macros); i++)
		if (is_word(word, len, macros[i].name)) {
			parsed->special = CRON_FIELDS;
			return cron_fields(
			    macros[i].fields, name, at, &parsed->cron, err);
		}
	return unknown_macro(
	    word, len, place_right(at, (size_t)(word - text)), err);
}

bool
cron_parse(const char *text, const char *name, struct place at,
    struct cron_parsed *parsed, struct err *err)
{
	struct cron_parsed result = { .special = CRON_FIELDS };
	bool ok;

	if (*cron_skip_blanks(text) == '@')
		ok = parse_macro(text, name, at, &result, err);
	else
		ok = cron_fields(text, name, at, &result.cron, err);
	if (ok)
		*parsed = result;
	return ok;
}
