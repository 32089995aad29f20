/*
 * lib/process/keep against the plain idea of it, with pieces of random sizes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/process/keep.h"

static void
add_piece(void *data, const char *s, size_t n)
{
	str_addn(data, s, n);
}

static void
fail(const char *what, size_t limit, size_t total)
{
	printf("%s: limit %zu, %zu bytes\n", what, limit, total);
	exit(1);
}

static void
check_last(const struct keep *keep, const char *all, size_t total)
{
	struct str last = { 0 };
	uint64_t from = keep_last(keep, add_piece, &last);

	if (from + last.len != total ||
	    memcmp(all + from, str_text(&last), last.len) != 0)
		fail("keep_last", keep->limit, total);
	str_release(&last);
}

static void
check_one(size_t limit, const char *all, size_t total, unsigned *seed)
{
	struct keep_parts parts;
	struct keep keep;
	size_t at, n;

	keep_init(&keep, limit);
	for (at = 0; at < total; at += n) {
		n = (size_t)rand_r(seed) % (2 * limit + 10);
		if (n > total - at)
			n = total - at;
		keep_add(&keep, all + at, n);
	}
	check_last(&keep, all, total);
	parts = keep_finish(&keep);
	if (parts.head_len + parts.tail_len != (total < limit ? total : limit))
		fail("length", limit, total);
	if (total <= limit ? parts.tail_len != 0
			   : parts.head_len < parts.tail_len)
		fail("halves", limit, total);
	if (memcmp(parts.head, all, parts.head_len) != 0)
		fail("head", limit, total);
	if (memcmp(parts.tail, all + total - parts.tail_len, parts.tail_len) !=
	    0)
		fail("tail", limit, total);
	keep_release(&keep);
}

int
main(void)
{
	static char all[100000];
	unsigned seed = 7;
	size_t i;

	for (i = 0; i < sizeof all; i++)
		all[i] = (char)rand_r(&seed);
	for (i = 0; i < 3000; i++) {
		size_t limit = i < 100 ? i / 10 : (size_t)rand_r(&seed) % 5000;
		size_t total = (size_t)rand_r(&seed) % (4 * limit + 3);

		check_one(limit, all, total, &seed);
	}
	return 0;
}
