#ifndef WJOBS_STAMP_H
#define WJOBS_STAMP_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/time/zone.h"

/*
 * Instants as text, in milliseconds since the epoch: RFC 3339, and what people
 * type on a command line.
 */
#define STAMP_TEXT_SIZE 48

enum stamp_look {
	STAMP_BACK,    /* a bare duration is that long ago (--since) */
	STAMP_FORWARD, /* a bare duration is that far ahead (next --from) */
};

/*
 * RFC 3339, `YYYY-MM-DD[ HH:MM[:SS]]` in zone (the first of two where it comes
 * twice; the first instant after a gap), `now`, `@EPOCH` (fractions allowed),
 * `-D`, `+D`, or a bare D.
 */
bool stamp_parse(const char *text, struct place at, const struct zone *zone,
    int64_t now_ms, enum stamp_look look, int64_t *ms,
    struct err *err) MUST_CHECK;

/* "2026-03-29T03:00:00.000+02:00", "...Z" where zone is NULL. For JSON. */
const char *
stamp_rfc3339(int64_t ms, const struct zone *zone, char buf[STAMP_TEXT_SIZE]);
/* "2026-03-29 03:00:00 +0200", for people. */
const char *
stamp_human(int64_t ms, const struct zone *zone, char buf[STAMP_TEXT_SIZE]);

#endif
