#include "lib/base/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

/*
 * Blocks begin small, so that a small user stays small, and double up to a
 * size at which what is left over at a block's end no longer matters.
 */
#define BLOCK_MIN ((size_t)4 << 10)
#define BLOCK_MAX ((size_t)256 << 10)

/* What pointers, doubles and int64_t need; long doubles are not for here. */
#define ARENA_ALIGN 8

struct arena_block {
	struct arena_block *older;
	size_t used, room;
	alignas(ARENA_ALIGN) char data[];
};

void
arena_release(struct arena *arena)
{
	struct arena_block *block;

	if (arena == NULL)
		return;
	while ((block = arena->block) != NULL) {
		arena->block = block->older;
		free(block);
	}
	arena->bytes = 0;
}

static void
arena_extend(struct arena *arena, size_t size)
{
	size_t room = arena->block == NULL ? BLOCK_MIN : arena->block->room * 2;
	struct arena_block *block;

	if (room > BLOCK_MAX)
		room = BLOCK_MAX;
	if (room < size)
		room = size;
	block = mem_alloc(sizeof *block + room);
	block->older = arena->block;
	block->used = 0;
	block->room = room;
	arena->block = block;
	arena->bytes += room;
}

static void *
arena_take(struct arena *arena, size_t size, size_t align)
{
	struct arena_block *block = arena->block;
	size_t from = 0;

	if (block != NULL)
		from = (block->used + align - 1) & ~(align - 1);
	if (block == NULL || from > block->room || size > block->room - from) {
		arena_extend(arena, size);
		block = arena->block;
		from = 0;
	}
	block->used = from + size;
	return block->data + from;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	return arena_take(arena, size, ARENA_ALIGN);
}

void *
arena_zalloc(struct arena *arena, size_t size)
{
	return memset(arena_alloc(arena, size), 0, size);
}

char *
arena_text(struct arena *arena, size_t n)
{
	return arena_take(arena, n + 1, 1);
}

char *
arena_strndup(struct arena *arena, const char *s, size_t n)
{
	char *copy = arena_text(arena, n);

	if (n != 0)
		memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

char *
arena_strdup(struct arena *arena, const char *s)
{
	return s != NULL ? arena_strndup(arena, s, strlen(s)) : NULL;
}

void *
arena_dup(struct arena *arena, const void *p, size_t size)
{
	void *copy = arena_take(arena, size, ARENA_ALIGN);

	if (size != 0)
		memcpy(copy, p, size);
	return copy;
}

struct arena_mark
arena_mark(struct arena *arena)
{
	if (arena->block == NULL)
		arena_extend(arena, 0);
	return (struct arena_mark){ arena->block, arena->block->used };
}

void
arena_rewind(struct arena *arena, struct arena_mark mark)
{
	struct arena_block *block;

	while ((block = arena->block) != mark.block) {
		arena->block = block->older;
		arena->bytes -= block->room;
		free(block);
	}
	block->used = mark.used;
}
