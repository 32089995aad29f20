/*
 * The log never blocks its process. A line is written at once where the
 * reader has room: poll(2) says so, and a pipe that polls writable takes
 * PIPE_BUF bytes. A terminal promises less, so it is opened anew, without
 * blocking; O_NONBLOCK on standard error itself would be felt by whoever
 * shares it. The rest waits in `wait`, oldest first, and is written by the
 * loop as the reader reads.
 */
#include "lib/base/log.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/str.h"

static struct {
	bool is_ready, is_terminal, is_socket, has_colour;
	enum log_level level;
	enum log_format format;
	int fd;
	struct str wait;
	size_t done;                 /* bytes of `wait` already written */
	unsigned long long dropped;  /* in all */
	unsigned long long unspoken; /* of these, not told yet */
	struct ev_loop *loop;
	ev_io io;
} log_state = { .level = LOG_INFO, .fd = STDERR_FILENO };

static const char *const log_level_name[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

/* Find out what standard error is, once. */
static void
log_ready(void)
{
	const char *no_color = getenv("NO_COLOR");
	struct stat st;
	int fd;

	if (log_state.is_ready)
		return;
	log_state.is_ready = true;
	log_state.is_socket = fstat(STDERR_FILENO, &st) == 0 &&
	    S_ISSOCK(st.st_mode);
	log_state.is_terminal = isatty(STDERR_FILENO) != 0;
	if (!log_state.is_terminal)
		return;
	log_state.has_colour = no_color == NULL || no_color[0] == '\0';
	fd = open("/dev/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0)
		log_state.fd = fd;
}

void
log_setup(enum log_level level, enum log_format format)
{
	log_state.level = level;
	log_state.format = format;
	log_ready();
}

/* As much as goes without waiting; 0 with errno EAGAIN where none does. */
static ssize_t
log_write(const char *p, size_t n)
{
	struct pollfd poll_fd = { .fd = log_state.fd, .events = POLLOUT };

	if (n > PIPE_BUF)
		n = PIPE_BUF;
	if (log_state.is_socket)
		return send(log_state.fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (poll(&poll_fd, 1, 0) < 1 || (poll_fd.revents & POLLOUT) == 0) {
		/* POLLERR alone: the reader has gone, and write says so. */
		if ((poll_fd.revents & (POLLERR | POLLNVAL)) == 0) {
			errno = EAGAIN;
			return -1;
		}
	}
	return write(log_state.fd, p, n);
}

/* The bytes to write in one go: whole lines where PIPE_BUF holds some. */
static size_t
log_slice(const char *p, size_t n)
{
	const char *end;

	if (n <= PIPE_BUF)
		return n;
	end = memrchr(p, '\n', PIPE_BUF);
	return end != NULL ? (size_t)(end - p) + 1 : PIPE_BUF;
}

/* Drop what waits: the reader is gone, or the disk behind it is full. */
static void
log_drop(void)
{
	const char *p = str_text(&log_state.wait) + log_state.done;

	while ((p = strchr(p, '\n')) != NULL) {
		log_state.dropped++;
		log_state.unspoken++;
		p++;
	}
	str_clear(&log_state.wait);
	log_state.done = 0;
}

/* Write what waits. True where nothing does any more. */
static bool
log_flush(void)
{
	struct str *wait = &log_state.wait;
	ssize_t n;

	while (log_state.done < wait->len) {
		const char *p = wait->s + log_state.done;

		n = log_write(p, log_slice(p, wait->len - log_state.done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return false;
		if (n < 0) {
			log_drop();
			return true;
		}
		log_state.done += (size_t)n;
	}
	str_clear(wait);
	log_state.done = 0;
	return true;
}

/* Forget the bytes that are written, so that `wait` holds the rest alone. */
static void
log_compact(void)
{
	struct str *wait = &log_state.wait;

	if (log_state.done == 0)
		return;
	memmove(
	    wait->s, wait->s + log_state.done, wait->len - log_state.done + 1);
	wait->len -= log_state.done;
	log_state.done = 0;
}

static void
log_time(struct str *line)
{
	int64_t ms = clock_now_ms();
	time_t s = (time_t)(ms / 1000);
	char text[32];
	struct tm tm;

	if (log_state.is_terminal && log_state.format == LOG_LOGFMT) {
		localtime_r(&s, &tm);
		strftime(text, sizeof text, "%H:%M:%S", &tm);
		str_addf(line, "%s.%03d", text, (int)(ms % 1000));
		return;
	}
	gmtime_r(&s, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	str_addf(line, "%s.%03dZ", text, (int)(ms % 1000));
}

/*
 * Text within double quotes. logfmt's readers know \x1b and \u202e; JSON's do
 * not, so there the visible form is the value and its backslashes are escaped.
 */
static void
log_quote(struct str *line, const char *s, size_t n, bool is_json)
{
	struct str visible = { 0 };
	size_t i, len;

	if (is_json) {
		str_add_visible(&visible, s, n, false);
		s = str_text(&visible);
		n = visible.len;
	}
	str_push(line, '"');
	for (i = 0; i < n; i += len + 1) {
		for (len = 0;
		     i + len < n && s[i + len] != '"' && s[i + len] != '\\';
		     len++)
			;
		str_add_visible(line, s + i, len, false);
		if (i + len < n) {
			str_push(line, '\\');
			str_push(line, s[i + len]);
		}
	}
	str_push(line, '"');
	str_release(&visible);
}

static bool
log_is_bare(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=')
			return false;
	}
	return n > 0;
}

/* The key of a pair, with what stands before and after it. */
static void
log_key(struct str *line, const char *key)
{
	if (log_state.format == LOG_JSON)
		str_addf(line, "%s\"%s\":", line->len > 1 ? "," : "", key);
	else
		str_addf(line, "%s%s=", line->len > 0 ? " " : "", key);
}

static void
log_pair(struct str *line, const char *key, const char *s, size_t n)
{
	log_key(line, key);
	if (log_state.format == LOG_LOGFMT && log_is_bare(s, n))
		str_addn(line, s, n);
	else
		log_quote(line, s, n, log_state.format == LOG_JSON);
}

/* The beginning of a line for people at a terminal. */
static void
log_begin_human(
    struct str *line, enum log_level level, const char *msg, size_t n)
{
	static const char *const colour[] = {
		[LOG_ERROR] = "\033[31m",
		[LOG_WARN] = "\033[33m",
		[LOG_INFO] = "",
		[LOG_DEBUG] = "\033[2m",
	};
	bool has_colour = log_state.has_colour && colour[level][0] != '\0';

	log_time(line);
	str_push(line, ' ');
	if (has_colour)
		str_add(line, colour[level]);
	str_addf(line, "%-5s ", log_level_name[level]);
	str_add_visible(line, msg, n, false);
	if (has_colour)
		str_add(line, "\033[0m");
}

static void
log_begin(struct str *line, enum log_level level, const char *msg, size_t n)
{
	struct str time = { 0 };

	if (log_state.is_terminal && log_state.format == LOG_LOGFMT) {
		log_begin_human(line, level, msg, n);
		return;
	}
	if (log_state.format == LOG_JSON)
		str_push(line, '{');
	log_time(&time);
	log_pair(line, "time", time.s, time.len);
	log_pair(line, "level", log_level_name[level],
	    strlen(log_level_name[level]));
	log_key(line, "msg"); /* always quoted, whatever it holds */
	log_quote(line, msg, n, log_state.format == LOG_JSON);
	str_release(&time);
}

static void
log_end(struct str *line)
{
	if (log_state.format == LOG_JSON)
		str_push(line, '}');
	str_push(line, '\n');
}

/* Say how many lines were dropped; the caller saw that there is room. */
static void
log_tell_dropped(void)
{
	char number[24];
	struct str line = { 0 };

	if (log_state.unspoken == 0)
		return;
	snprintf(number, sizeof number, "%llu", log_state.unspoken);
	log_begin(
	    &line, LOG_WARN, "log lines dropped", strlen("log lines dropped"));
	log_pair(&line, "count", number, strlen(number));
	log_end(&line);
	str_addn(&log_state.wait, line.s, line.len);
	log_state.unspoken = 0;
	str_release(&line);
}

static void
log_watch(bool is_waiting)
{
	if (log_state.loop == NULL || is_waiting == ev_is_active(&log_state.io))
		return;
	if (is_waiting) {
		ev_io_start(log_state.loop, &log_state.io);
		/* Waiting for a reader keeps no loop alive. */
		ev_unref(log_state.loop);
	} else {
		ev_ref(log_state.loop);
		ev_io_stop(log_state.loop, &log_state.io);
	}
}

static void
log_put(const struct str *line)
{
	struct str *wait = &log_state.wait;
	/* While the loop watches for room, there is none to ask for. */
	bool is_watched = log_state.loop != NULL && ev_is_active(&log_state.io);

	log_ready();
	if (!is_watched)
		log_flush();
	if (log_state.done > LOG_BUFFER_MAX / 4)
		log_compact();
	if (wait->len - log_state.done + line->len <= LOG_BUFFER_MAX / 2)
		log_tell_dropped();
	if (wait->len - log_state.done + line->len > LOG_BUFFER_MAX ||
	    log_state.unspoken != 0) {
		log_state.dropped++;
		log_state.unspoken++;
	} else {
		str_addn(wait, line->s, line->len);
	}
	if (!is_watched)
		log_watch(!log_flush());
}

static void
log_writable(struct ev_loop *loop, ev_io *io, int events)
{
	(void)loop;
	(void)io;
	(void)events;
	if (!log_flush())
		return;
	log_tell_dropped();
	log_watch(!log_flush());
}

void
log_attach(struct ev_loop *loop)
{
	log_detach();
	log_ready();
	log_state.loop = loop;
	ev_io_init(&log_state.io, log_writable, log_state.fd, EV_WRITE);
	log_watch(!log_flush());
}

void
log_detach(void)
{
	if (log_flush()) {
		log_tell_dropped();
		log_flush();
	}
	log_watch(false);
	log_state.loop = NULL;
}

void
log_event(enum log_level level, const char *msg, ...)
{
	struct str line = { 0 };
	const char *key, *value;
	va_list ap;

	if (level > log_state.level)
		return;
	log_ready();
	log_begin(&line, level, msg, strlen(msg));
	va_start(ap, msg);
	while ((key = va_arg(ap, const char *)) != NULL) {
		value = va_arg(ap, const char *);
		if (value != NULL)
			log_pair(&line, key, value, strlen(value));
	}
	va_end(ap);
	log_end(&line);
	log_put(&line);
	str_release(&line);
}

void
log_line(enum log_level level, const char *fmt, ...)
{
	char *msg = NULL;
	va_list ap;
	int n;

	if (level > log_state.level)
		return;
	va_start(ap, fmt);
	n = vasprintf(&msg, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	log_event(level, msg, NULL);
	free(msg);
}

static void
log_output_line(
    const char *job, const char *run, int stream, const char *data, size_t n)
{
	struct str line = { 0 };
	const char *name = stream == STDERR_FILENO ? "stderr"
	    : stream == STDOUT_FILENO              ? "stdout"
						   : NULL;

	log_begin(&line, LOG_INFO, data, n);
	log_pair(&line, "job", job, strlen(job));
	if (run != NULL)
		log_pair(&line, "run", run, strlen(run));
	if (name != NULL)
		log_pair(&line, "stream", name, strlen(name));
	log_end(&line);
	log_put(&line);
	str_release(&line);
}

void
log_output(
    const char *job, const char *run, int stream, const char *data, size_t n)
{
	const char *end;
	size_t len;

	if (log_state.level < LOG_INFO)
		return;
	log_ready();
	while (n > 0) {
		end = memchr(data, '\n', n);
		len = end != NULL ? (size_t)(end - data) : n;
		log_output_line(job, run, stream, data, len);
		if (end != NULL)
			len++;
		data += len;
		n -= len;
	}
}

unsigned long long
log_dropped(void)
{
	return log_state.dropped;
}
