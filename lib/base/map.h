#ifndef WJOBS_MAP_H
#define WJOBS_MAP_H

#include <stddef.h>

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
/* Put change(value, data), never NULL, in place of each value. */
void map_change(
    struct map *map, void *(*change)(void *value, void *data), void *data);

#endif
