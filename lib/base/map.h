#ifndef WJOBS_MAP_H
#define WJOBS_MAP_H

#include <stddef.h>
#include <stdint.h>

/*
 * Text to pointer. Zeroed is empty. Keys are borrowed and must outlive their
 * entry; values are borrowed and never NULL. Linear probing, at most 3/4 full.
 */
struct map {
	struct map_entry *entry;
	size_t len, used, room; /* used counts the graves of removed entries */
};

void map_release(struct map *map);
void *map_find(const struct map *map, const char *key); /* NULL if none */
/* Add or replace. Returns the value that stood there before, or NULL. */
void *map_put(struct map *map, const char *key, void *value);
void *map_remove(struct map *map, const char *key);
/* Make room at once for n entries in all. */
void map_reserve(struct map *map, size_t n);
/* The hash of a key; it may differ between releases and machines. */
uint64_t map_hash(const char *key);

#endif
