/*
 * Cron expressions from anywhere: "ZONE DIGIT, EXPRESSION". What parses must
 * fire, forwards and backwards, in a zone of odd offsets, and be describable.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/time/when.h"
#include "test/fuzz/must.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const char *const zones[] = { "UTC", "America/New_York",
	"Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia",
	"Europe/Dublin", "Asia/Kathmandu", "America/Nuuk" };

/* A few steps forward from t, each of which prev and count must know. */
static void
walk(const struct when *when, int64_t t)
{
	int64_t from = t, next, i;

	for (i = 0; i < 8; i++, t = next) {
		next = when_next(when, t);
		if (next == WHEN_NEVER)
			return;
		must(next > t);
		must(when_prev(when, next) == next);
		must(i == 0 || when_prev(when, next - 1) == t);
		must(when_count(when, from, next) == i + 1);
	}
}

static void
describe(const struct when *when)
{
	struct str out = { 0 };

	when_describe(when, &out);
	must(out.len > 0);
	str_release(&out);
}

static void
check(const struct cron_parsed *parsed, const char *zone_name)
{
	/* about a change of offset, a year's end, and far away */
	static const int64_t starts[] = { INT64_MIN, 0, 1711846800000,
		1712415600000, 1730005200000, 1735689599999, 1325239200000,
		4107542400000, INT64_MAX };
	struct cron cron = parsed->cron;
	struct when when = { .cron = &cron, .n = 1 };
	struct err err;
	size_t i;

	when.zone = zone_find(zone_name, &err);
	must(when.zone != NULL);
	if (parsed->special == CRON_EVERY) {
		when.kind = WHEN_INTERVAL;
		when.interval_ms = parsed->every_ms;
	} else if (parsed->special == CRON_REBOOT) {
		when.kind = WHEN_REBOOT;
	}
	describe(&when);
	for (i = 0; i < ARRAY_LEN(starts); i++)
		walk(&when, starts[i]);
	if (when.kind == WHEN_CRON)
		must(when_next(&when, 0) != WHEN_NEVER);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct place at = { "f", 1, 1 };
	struct cron_parsed parsed;
	struct err err;
	char *text;

	if (size < 1)
		return 0;
	text = mem_strndup((const char *)data + 1, size - 1);
	if (cron_parse(text, "job", at, &parsed, &err))
		check(&parsed, zones[data[0] % ARRAY_LEN(zones)]);
	else
		must(err.col >= 1 && (size_t)err.col <= strlen(text) + 1 &&
		    err.msg[0] != '\0');
	free(text);
	return 0;
}
