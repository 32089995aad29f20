#include "lib/base/map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"
#include "lib/base/mem.h"

/* A grave has a key and no value; an empty place has neither. */
struct map_entry {
	const char *key;
	void *value;
	/* Kept, so that neither a search nor a rehash reads a key in vain. */
	uint64_t hash;
};

static const char grave[] = "";

void
map_release(struct map *map)
{
	if (map == NULL)
		return;
	free(map->entry);
	*map = (struct map){ 0 };
}

/* The entry of key, else the empty place where a search for it ends. */
static struct map_entry *
map_probe(const struct map *map, const char *key, uint64_t hash)
{
	size_t i = (size_t)hash & (map->room - 1);

	for (;; i = (i + 1) & (map->room - 1)) {
		struct map_entry *e = &map->entry[i];

		if (e->key == NULL ||
		    (e->hash == hash && e->key != grave &&
			strcmp(e->key, key) == 0))
			return e;
	}
}

void *
map_find(const struct map *map, const char *key)
{
	return map->room != 0 ? map_probe(map, key, hash_text(key, 0))->value
			      : NULL;
}

static void
map_rehash(struct map *map)
{
	struct map old = *map;
	size_t i, room = 16;

	while (room < old.len * 2)
		room *= 2;
	map->entry = mem_zalloc(room, sizeof *map->entry);
	map->room = room;
	map->used = old.len;
	for (i = 0; i < old.room; i++)
		if (old.entry[i].value != NULL)
			*map_probe(map, old.entry[i].key,
			    old.entry[i].hash) = old.entry[i];
	free(old.entry);
}

void *
map_put(struct map *map, const char *key, void *value)
{
	uint64_t hash = hash_text(key, 0);
	struct map_entry *e;
	void *before;

	if ((map->used + 1) * 4 > map->room * 3)
		map_rehash(map);
	e = map_probe(map, key, hash);
	before = e->value;
	if (before == NULL) {
		map->len++;
		map->used++;
	}
	*e = (struct map_entry){ key, value, hash };
	return before;
}

void *
map_remove(struct map *map, const char *key)
{
	struct map_entry *e;
	void *before;

	if (map->room == 0)
		return NULL;
	e = map_probe(map, key, hash_text(key, 0));
	before = e->value;
	if (before != NULL) {
		*e = (struct map_entry){ grave, NULL, 0 };
		map->len--;
	}
	return before;
}

void
map_change(
    struct map *map, void *(*change)(void *value, void *data), void *data)
{
	size_t i;

	for (i = 0; i < map->room; i++)
		if (map->entry[i].value != NULL)
			map->entry[i].value = change(map->entry[i].value, data);
}
