#include "lib/base/sha1.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define BLOCK 64

static uint32_t
rotate(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

/* f and its constant in each of the four rounds of twenty steps. */
static uint32_t
mix(unsigned step, uint32_t b, uint32_t c, uint32_t d)
{
	if (step < 20)
		return ((b & c) | (~b & d)) + 0x5a827999u;
	if (step < 40)
		return (b ^ c ^ d) + 0x6ed9eba1u;
	if (step < 60)
		return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcu;
	return (b ^ c ^ d) + 0xca62c1d6u;
}

static void
add_block(uint32_t h[5], const unsigned char *p)
{
	uint32_t w[80], v[5], next;
	unsigned i;

	for (i = 0; i < 16; i++, p += 4)
		w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
		    (uint32_t)p[2] << 8 | p[3];
	for (; i < 80; i++)
		w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	memcpy(v, h, sizeof v);
	for (i = 0; i < 80; i++) {
		next = rotate(v[0], 5) + mix(i, v[1], v[2], v[3]) + v[4] + w[i];
		v[4] = v[3];
		v[3] = v[2];
		v[2] = rotate(v[1], 30);
		v[1] = v[0];
		v[0] = next;
	}
	for (i = 0; i < 5; i++)
		h[i] += v[i];
}

void
sha1_text(const void *data, size_t n, char text[SHA1_TEXT_SIZE])
{
	uint32_t h[5] = { 0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u,
		0xc3d2e1f0u };
	unsigned char tail[2 * BLOCK] = { 0 };
	const unsigned char *p = data;
	uint64_t bits = (uint64_t)n * 8;
	size_t rest, end, i;

	for (rest = n; rest >= BLOCK; rest -= BLOCK, p += BLOCK)
		add_block(h, p);
	/* the rest, a bit that is set, and the length at a block's end */
	if (rest != 0)
		memcpy(tail, p, rest);
	tail[rest] = 0x80;
	end = rest + 9 <= BLOCK ? BLOCK : sizeof tail;
	for (i = 1; i <= 8; i++, bits >>= 8)
		tail[end - i] = (unsigned char)bits;
	for (i = 0; i < end; i += BLOCK)
		add_block(h, tail + i);
	for (i = 0; i < 5; i++)
		snprintf(text + i * 8, 9, "%08x", (unsigned)h[i]);
}
