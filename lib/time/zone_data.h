#ifndef WJOBS_ZONE_DATA_H
#define WJOBS_ZONE_DATA_H

#include <stdatomic.h>
#include <stddef.h>

#include "lib/time/zone.h"

/*
 * What the files of the zone reader share: a zone as the table of its changes.
 * Nothing in it changes once it is made but the hint, so threads may share it.
 *
 * A rule of the footer becomes changes too, for a little over 400 years. As
 * the calendar repeats after 400, so do they: later instants (and earlier ones,
 * where the rule is all there is) are looked up whole cycles away.
 */
struct zone_type {
	int32_t offset_s;
	bool is_dst;
	const char *abbreviation; /* into zone->text */
};

struct zone {
	char *name;
	char *key;         /* what zone_find or zone_default keeps it under */
	struct zone *next; /* of those kept */
	char *text;        /* abbreviations, each with its NUL */
	struct zone_type *type;
	/* type[what[i]] begins at at_s[i], for i < n; at_s ascends strictly */
	int64_t *at_s;
	uint16_t *what;
	size_t n;
	uint16_t first; /* the type before at_s[0] */
	bool repeats, repeats_back;
	atomic_size_t hint; /* the index found last */
};

struct zone *zone_new(const char *name);
/* Add a change after the last one. */
void zone_add(struct zone *zone, int64_t at_s, uint16_t what);

#endif
