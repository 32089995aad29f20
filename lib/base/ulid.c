#include "lib/base/ulid.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char letter[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void
random_bytes(void *p, unsigned n)
{
	if (getrandom(p, n, 0) == (ssize_t)n)
		return;
	fputs("wjobs: the kernel gives no random bytes\n", stderr);
	abort();
}

double
random_fraction(void)
{
	uint64_t x;

	random_bytes(&x, sizeof x);
	return (double)(x >> 11) / 9007199254740992.0;
}

/*
 * Greater than the last one of its millisecond by one in the sixth random
 * letter, and not in the last: jobs that are due together begin together, and
 * sixteen letters should still tell their runs apart.
 */
static void
ulid_follow(struct ulid *id, const struct ulid *last)
{
	uint32_t word = 0; /* 30 bits of six letters, and 2 of the next */
	int i;

	for (i = 6; i < 10; i++)
		word = word << 8 | last->b[i];
	word = (word | 3) + 1 + (id->b[9] & 3);
	for (i = 9; i >= 6; i--, word >>= 8)
		id->b[i] = (unsigned char)(word & 0xff);
}

struct ulid
ulid_make(int64_t now_ms)
{
	static _Thread_local struct ulid last;
	struct ulid id;
	int i;

	random_bytes(id.b + 6, 10);
	id.b[6] &= 0x7f; /* room for half a billion that follow */
	for (i = 5; i >= 0; i--, now_ms >>= 8)
		id.b[i] = (unsigned char)(now_ms & 0xff);
	if (memcmp(id.b, last.b, 6) == 0)
		ulid_follow(&id, &last);
	last = id;
	return id;
}

/* 128 bits are 26 letters of 5 with 2 bits to spare, at the front. */
void
ulid_format(const struct ulid *id, char *text)
{
	uint64_t high = 0, low = 0;
	int i;

	for (i = 0; i < 8; i++) {
		high = high << 8 | id->b[i];
		low = low << 8 | id->b[i + 8];
	}
	for (i = ULID_LEN - 1; i >= 0; i--) {
		text[i] = letter[low & 31];
		low = low >> 5 | high << 59;
		high >>= 5;
	}
	text[ULID_LEN] = '\0';
}

/* text is n letters; those missing count as `rest`. */
static bool
ulid_fill(const char *text, size_t n, unsigned rest, struct ulid *id)
{
	int i, bit, k;

	memset(id, 0, sizeof *id);
	for (i = 0; i < ULID_LEN; i++) {
		unsigned v = rest;

		if ((size_t)i < n) {
			const char *p = strchr(
			    letter, toupper((unsigned char)text[i]));

			if (p == NULL || *p == '\0')
				return false;
			v = (unsigned)(p - letter);
		}
		if (i == 0 && v > 7) {
			if (n > 0)
				return false;
			v = 7;
		}
		for (k = 0; k < 5; k++) {
			bit = i * 5 - 2 + k;
			if (bit >= 0 && (v >> (4 - k) & 1) != 0)
				id->b[bit / 8] |= (unsigned char)(1u
				    << (7 - bit % 8));
		}
	}
	return true;
}

bool
ulid_parse(const char *text, struct ulid *id)
{
	return strlen(text) == ULID_LEN && ulid_fill(text, ULID_LEN, 0, id);
}

bool
ulid_range(const char *prefix, struct ulid *low, struct ulid *high)
{
	size_t n = strlen(prefix);

	return n >= 1 && n <= ULID_LEN && ulid_fill(prefix, n, 0, low) &&
	    ulid_fill(prefix, n, 31, high);
}

int64_t
ulid_time_ms(const struct ulid *id)
{
	int64_t ms = 0;
	int i;

	for (i = 0; i < 6; i++)
		ms = ms << 8 | id->b[i];
	return ms;
}
