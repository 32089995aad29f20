#include "lib/process/keep.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

#define KEEP_FIRST 1024 /* room to begin with */

void
keep_init(struct keep *keep, size_t limit)
{
	*keep = (struct keep){ .limit = limit };
}

void
keep_release(struct keep *keep)
{
	if (keep == NULL)
		return;
	free(keep->buf);
	*keep = (struct keep){ 0 };
}

static size_t
head_size(const struct keep *keep)
{
	return keep->limit - keep->limit / 2;
}

/* Where in the ring the byte number `at` of the output lies. */
static size_t
ring_at(const struct keep *keep, uint64_t at)
{
	size_t head = head_size(keep);

	return head + (size_t)((at - head) % (keep->limit - head));
}

static void
keep_reserve(struct keep *keep, size_t n)
{
	size_t room = keep->room != 0 ? keep->room : KEEP_FIRST;

	while (room < n)
		room *= 2;
	if (room > keep->limit)
		room = keep->limit;
	if (room <= keep->room)
		return;
	keep->buf = mem_realloc(keep->buf, room, 1);
	keep->room = room;
}

/* The ring is full, or gets so: the last bytes take the place of the first. */
static void
ring_add(struct keep *keep, const char *data, size_t n)
{
	size_t size = keep->limit - head_size(keep), at, part;

	if (n > size) {
		keep->total += n - size;
		data += n - size;
		n = size;
	}
	while (n > 0) {
		at = ring_at(keep, keep->total);
		part = keep->limit - at < n ? keep->limit - at : n;
		memcpy(keep->buf + at, data, part);
		keep->total += part;
		data += part;
		n -= part;
	}
}

void
keep_add(struct keep *keep, const char *data, size_t n)
{
	size_t part;

	if (keep->total < keep->limit) {
		part = keep->limit - (size_t)keep->total;
		if (part > n)
			part = n;
		keep_reserve(keep, (size_t)keep->total + part);
		memcpy(keep->buf + keep->total, data, part);
		keep->total += part;
		data += part;
		n -= part;
	}
	if (n > 0 && keep->limit < 2)
		keep->total += n;
	else if (n > 0)
		ring_add(keep, data, n);
}

/* Turn the ring so that its oldest byte comes first. */
static void
ring_turn(struct keep *keep)
{
	size_t head = head_size(keep), size = keep->limit - head;
	size_t oldest = ring_at(keep, keep->total) - head;
	char *turned;

	if (keep->buf == NULL || oldest == 0)
		return;
	turned = mem_alloc(size);
	memcpy(turned, keep->buf + head + oldest, size - oldest);
	memcpy(turned + size - oldest, keep->buf + head, oldest);
	memcpy(keep->buf + head, turned, size);
	free(turned);
}

struct keep_parts
keep_finish(struct keep *keep)
{
	struct keep_parts parts = { .head = keep->buf != NULL ? keep->buf : "",
		.tail = "" };

	if (keep->total <= keep->limit) {
		parts.head_len = (size_t)keep->total;
		return parts;
	}
	parts.head_len = head_size(keep);
	parts.tail_len = keep->limit - parts.head_len;
	if (parts.tail_len > 0) {
		ring_turn(keep);
		parts.tail = keep->buf + parts.head_len;
	}
	return parts;
}

uint64_t
keep_last(const struct keep *keep,
    void (*piece)(void *data, const char *s, size_t n), void *data)
{
	size_t head = head_size(keep), at;

	if (keep->total <= keep->limit) {
		if (keep->total > 0)
			piece(data, keep->buf, (size_t)keep->total);
		return 0;
	}
	if (keep->limit == head)
		return keep->total;
	at = ring_at(keep, keep->total);
	piece(data, keep->buf + at, keep->limit - at);
	if (at > head)
		piece(data, keep->buf + head, at - head);
	return keep->total - (keep->limit - head);
}
