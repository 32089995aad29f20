#ifndef WJOBS_ARENA_H
#define WJOBS_ARENA_H

#include <stddef.h>

/*
 * Memory that is freed all at once. Zeroed is empty. What it gives is never
 * NULL, lives until arena_release, or until arena_rewind to a mark made before
 * it, and is not to be freed.
 */
struct arena {
	struct arena_block *block; /* the newest, where there is room */
	size_t bytes;              /* in all blocks */
};

struct arena_mark {
	struct arena_block *block;
	size_t used;
};

void arena_release(struct arena *arena);
/* Aligned for any type but long double, and not cleared. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_zalloc(struct arena *arena, size_t size);
/* Room for a text of n bytes and its NUL, not cleared. */
char *arena_text(struct arena *arena, size_t n);
/* n bytes and a NUL behind them. */
char *arena_strndup(struct arena *arena, const char *s, size_t n);
char *arena_strdup(struct arena *arena, const char *s); /* NULL gives NULL */
void *arena_dup(struct arena *arena, const void *p, size_t size);

/* All that is given after a mark is taken back by a rewind to it. */
struct arena_mark arena_mark(struct arena *arena);
void arena_rewind(struct arena *arena, struct arena_mark mark);

#endif
