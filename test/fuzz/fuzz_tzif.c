/*
 * Zone files from anywhere. What is accepted must answer for any instant: its
 * span holds it, spans follow one another, and a schedule in it advances.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/time/when.h"
#include "test/fuzz/must.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void
check_spans(const struct zone *zone, int64_t s)
{
	int i;

	for (i = 0; i < 20; i++) {
		struct zone_span span = zone_span_at(zone, s);

		must(span.begin_s <= s && s < span.end_s);
		must(strlen(span.abbreviation) < 1 << 20);
		must(zone_offset(zone, s) == span.offset_s);
		must(span.offset_s > -26 * 3600 && span.offset_s < 26 * 3600);
		if (span.end_s == INT64_MAX)
			return;
		must(zone_span_at(zone, span.end_s).begin_s == span.end_s);
		s = span.end_s;
	}
}

static void
check_when(const struct zone *zone, const char *text, int64_t t)
{
	struct cron_parsed parsed;
	struct when when = { .cron = &parsed.cron, .n = 1, .zone = zone };
	struct err err;
	int64_t next, i, from = t;

	must(cron_parse(text, "", (struct place){ 0 }, &parsed, &err));
	for (i = 0; i < 20; i++, t = next) {
		next = when_next(&when, t);
		must(next > t);
		if (next == WHEN_NEVER)
			return;
		must(when_prev(&when, next) == next);
		must(when_count(&when, from, next) == i + 1);
	}
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static const int64_t starts[] = { INT64_C(-62167219200),
		INT64_C(-2000000000), 0, INT64_C(1700000000),
		INT64_C(2200000000), INT64_C(20000000000) };
	struct err err = { 0 };
	struct zone *zone = zone_from_bytes("fuzz", data, size, &err);
	size_t i;

	if (zone == NULL) {
		must(err.msg[0] != '\0');
		return 0;
	}
	for (i = 0; i < ARRAY_LEN(starts); i++) {
		check_spans(zone, starts[i]);
		check_when(zone, "30 2 * * *", starts[i] * 1000);
		check_when(zone, "*/20 * * * *", starts[i] * 1000);
	}
	must(zone_utc_of(zone, 0) > INT64_C(-200000));
	zone_free(zone);
	return 0;
}
