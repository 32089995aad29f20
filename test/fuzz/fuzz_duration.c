/*
 * Durations and stamps from anywhere. What parses is written back to a text
 * that means the same.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/time/duration.h"
#include "lib/time/stamp.h"
#include "test/fuzz/must.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void
check_duration(const char *text, struct place at)
{
	char buf[DURATION_TEXT_SIZE];
	int64_t ms = -1, again;
	struct err err;

	if (!duration_parse(text, at, &ms, &err)) {
		must(ms == -1);
		return;
	}
	must(ms >= 0 && ms <= DURATION_MAX_MS);
	must(duration_parse(duration_format(ms, buf), at, &again, &err));
	must(again == ms);
	must(strlen(duration_human(ms, buf)) > 0);
}

static void
check_stamp(const char *text, struct place at, const char *zone_name)
{
	char buf[STAMP_TEXT_SIZE];
	int64_t ms, again;
	struct err err;
	const struct zone *zone = zone_find(zone_name, &err);

	must(zone != NULL);
	if (!stamp_parse(text, at, zone, 0, STAMP_BACK, &ms, &err))
		return;
	/* a year before 0 or after 9999 can be shown, and not be read */
	stamp_human(ms, zone, buf);
	stamp_rfc3339(ms, zone, buf);
	if (strlen(buf) != strlen("2026-03-29T03:00:00.000+02:00") ||
	    buf[0] == '-')
		return;
	must(stamp_parse(buf, at, zone, 0, STAMP_BACK, &again, &err));
	must(again == ms);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct place at = { "f", 1, 1 };
	char *text = mem_strndup((const char *)data, size);

	check_duration(text, at);
	check_stamp(text, at, "UTC");
	check_stamp(text, at, "Europe/Berlin");
	free(text);
	return 0;
}
