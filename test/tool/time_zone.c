/*
 * time_zone SEED COUNT - hold the zone reader against libc: each zone named on
 * standard input, at each of its changes and a second to both sides, and at
 * COUNT random instants from 1850 to 2500, half of them before 2110. Offset,
 * daylight saving, abbreviation and zone_utc_of must agree. Prints what it did.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/time/zone.h"

#define FIRST_S INT64_C(-3786825600) /* 1850 */
#define SOON_S  INT64_C(4417977600)  /* 2110 */
#define LAST_S  INT64_C(16725225600) /* 2500 */

static uint64_t seed;

static int64_t
roll(int64_t low, int64_t high)
{
	seed = seed * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return low + (int64_t)((seed >> 20) % (uint64_t)(high - low));
}

/*
 * RFC 9636 gives the time before a zone's first change its first type; glibc
 * takes the first that is standard time. The two are one in all zones.
 */
static bool
agree(const struct zone *zone, int64_t s)
{
	struct zone_span span = zone_span_at(zone, s);
	time_t t = s;
	struct tm tm;

	localtime_r(&t, &tm);
	if (span.offset_s == tm.tm_gmtoff && span.is_dst == (tm.tm_isdst > 0) &&
	    strcmp(span.abbreviation, tm.tm_zone) == 0 && span.begin_s <= s &&
	    s < span.end_s && zone_offset(zone, s) == span.offset_s)
		return true;
	printf("%s at %" PRId64 ": %d %s %s, libc says %ld %s %s\n",
	    zone_name(zone), s, span.offset_s, span.is_dst ? "dst" : "std",
	    span.abbreviation, tm.tm_gmtoff, tm.tm_isdst > 0 ? "dst" : "std",
	    tm.tm_zone);
	return false;
}

/* The way back: the first instant at which the wall shows what it shows at s. */
static bool
comes_back(const struct zone *zone, int64_t s)
{
	int64_t local = s + zone_offset(zone, s);
	int64_t back = zone_utc_of(zone, local);

	if (back <= s && back + zone_offset(zone, back) == local)
		return true;
	printf("%s: %" PRId64 " shows %" PRId64 ", which is said to be %" PRId64
	       "\n",
	    zone_name(zone), s, local, back);
	return false;
}

static bool
check_changes(const struct zone *zone, int64_t *changes)
{
	int64_t s = FIRST_S;

	for (;;) {
		struct zone_span span = zone_span_at(zone, s);

		if (span.end_s > LAST_S)
			return true;
		s = span.end_s;
		(*changes)++;
		if (!agree(zone, s - 1) || !agree(zone, s) ||
		    !agree(zone, s + 1) || !comes_back(zone, s - 1) ||
		    !comes_back(zone, s))
			return false;
	}
}

static bool
check_zone(const char *name, int64_t count, int64_t *changes)
{
	struct err err;
	const struct zone *zone = zone_find(name, &err);
	int64_t i, s;

	if (zone == NULL) {
		printf("%s\n", err.msg);
		return false;
	}
	setenv("TZ", name, 1);
	tzset();
	if (!check_changes(zone, changes))
		return false;
	for (i = 0; i < count; i++) {
		s = roll(FIRST_S, i % 2 == 0 ? SOON_S : LAST_S);
		if (!agree(zone, s) || !comes_back(zone, s))
			return false;
	}
	return true;
}

int
main(int argc, char **argv)
{
	int64_t zones = 0, changes = 0, count;
	char *line = NULL;
	size_t room = 0;
	bool ok = true;

	if (argc != 3) {
		fputs("usage: time_zone SEED COUNT <ZONES\n", stderr);
		return 2;
	}
	seed = strtoull(argv[1], NULL, 10);
	count = strtoll(argv[2], NULL, 10);
	while (ok && getline(&line, &room, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		ok = check_zone(line, count, &changes);
		zones++;
	}
	free(line);
	zone_forget_all();
	if (ok)
		printf("%" PRId64 " zones, %" PRId64 " changes, %" PRId64
		       " random instants\n",
		    zones, changes, zones * count);
	return ok ? 0 : 1;
}
