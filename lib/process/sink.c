#include "lib/process/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/mem.h"

/* A terminal reports itself writable while it has room for this much. */
#define TTY_CHUNK 256
/* One turn of the loop writes no more than this into one sink. */
#define TURN_MAX (256 * 1024)

static void on_writable(struct ev_loop *loop, ev_io *io, int revents);

static enum sink_kind
kind_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return SINK_FILE; /* the write itself will tell */
	if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))
		return SINK_SHARED;
	return S_ISCHR(st.st_mode) && isatty(fd) ? SINK_TTY : SINK_FILE;
}

static void
sink_init(struct sink *sink, struct ev_loop *loop, int fd, enum sink_kind kind)
{
	*sink = (struct sink){ .loop = loop, .fd = fd, .kind = kind };
	ev_io_init(&sink->io, on_writable, fd, EV_WRITE);
	sink->io.data = sink;
}

void
sink_init_shared(struct sink *sink, struct ev_loop *loop, int fd)
{
	sink_init(sink, loop, fd, kind_of(fd));
}

void
sink_init_own(struct sink *sink, struct ev_loop *loop, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	sink_init(sink, loop, fd, SINK_OWN);
	sink->is_mine = true;
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static void
sink_clear(struct sink *sink)
{
	ev_io_stop(sink->loop, &sink->io);
	free(sink->copy);
	sink->copy = NULL;
	sink->data = NULL;
	sink->len = 0;
}

void
sink_release(struct sink *sink)
{
	if (sink == NULL || sink->loop == NULL)
		return;
	sink_clear(sink);
	if (sink->is_mine && sink->fd >= 0)
		close(sink->fd);
	sink->fd = -1;
}

static void
sink_fail(struct sink *sink, int sys)
{
	sink_release(sink);
	sink->sys = sys;
}

/* How much may be written now without waiting; 0: nothing yet. */
static size_t
sink_room(const struct sink *sink)
{
	struct pollfd p = { .fd = sink->fd, .events = POLLOUT };

	switch (sink->kind) {
	case SINK_OWN:
	case SINK_FILE:
		return SSIZE_MAX;
	case SINK_SHARED:
	case SINK_TTY:
		break;
	}
	if (poll(&p, 1, 0) != 1)
		return 0;
	return sink->kind == SINK_TTY ? TTY_CHUNK : PIPE_BUF;
}

/* Write on until all is gone, the sink is full, or it was enough for a turn. */
static void
sink_push(struct sink *sink)
{
	size_t room, done = 0;
	ssize_t n;

	while (sink->len > 0 && done < TURN_MAX) {
		room = sink_room(sink);
		if (room == 0)
			return;
		if (room > sink->len)
			room = sink->len;
		n = write(sink->fd, sink->data, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			sink_fail(sink, errno);
		if (n <= 0)
			return;
		sink->data += n;
		sink->len -= (size_t)n;
		done += (size_t)n;
	}
}

static void
on_writable(struct ev_loop *loop, ev_io *io, int revents)
{
	struct sink *sink = io->data;

	(void)loop;
	(void)revents;
	sink_push(sink);
	if (sink->len > 0)
		return;
	sink_clear(sink);
	sink->idle(sink);
}

void
sink_write(struct sink *sink, const char *data, size_t n, bool is_borrowed)
{
	if (sink->fd < 0)
		return;
	sink->data = data;
	sink->len = n;
	sink_push(sink);
	if (sink->len == 0) {
		sink->data = NULL;
		return;
	}
	if (!is_borrowed)
		sink->data = sink->copy = mem_dup(sink->data, sink->len);
	ev_io_start(sink->loop, &sink->io);
}

bool
sink_is_busy(const struct sink *sink)
{
	return sink->len > 0;
}
