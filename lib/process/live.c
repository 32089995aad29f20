#include "lib/process/live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"

/*
 * The header is `start`, written once, and `count`, written after the bytes
 * that it counts. The ring is longer than what may be read by LIVE_SLACK, and
 * no write is longer than that: so whatever is being written while a reader
 * looks, the last `limit` bytes before its count stay whole.
 */
#define LIVE_MAGIC UINT64_C(0x316576696c6a77)
#define LIVE_SLACK (64 * 1024)

struct live_start {
	uint64_t magic, ring, from;
	struct identity writer;
};

struct live_count {
	uint64_t total, has_ended;
	uint64_t check; /* ~total: a count half written is read again */
};

#define COUNT_AT ((off_t)sizeof(struct live_start))
#define RING_AT  (COUNT_AT + (off_t)sizeof(struct live_count))

static bool
write_at(int fd, const void *data, size_t n, off_t at)
{
	return pwrite(fd, data, n, at) == (ssize_t)n;
}

static bool
write_count(struct live *live, bool has_ended)
{
	struct live_count count = { .total = live->total,
		.has_ended = has_ended,
		.check = ~live->total };

	return write_at(live->fd, &count, sizeof count, COUNT_AT);
}

bool
live_create(struct live *live, const char *path, uint64_t limit, uint64_t from,
    struct err *err)
{
	struct live_start start = {
		.magic = LIVE_MAGIC, .ring = limit + LIVE_SLACK, .from = from
	};
	int fd;

	unlink(path); /* whose readers keep theirs */
	fd = open(
	    path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, errno, "cannot create '%s'", path);
	identity_self(&start.writer);
	*live = (struct live){ .fd = fd,
		.path = mem_strdup(path),
		.ring = start.ring,
		.total = from };
	if (!write_count(live, false) ||
	    !write_at(fd, &start, sizeof start, 0)) {
		err_sys(err, errno, "cannot write '%s'", path);
		live_end(live);
		return false;
	}
	return true;
}

static void
live_add_part(struct live *live, const char *data, size_t n)
{
	size_t at = (size_t)(live->total % live->ring), part;

	part = live->ring - at < n ? (size_t)(live->ring - at) : n;
	if (!write_at(live->fd, data, part, RING_AT + (off_t)at) ||
	    (n > part && !write_at(live->fd, data + part, n - part, RING_AT)))
		return; /* uncounted: readers wait for what comes next */
	live->total += n;
	write_count(live, false);
}

void
live_add(struct live *live, const char *data, size_t n)
{
	size_t part;

	for (; live->path != NULL && n > 0; n -= part, data += part) {
		part = n < LIVE_SLACK ? n : LIVE_SLACK;
		live_add_part(live, data, part);
	}
}

void
live_end(struct live *live)
{
	if (live == NULL || live->path == NULL)
		return;
	write_count(live, true);
	unlink(live->path);
	close(live->fd);
	free(live->path);
	*live = (struct live){ 0 };
}

static bool
read_at(int fd, void *data, size_t n, off_t at)
{
	return pread(fd, data, n, at) == (ssize_t)n;
}

bool
live_open(struct live_reader *reader, const char *path, struct err *err)
{
	struct live_start start;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);

	if (fd < 0)
		return err_sys(err, errno, "cannot open '%s'", path);
	if (!read_at(fd, &start, sizeof start, 0) ||
	    start.magic != LIVE_MAGIC || start.ring <= LIVE_SLACK) {
		close(fd);
		return err_set(
		    err, ERR_SYNTAX, "'%s' holds no running output", path);
	}
	*reader = (struct live_reader){ .fd = fd, .writer = start.writer };
	return true;
}

void
live_close(struct live_reader *reader)
{
	if (reader == NULL || reader->fd < 0)
		return;
	close(reader->fd);
	reader->fd = -1;
}

static bool
read_count(int fd, struct live_count *count)
{
	int tries;

	for (tries = 0; tries < 100; tries++)
		if (read_at(fd, count, sizeof *count, COUNT_AT) &&
		    count->check == ~count->total)
			return true;
	return false;
}

/* Bytes at to end of the ring, which wraps at most once in between. */
static bool
read_ring(int fd, uint64_t ring, uint64_t at, uint64_t end, char *buf)
{
	size_t n = (size_t)(end - at), off = (size_t)(at % ring);
	size_t part = ring - off < n ? (size_t)(ring - off) : n;

	return read_at(fd, buf, part, RING_AT + (off_t)off) &&
	    (n == part || read_at(fd, buf + part, n - part, RING_AT));
}

/* The first byte that is whole in the ring when its count is `total`. */
static uint64_t
first_whole(const struct live_start *start, uint64_t total)
{
	uint64_t limit = start->ring - LIVE_SLACK;
	uint64_t first = total > limit ? total - limit : 0;

	return first > start->from ? first : start->from;
}

/* Read up to count->total; what was overwritten meanwhile counts as skipped. */
static bool
read_new(struct live_reader *reader, const struct live_start *start,
    const struct live_count *count, struct str *out, uint64_t *skipped)
{
	uint64_t first = first_whole(start, count->total), at = reader->at;
	struct live_count after;
	char *buf;

	if (at < first)
		at = first;
	buf = mem_alloc((size_t)(count->total - at));
	if (!read_ring(reader->fd, start->ring, at, count->total, buf) ||
	    !read_count(reader->fd, &after)) {
		free(buf);
		return false;
	}
	first = first_whole(start, after.total);
	if (first > count->total)
		first = count->total;
	if (first < at)
		first = at;
	str_addn(out, buf + (first - at), (size_t)(count->total - first));
	*skipped += first - reader->at;
	reader->at = count->total;
	free(buf);
	return true;
}

enum live_state
live_read(struct live_reader *reader, struct str *out, uint64_t *skipped)
{
	bool is_alive = identity_is_alive(&reader->writer);
	struct live_start start;
	struct live_count count;

	*skipped = 0;
	if (!read_at(reader->fd, &start, sizeof start, 0) ||
	    !read_count(reader->fd, &count))
		return is_alive ? LIVE_GOING : LIVE_BROKEN;
	if (count.total > reader->at &&
	    !read_new(reader, &start, &count, out, skipped))
		return is_alive ? LIVE_GOING : LIVE_BROKEN;
	if (count.has_ended)
		return LIVE_ENDED;
	return is_alive ? LIVE_GOING : LIVE_BROKEN;
}
