#include "lib/base/map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

/* Eight bytes at a time, since keys may be whole command lines. */
uint64_t
map_hash(const char *key)
{
	const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);
	size_t n = strlen(key);
	uint64_t h = n * factor, word;

	for (; n >= sizeof word; n -= sizeof word, key += sizeof word) {
		memcpy(&word, key, sizeof word);
		h = (h ^ word) * factor;
		h ^= h >> 32;
	}
	for (word = 0; n > 0; n--)
		word = word << 8 | (unsigned char)key[n - 1];
	h = (h ^ word) * factor;
	return h ^ h >> 32;
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
	return map->room != 0 ? map_probe(map, key, map_hash(key))->value
			      : NULL;
}

static void
map_rehash(struct map *map, size_t room)
{
	struct map old = *map;
	size_t i;

	map->entry = mem_zalloc(room, sizeof *map->entry);
	map->room = room;
	map->used = old.len;
	for (i = 0; i < old.room; i++)
		if (old.entry[i].value != NULL)
			*map_probe(map, old.entry[i].key,
			    old.entry[i].hash) = old.entry[i];
	free(old.entry);
}

/* Once more as many entries, or only without the graves. */
static void
map_grow(struct map *map)
{
	size_t room = 16;

	while (room < map->len * 2)
		room *= 2;
	map_rehash(map, room);
}

void
map_reserve(struct map *map, size_t n)
{
	size_t room = map->room != 0 ? map->room : 16;

	while (n * 4 > room * 3)
		room *= 2;
	if (room != map->room)
		map_rehash(map, room);
}

void *
map_put(struct map *map, const char *key, void *value)
{
	uint64_t hash = map_hash(key);
	struct map_entry *e;
	void *before;

	if ((map->used + 1) * 4 > map->room * 3)
		map_grow(map);
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
	e = map_probe(map, key, map_hash(key));
	before = e->value;
	if (before != NULL) {
		*e = (struct map_entry){ grave, NULL, 0 };
		map->len--;
	}
	return before;
}
