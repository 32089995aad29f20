#ifndef WJOBS_ULID_H
#define WJOBS_ULID_H

#include <stdbool.h>
#include <stdint.h>

/*
 * ULIDs (github.com/ulid/spec): 48 bits of milliseconds, 80 random ones, as 26
 * letters of Crockford's base 32 that sort by time. Two made by one process in
 * one millisecond sort in the order made, and differ in their first 16 letters.
 */
#define ULID_LEN 26

struct ulid {
	unsigned char b[16];
};

struct ulid ulid_make(int64_t now_ms);
/* Into text[ULID_LEN + 1]. */
void ulid_format(const struct ulid *id, char *text);
/* Any case. False unless text is a whole ULID. */
bool ulid_parse(const char *text, struct ulid *id);
/*
 * The least and the greatest ULID that begin with a prefix of 1 to 26 letters.
 * False where it cannot begin one.
 */
bool ulid_range(const char *prefix, struct ulid *low, struct ulid *high);
int64_t ulid_time_ms(const struct ulid *id);

/* Bytes from the kernel's generator. */
void random_bytes(void *p, unsigned n);
/* From 0 to 1, 1 excluded. */
double random_fraction(void);

#endif
