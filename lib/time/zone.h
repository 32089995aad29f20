#ifndef WJOBS_ZONE_H
#define WJOBS_ZONE_H

#include <stdint.h>

#include "lib/base/err.h"

/*
 * Time zones from TZif files (RFC 8536 and 9636, versions 1 to 4) with their
 * POSIX footer, so that every instant has an offset. libc knows one zone a
 * process; here each job may have its own. Zones are read once and kept until
 * zone_forget_all; the pointers are borrowed. Finding is for one thread at a
 * time; a zone that was found does not change, and threads may share it.
 */
struct zone;

/*
 * The zone of that name below $TZDIR or /usr/share/zoneinfo, "UTC" even where
 * there are no files. Names with ".." or a leading "/" are refused. NULL with
 * err filled where there is no such zone, or its file is broken.
 */
const struct zone *zone_find(const char *name, struct err *err);
/*
 * The system's zone: $TZ where set (a name, :name, a path or a POSIX string
 * such as CET-1CEST,M3.5.0,M10.5.0/3), else /etc/localtime, else UTC. Its name
 * is the IANA one where it can be told. A bad TZ is an error, not UTC.
 */
const struct zone *zone_default(struct err *err);
/* From memory: `data` of n bytes as TZif, or NULL. For tests and fuzzing. */
struct zone *
zone_from_bytes(const char *name, const void *data, size_t n, struct err *err);
void zone_free(struct zone *zone); /* only for zone_from_bytes */
void zone_forget_all(void);

const char *zone_name(const struct zone *zone);

/*
 * The instant at which a clock on the wall shows local_s: the first where it
 * comes twice, the first after the gap where it never comes.
 */
int64_t zone_utc_of(const struct zone *zone, int64_t local_s);

/* Seconds east of UTC at an instant, in seconds since the epoch. */
int32_t zone_offset(const struct zone *zone, int64_t utc_s);

/* One span of constant offset: [begin_s, end_s), INT64_MIN/MAX where open. */
struct zone_span {
	int64_t begin_s, end_s; /* UTC */
	int32_t offset_s;
	bool is_dst;
	const char *abbreviation; /* borrowed */
};
struct zone_span zone_span_at(const struct zone *zone, int64_t utc_s);

#endif
