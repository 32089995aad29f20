#ifndef WJOBS_HASH_H
#define WJOBS_HASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * A hash that never changes: what `H` in a cron expression and `jitter` take
 * their value from, the same on each host, after each restart and in each
 * release. 64-bit FNV-1a with a final mix, so that names that differ in their
 * last letter spread well. Not for secrets.
 */
uint64_t hash_bytes(const void *p, size_t n, uint64_t seed);
uint64_t hash_text(const char *s, uint64_t seed);

#endif
