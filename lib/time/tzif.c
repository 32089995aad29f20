#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/time/tzrule.h"
#include "lib/time/zone_data.h"

/*
 * TZif, the compiled form of a time zone (RFC 9636): a header with six counts
 * and a block of data with times of 32 bits; from version 2 on a second header,
 * a block with times of 64 bits, and a footer with the rule for all times after
 * the last change. Nothing in a file is believed before it was measured.
 */
#define HEADER_SIZE 44
/* Where old files put the Big Bang; no change lies further away. */
#define FARTHEST_S (INT64_C(1) << 59)
/* RFC 9636 section 3.2: more than -25 hours, less than 26. */
#define OFFSET_MIN_S (-89999)
#define OFFSET_MAX_S 93599

struct block {
	size_t isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt;
	size_t time_size; /* 4 or 8 bytes */
	const uint8_t *data;
};

struct file {
	const char *name;
	const uint8_t *p, *end;
	struct err *err;
};

static bool
broken(struct file *file, const char *why)
{
	return err_set(file->err, ERR_SYNTAX,
	    "time zone '%s' has a broken file: %s", file->name, why);
}

static uint32_t
read_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

static int64_t
read_time(const uint8_t *p, size_t size)
{
	if (size == 4)
		return (int32_t)read_be32(p);
	return (int64_t)((uint64_t)read_be32(p) << 32 | read_be32(p + 4));
}

static size_t
block_size(const struct block *b)
{
	return b->timecnt * b->time_size + b->timecnt + b->typecnt * 6 +
	    b->charcnt + b->leapcnt * (b->time_size + 4) + b->isstdcnt +
	    b->isutcnt;
}

/* Read a header and measure the block behind it; file->p moves past both. */
static bool
read_block(struct file *file, size_t time_size, struct block *b, int *version)
{
	size_t left = (size_t)(file->end - file->p);
	const uint8_t *p = file->p;

	if (left < HEADER_SIZE || memcmp(p, "TZif", 4) != 0)
		return broken(file, "it is not TZif");
	*version = p[4] == '\0' ? 1 : p[4] - '0';
	if (*version < 1 || *version > 9)
		return broken(file, "its version is unknown");
	*b = (struct block){ .isutcnt = read_be32(p + 20),
		.isstdcnt = read_be32(p + 24),
		.leapcnt = read_be32(p + 28),
		.timecnt = read_be32(p + 32),
		.typecnt = read_be32(p + 36),
		.charcnt = read_be32(p + 40),
		.time_size = time_size,
		.data = p + HEADER_SIZE };
	left -= HEADER_SIZE;
	/* each count is below 2^32 and size_t has 64 bits, or left is small */
	if (b->timecnt > left || b->typecnt > left || b->charcnt > left ||
	    b->leapcnt > left || b->isstdcnt > left || b->isutcnt > left ||
	    block_size(b) > left)
		return broken(file, "it is cut short");
	file->p = b->data + block_size(b);
	return true;
}

static bool
read_types(struct file *file, const struct block *b, struct zone *zone)
{
	const uint8_t *p = b->data + b->timecnt * (b->time_size + 1);
	const char *chars = (const char *)p + b->typecnt * 6;
	size_t i;

	if (b->typecnt == 0 || b->typecnt > 256)
		return broken(file, "it has no local time, or too many");
	if (b->charcnt == 0 || chars[b->charcnt - 1] != '\0')
		return broken(file, "an abbreviation has no end");
	/* the rule's two names are put behind the file's */
	zone->text = mem_zalloc(b->charcnt + 2 * TZRULE_NAME_SIZE, 1);
	memcpy(zone->text, chars, b->charcnt);
	zone->type = mem_zalloc(b->typecnt + 2, sizeof *zone->type);
	for (i = 0; i < b->typecnt; i++, p += 6) {
		int32_t offset = (int32_t)read_be32(p);

		if (offset < OFFSET_MIN_S || offset > OFFSET_MAX_S)
			return broken(file, "an offset is out of range");
		if (p[4] > 1 || p[5] >= b->charcnt)
			return broken(file, "a local time is out of range");
		zone->type[i] = (struct zone_type){ offset, p[4] == 1,
			zone->text + p[5] };
	}
	return true;
}

static bool
read_changes(struct file *file, const struct block *b, struct zone *zone)
{
	const uint8_t *times = b->data;
	const uint8_t *whats = times + b->timecnt * b->time_size;
	int64_t last = INT64_MIN, at;
	size_t i;

	for (i = 0; i < b->timecnt; i++) {
		at = read_time(times + i * b->time_size, b->time_size);
		if (at <= last && i > 0)
			return broken(file, "its changes are out of order");
		if (at < -FARTHEST_S || at > FARTHEST_S)
			return broken(file, "a change is too far away");
		if (whats[i] >= b->typecnt)
			return broken(file, "a change leads nowhere");
		zone_add(zone, at, whats[i]);
		last = at;
	}
	return true;
}

static void
add_rule_types(
    const struct tzrule *rule, const struct block *b, struct zone *zone)
{
	char *text = zone->text + b->charcnt;
	int i;

	for (i = 0; i < 2; i++) {
		memcpy(text, rule->name[i], TZRULE_NAME_SIZE);
		zone->type[b->typecnt + (size_t)i] = (struct zone_type){
			rule->offset_s[i], i == 1, text
		};
		text += TZRULE_NAME_SIZE;
	}
}

/* A newline, the rule or nothing, a newline. */
static bool
read_footer(struct file *file, const struct block *b, struct zone *zone)
{
	const char *p = (const char *)file->p, *newline;
	struct tzrule rule;

	if (file->p == file->end || *p != '\n' ||
	    (newline = memchr(
		 p + 1, '\n', (size_t)(file->end - file->p) - 1)) == NULL)
		return broken(file, "its footer is cut short");
	p++;
	if (p == newline)
		return true;
	if (!tzrule_parse(p, (size_t)(newline - p), &rule))
		return broken(file, "its footer is no rule");
	add_rule_types(&rule, b, zone);
	tzrule_apply(&rule, zone, (uint16_t)b->typecnt);
	return true;
}

static bool
read_file(struct file *file, struct zone *zone)
{
	struct block b;
	int version, second = 0;

	if (!read_block(file, 4, &b, &version))
		return false;
	if (version >= 2 && !read_block(file, 8, &b, &second))
		return false;
	if (version >= 2 && second != version)
		return broken(file, "its two versions differ");
	if (b.leapcnt != 0)
		return err_set(file->err, ERR_RANGE,
		    "time zone '%s' counts leap seconds, which the system's "
		    "clock does not: use the zone without 'right/'",
		    file->name);
	if ((b.isutcnt != 0 && b.isutcnt != b.typecnt) ||
	    (b.isstdcnt != 0 && b.isstdcnt != b.typecnt))
		return broken(file, "its counts do not agree");
	return read_types(file, &b, zone) && read_changes(file, &b, zone) &&
	    (version < 2 || read_footer(file, &b, zone));
}

struct zone *
zone_from_bytes(const char *name, const void *data, size_t n, struct err *err)
{
	const uint8_t *p = data;
	struct file file = { name, p, p + n, err };
	struct zone *zone = zone_new(name);

	if (read_file(&file, zone))
		return zone;
	zone_free(zone);
	return NULL;
}
