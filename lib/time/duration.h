#ifndef WJOBS_DURATION_H
#define WJOBS_DURATION_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

/*
 * Durations as a jobfile spells them: numbers with a unit each, from the
 * largest to the smallest, as in "250ms", "90s", "1h30m", "2d" or "1w". A
 * number with no unit is refused, for a reader cannot tell what it means.
 * Every value here is in milliseconds.
 */
#define DURATION_MAX_MS    (INT64_C(100) * 366 * 24 * 60 * 60 * 1000)
#define DURATION_TEXT_SIZE 48

/*
 * Parse text, which stands at `at`, into *ms, from 0 to DURATION_MAX_MS.
 * On failure *ms is left alone and err is ERR_SYNTAX or ERR_RANGE, at `at`.
 */
bool duration_parse(
    const char *text, struct place at, int64_t *ms, struct err *err) MUST_CHECK;

/*
 * As a jobfile would spell it, "1h30m"; duration_parse reads it back. What is
 * not above 0 is "0s".
 */
const char *duration_format(int64_t ms, char buf[DURATION_TEXT_SIZE]);

/*
 * For people, two units at most and rounded: "in 3m", "2d 4h", "1.2s", "35ms".
 */
const char *duration_human(int64_t ms, char buf[DURATION_TEXT_SIZE]);

#endif
