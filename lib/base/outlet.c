#include "lib/base/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void
outlet_ready(struct outlet *outlet)
{
	char path[32];
	struct stat st;
	int fd;

	if (outlet->is_ready)
		return;
	outlet->is_ready = true;
	outlet->is_socket = fstat(outlet->fd, &st) == 0 && S_ISSOCK(st.st_mode);
	outlet->is_terminal = isatty(outlet->fd) != 0;
	if (!outlet->is_terminal)
		return;
	snprintf(path, sizeof path, "/dev/fd/%d", outlet->fd);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0)
		outlet->fd = fd;
}

/* As much as goes without waiting; 0 with errno EAGAIN where none does. */
static ssize_t
outlet_write(const struct outlet *outlet, const char *p, size_t n)
{
	struct pollfd poll_fd = { .fd = outlet->fd, .events = POLLOUT };

	if (n > PIPE_BUF)
		n = PIPE_BUF;
	if (outlet->is_socket)
		return send(outlet->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (poll(&poll_fd, 1, 0) < 1 || (poll_fd.revents & POLLOUT) == 0) {
		/* POLLERR alone: the reader has gone, and write says so. */
		if ((poll_fd.revents & (POLLERR | POLLNVAL)) == 0) {
			errno = EAGAIN;
			return -1;
		}
	}
	return write(outlet->fd, p, n);
}

/* The bytes to write in one go: whole lines where PIPE_BUF holds some. */
static size_t
outlet_slice(const char *p, size_t n)
{
	const char *end;

	if (n <= PIPE_BUF)
		return n;
	end = memrchr(p, '\n', PIPE_BUF);
	return end != NULL ? (size_t)(end - p) + 1 : PIPE_BUF;
}

/* Drop what waits: the reader is gone, or the disk behind it is full. */
static void
outlet_drop(struct outlet *outlet)
{
	const char *p = str_text(&outlet->wait) + outlet->done;

	while ((p = strchr(p, '\n')) != NULL) {
		outlet->dropped++;
		outlet->unspoken++;
		p++;
	}
	str_clear(&outlet->wait);
	outlet->done = 0;
}

/* Write what waits. True where nothing does any more. */
static bool
outlet_flush(struct outlet *outlet)
{
	struct str *wait = &outlet->wait;
	ssize_t n;

	while (outlet->done < wait->len) {
		const char *p = wait->s + outlet->done;

		n = outlet_write(
		    outlet, p, outlet_slice(p, wait->len - outlet->done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return false;
		if (n < 0) {
			outlet_drop(outlet);
			return true;
		}
		outlet->done += (size_t)n;
	}
	str_clear(wait);
	outlet->done = 0;
	return true;
}

/* Forget the bytes that are written, so that `wait` holds the rest alone. */
static void
outlet_compact(struct outlet *outlet)
{
	struct str *wait = &outlet->wait;

	if (outlet->done == 0)
		return;
	memmove(wait->s, wait->s + outlet->done, wait->len - outlet->done + 1);
	wait->len -= outlet->done;
	outlet->done = 0;
}

/* There is room: say how much was dropped. */
static void
outlet_tell(struct outlet *outlet)
{
	unsigned long long unspoken = outlet->unspoken;

	outlet->unspoken = 0;
	if (unspoken != 0 && outlet->tell != NULL)
		outlet->tell(outlet, unspoken);
}

void
outlet_add(struct outlet *outlet, const char *piece, size_t n)
{
	str_addn(&outlet->wait, piece, n);
}

static void
outlet_watch(struct outlet *outlet, bool is_waiting)
{
	if (outlet->loop == NULL || is_waiting == ev_is_active(&outlet->io))
		return;
	if (is_waiting) {
		ev_io_start(outlet->loop, &outlet->io);
		/* Waiting for a reader keeps no loop alive. */
		ev_unref(outlet->loop);
	} else {
		ev_ref(outlet->loop);
		ev_io_stop(outlet->loop, &outlet->io);
	}
}

/* While the loop watches for room, there is none to ask for. */
static bool
outlet_is_watched(const struct outlet *outlet)
{
	return outlet->loop != NULL && ev_is_active(&outlet->io);
}

/* The end of a turn of the loop. */
static void
outlet_turn(struct ev_loop *loop, ev_prepare *turn, int events)
{
	struct outlet *outlet = turn->data;

	(void)loop;
	(void)events;
	if (outlet->wait.len != 0 && !outlet_is_watched(outlet))
		outlet_watch(outlet, !outlet_flush(outlet));
}

/* With a loop, what is little goes at the end of the turn, in one write. */
static bool
outlet_may_gather(const struct outlet *outlet, size_t n)
{
	return outlet->loop != NULL && outlet->unspoken == 0 &&
	    outlet->wait.len - outlet->done + n <= PIPE_BUF;
}

void
outlet_put(struct outlet *outlet, const char *piece, size_t n)
{
	struct str *wait = &outlet->wait;
	bool is_watched = outlet_is_watched(outlet);

	if (outlet_may_gather(outlet, n)) {
		str_addn(wait, piece, n);
		return;
	}
	outlet_ready(outlet);
	if (!is_watched)
		outlet_flush(outlet);
	if (outlet->done > OUTLET_BUFFER_MAX / 4)
		outlet_compact(outlet);
	if (wait->len - outlet->done + n <= OUTLET_BUFFER_MAX / 2)
		outlet_tell(outlet);
	if (wait->len - outlet->done + n > OUTLET_BUFFER_MAX ||
	    outlet->unspoken != 0) {
		outlet->dropped++;
		outlet->unspoken++;
	} else {
		str_addn(wait, piece, n);
	}
	if (!is_watched)
		outlet_watch(outlet, !outlet_flush(outlet));
}

static void
outlet_writable(struct ev_loop *loop, ev_io *io, int events)
{
	struct outlet *outlet = io->data;

	(void)loop;
	(void)events;
	if (!outlet_flush(outlet))
		return;
	outlet_tell(outlet);
	outlet_watch(outlet, !outlet_flush(outlet));
}

void
outlet_attach(struct outlet *outlet, struct ev_loop *loop)
{
	outlet_detach(outlet);
	outlet_ready(outlet);
	outlet->loop = loop;
	ev_io_init(&outlet->io, outlet_writable, outlet->fd, EV_WRITE);
	outlet->io.data = outlet;
	ev_prepare_init(&outlet->turn, outlet_turn);
	outlet->turn.data = outlet;
	ev_prepare_start(loop, &outlet->turn);
	ev_unref(loop);
	outlet_watch(outlet, !outlet_flush(outlet));
}

void
outlet_detach(struct outlet *outlet)
{
	if (outlet_flush(outlet)) {
		outlet_tell(outlet);
		outlet_flush(outlet);
	}
	outlet_watch(outlet, false);
	if (outlet->loop != NULL) {
		ev_ref(outlet->loop);
		ev_prepare_stop(outlet->loop, &outlet->turn);
	}
	outlet->loop = NULL;
}
