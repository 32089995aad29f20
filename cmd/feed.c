#include "cmd/feed.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/mem.h"

/* A line of the greatest length, its newline, and a NUL in its place. */
#define BUF_SIZE (FEED_LINE_MAX + 2)

static void
feed_init(struct feed *feed, int fd)
{
	struct stat st;
	off_t at = lseek(fd, 0, SEEK_CUR);

	*feed = (struct feed){ .fd = fd, .number = 1 };
	feed->is_file = at >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	feed->at = feed->is_file ? at : 0;
	feed->buf = mem_alloc(BUF_SIZE);
}

bool
feed_open(struct feed *feed, const char *path, struct err *err)
{
	int fd;

	if (path == NULL || strcmp(path, "-") == 0) {
		feed_init(feed, STDIN_FILENO);
		return true;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_sys(err, errno, "cannot open '%s'", path);
	feed_init(feed, fd);
	feed->is_mine = true;
	feed->path = path;
	return true;
}

void
feed_close(struct feed *feed)
{
	if (feed->is_mine)
		close(feed->fd);
	else if (feed->is_file) /* who shares it goes on behind the last line */
		lseek(feed->fd, (off_t)feed->at, SEEK_SET);
	free(feed->buf);
	*feed = (struct feed){ .fd = -1 };
}

static bool
is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) != 0;
}

/* What is there now, behind what is in the buffer. */
static enum feed_state
feed_read(struct feed *feed, struct err *err)
{
	size_t room;
	ssize_t n;

	if (!feed->is_file && !is_readable(feed->fd))
		return FEED_WAIT;
	memmove(feed->buf, feed->buf + feed->begin, feed->end - feed->begin);
	feed->end -= feed->begin;
	feed->begin = 0;
	room = BUF_SIZE - 1 - feed->end;
	do
		n = feed->is_file ? pread(feed->fd, feed->buf + feed->end, room,
					(off_t)feed->at)
				  : read(feed->fd, feed->buf + feed->end, room);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return FEED_WAIT;
	if (n < 0) {
		feed->is_at_end = true;
		err_sys(err, errno, "cannot read %s%s%s",
		    feed->path != NULL ? "'" : "",
		    feed->path != NULL ? feed->path : "the commands",
		    feed->path != NULL ? "'" : "");
		return FEED_FAILED;
	}
	feed->at += n;
	feed->end += (size_t)n;
	feed->is_at_end = n == 0;
	return FEED_LINE;
}

/*
 * The next n bytes of the buffer as a line. What begins one that is too long is
 * the line, and the rest of it is passed over.
 */
static bool
take_line(struct feed *feed, size_t n, bool is_whole, struct feed_line *line)
{
	bool is_rest = feed->is_skipping;
	char *text = feed->buf + feed->begin;
	size_t blanks;

	feed->begin += n;
	if (is_whole && feed->begin < feed->end)
		feed->begin++; /* the newline */
	feed->is_skipping = !is_whole;
	*line = (struct feed_line){ text, n, feed->number, NULL };
	if (is_whole)
		feed->number++;
	if (is_rest)
		return false;
	if (!is_whole)
		line->wrong = "the line is over 128 KiB";
	else if (memchr(text, '\0', n) != NULL)
		line->wrong = "the line holds a NUL byte";
	if (is_whole)
		text[n] = '\0';
	else
		text[--line->len] = '\0';
	blanks = strspn(text, " \t\r\v\f");
	return blanks < line->len && text[blanks] != '#';
}

static bool
next_in_buffer(struct feed *feed, struct feed_line *line)
{
	char *text, *newline;
	size_t n;

	while (feed->begin < feed->end) {
		text = feed->buf + feed->begin;
		n = feed->end - feed->begin;
		newline = memchr(text, '\n', n);
		if (newline != NULL)
			n = (size_t)(newline - text);
		else if (n <= FEED_LINE_MAX && !feed->is_at_end &&
		    !feed->is_skipping)
			return false;
		if (take_line(feed, n,
			newline != NULL ||
			    (feed->is_at_end && n <= FEED_LINE_MAX),
			line))
			return true;
	}
	return false;
}

enum feed_state
feed_next(struct feed *feed, struct feed_line *line, struct err *err)
{
	enum feed_state state;

	for (;;) {
		if (next_in_buffer(feed, line))
			return FEED_LINE;
		if (feed->is_at_end)
			return FEED_END;
		state = feed_read(feed, err);
		if (state != FEED_LINE)
			return state;
	}
}

int64_t
feed_count(const struct feed *feed)
{
	struct feed_line line;
	struct err err;
	struct feed count;
	int64_t n = 0;

	if (!feed->is_file)
		return -1;
	feed_init(&count, feed->fd);
	while (feed_next(&count, &line, &err) == FEED_LINE)
		n++;
	free(count.buf);
	return n;
}
