#include "lib/store/lookup.h"

/*
 * No run is made before its instant, but clocks are set back; so much slack is
 * left where ids bound a search for instants.
 */
#define CLOCK_SLACK_MS (INT64_C(24) * 60 * 60 * 1000)

bool
lookup_holds(const struct history_filter *filter, const struct record *record)
{
	int64_t first = record_instant_ms(record), last = first;

	if (record->status == RECORD_SKIPPED && record->completed_ms > first)
		last = record->completed_ms;
	if (filter->has_status && record->status != filter->status)
		return false;
	if (filter->since_ms != CLOCK_NONE && last < filter->since_ms)
		return false;
	return filter->until_ms == CLOCK_NEVER ||
	    filter->until_ms == CLOCK_NONE || first <= filter->until_ms;
}

bool
lookup_bound(const struct history_filter *filter, struct ulid *from)
{
	int64_t ms = filter->since_ms;
	int i;

	*from = (struct ulid){ 0 };
	if (ms == CLOCK_NONE || ms <= CLOCK_SLACK_MS)
		return false;
	ms -= CLOCK_SLACK_MS;
	for (i = 0; i < 6; i++)
		from->b[i] = (unsigned char)(ms >> (40 - 8 * i) & 0xff);
	return true;
}

bool
lookup_is_ambiguous(
    const struct lookup *lookup, const char *prefix, struct err *err)
{
	char a[ULID_LEN + 1], b[ULID_LEN + 1];

	if (lookup->n < 2)
		return false;
	ulid_format(&lookup->record[0].id, a);
	ulid_format(&lookup->record[1].id, b);
	err_set(err, ERR_USAGE,
	    "'%s' is the beginning of more than one run, among them %s and %s",
	    prefix, a, b);
	return true;
}

void
lookup_give(
    struct lookup *lookup, bool is_good, struct record *record, bool *found)
{
	int i, from = 0;

	if (is_good)
		*found = lookup->n > 0;
	if (is_good && lookup->n > 0) {
		*record = lookup->record[0];
		from = 1;
	}
	for (i = from; i < lookup->n; i++)
		record_release(&lookup->record[i]);
}
