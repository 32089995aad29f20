#ifndef WJOBS_KEYSET_H
#define WJOBS_KEYSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Some of the keys of a table, by their index in it. Zeroed is none. */
#define KEYSET_MAX 128

struct keyset {
	uint64_t bit[KEYSET_MAX / 64];
};

static inline bool
keyset_has(const struct keyset *set, size_t i)
{
	return (set->bit[i / 64] >> (i % 64) & 1) != 0;
}

static inline void
keyset_add(struct keyset *set, size_t i)
{
	set->bit[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline void
keyset_remove(struct keyset *set, size_t i)
{
	set->bit[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

static inline void
keyset_add_all(struct keyset *set, const struct keyset *more)
{
	size_t i;

	for (i = 0; i < KEYSET_MAX / 64; i++)
		set->bit[i] |= more->bit[i];
}

/* What is in set and not in less. */
static inline struct keyset
keyset_without(const struct keyset *set, const struct keyset *less)
{
	struct keyset rest;
	size_t i;

	for (i = 0; i < KEYSET_MAX / 64; i++)
		rest.bit[i] = set->bit[i] & ~less->bit[i];
	return rest;
}

/* Take one out of the set: false where it is empty. */
static inline bool
keyset_pop(struct keyset *set, size_t *i)
{
	size_t k;

	for (k = 0; k < KEYSET_MAX / 64; k++) {
		if (set->bit[k] == 0)
			continue;
		*i = k * 64 + (size_t)__builtin_ctzll(set->bit[k]);
		set->bit[k] &= set->bit[k] - 1;
		return true;
	}
	return false;
}

#endif
