#include "lib/time/zone.h"

#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/time/civil.h"
#include "lib/time/zone_data.h"

/* Beyond this, where no change can lie, an instant is looked up as if here. */
#define FARTHEST_S (INT64_C(1) << 60)

struct zone *
zone_new(const char *name)
{
	struct zone *zone = mem_zalloc(1, sizeof *zone);

	zone->name = mem_strdup(name);
	return zone;
}

void
zone_free(struct zone *zone)
{
	if (zone == NULL)
		return;
	free(zone->name);
	free(zone->key);
	free(zone->text);
	free(zone->type);
	free(zone->at_s);
	free(zone->what);
	free(zone);
}

void
zone_add(struct zone *zone, int64_t at_s, uint16_t what)
{
	size_t n = zone->n++;

	zone->at_s = mem_grow(zone->at_s, n + 1, sizeof *zone->at_s);
	zone->what = mem_grow(zone->what, n + 1, sizeof *zone->what);
	zone->at_s[n] = at_s;
	zone->what[n] = what;
}

const char *
zone_name(const struct zone *zone)
{
	return zone->name;
}

static inline bool
holds(const struct zone *zone, size_t i, int64_t s)
{
	return (i == 0 || zone->at_s[i - 1] <= s) &&
	    (i == zone->n || s < zone->at_s[i]);
}

/* How many changes lie at or before s. */
static size_t
find(const struct zone *zone, int64_t s)
{
	const int64_t *at = zone->at_s;
	size_t low = 0, len = zone->n;
	size_t hint = atomic_load_explicit(
	    &((struct zone *)zone)->hint, memory_order_relaxed);

	if (holds(zone, hint, s))
		return hint;
	while (len > 0) {
		size_t half = len / 2;

		low += at[low + half] <= s ? len - half : 0;
		len = half;
	}
	atomic_store_explicit(
	    &((struct zone *)zone)->hint, low, memory_order_relaxed);
	return low;
}

/* How many seconds away, in whole cycles, s is in the table. */
static int64_t
cycles_away(const struct zone *zone, int64_t s)
{
	int64_t last, first;

	if (zone->repeats && s >= (last = zone->at_s[zone->n - 1]))
		return -((s - last) / CIVIL_CYCLE_S + 1) * CIVIL_CYCLE_S;
	if (zone->repeats_back && s < (first = zone->at_s[0]))
		return ((first - s) / CIVIL_CYCLE_S + 1) * CIVIL_CYCLE_S;
	return 0;
}

struct zone_span
zone_span_at(const struct zone *zone, int64_t utc_s)
{
	const struct zone_type *type;
	struct zone_span span;
	int64_t away;
	size_t i;

	if (utc_s > FARTHEST_S)
		utc_s = FARTHEST_S;
	if (utc_s < -FARTHEST_S)
		utc_s = -FARTHEST_S;
	away = cycles_away(zone, utc_s);
	i = find(zone, utc_s + away);
	type = &zone->type[i == 0 ? zone->first : zone->what[i - 1]];
	span.begin_s = i == 0 ? INT64_MIN : zone->at_s[i - 1] - away;
	span.end_s = i == zone->n ? INT64_MAX : zone->at_s[i] - away;
	span.offset_s = type->offset_s;
	span.is_dst = type->is_dst;
	span.abbreviation = type->abbreviation;
	return span;
}

int32_t
zone_offset(const struct zone *zone, int64_t utc_s)
{
	return zone_span_at(zone, utc_s).offset_s;
}

int64_t
zone_utc_of(const struct zone *zone, int64_t local_s)
{
	/* no offset is larger than 26 hours: all that can show it lies here */
	int64_t s = local_s - INT64_C(26) * 3600;
	int64_t last = local_s + INT64_C(26) * 3600, gap_end = INT64_MAX;

	while (s <= last) {
		struct zone_span span = zone_span_at(zone, s);
		int64_t utc = local_s - span.offset_s;

		if (utc >= s && utc < span.end_s)
			return utc;
		if (utc < s && gap_end == INT64_MAX)
			gap_end = s;
		s = span.end_s;
	}
	return gap_end;
}
