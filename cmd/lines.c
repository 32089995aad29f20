#include "cmd/lines.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#include "cmd/progress.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#define LINES_BATCH 100
#define LINES_BYTES ((size_t)4 << 20) /* of payloads, in a batch */
#define LINES_CHUNK 65536

static const int told_by[] = { SIGINT, SIGTERM, SIGHUP };
static volatile sig_atomic_t told;

struct lines {
	struct put *put;
	struct store_op *op[LINES_BATCH];
	size_t n, bytes;
	int64_t in;      /* lines that are in the queue */
	struct str rest; /* the line that has begun */
	sigset_t before; /* the mask that we came with */
	struct progress progress;
	struct err *err;
};

/* Signals come while we wait for input; else they are asked for. */

static void
lines_on_signal(int sig)
{
	told = sig;
}

static void
lines_watch(struct lines *lines)
{
	struct sigaction action = { .sa_handler = lines_on_signal }, old;
	sigset_t ours;
	size_t i;

	sigemptyset(&ours);
	sigemptyset(&action.sa_mask);
	for (i = 0; i < ARRAY_LEN(told_by); i++) {
		if (sigaction(told_by[i], NULL, &old) != 0 ||
		    old.sa_handler == SIG_IGN)
			continue;
		sigaction(told_by[i], &action, NULL);
		sigaddset(&ours, told_by[i]);
	}
	sigprocmask(SIG_BLOCK, &ours, &lines->before);
}

static bool
lines_is_told(void)
{
	struct sigaction action;
	sigset_t pending;
	size_t i;

	sigpending(&pending);
	for (i = 0; told == 0 && i < ARRAY_LEN(told_by); i++)
		if (sigismember(&pending, told_by[i]) == 1 &&
		    sigaction(told_by[i], NULL, &action) == 0 &&
		    action.sa_handler == lines_on_signal)
			told = told_by[i];
	return told != 0;
}

/* Is there more of it within that time? NULL: wait for it. */
static bool
lines_is_ready(struct lines *lines, const struct timespec *patience)
{
	fd_set fds;

	FD_ZERO(&fds);
	FD_SET(STDIN_FILENO, &fds);
	return pselect(STDIN_FILENO + 1, &fds, NULL, NULL, patience,
		   &lines->before) > 0;
}

/* What is in, and what is not */

/* It is not known to be in, and one behind it is: its place stays. */
static bool
lines_is_overtaken(const struct lines *lines, size_t i)
{
	while (++i < lines->n)
		if (put_is_in(lines->op[i]))
			return true;
	return false;
}

static void
lines_count(struct lines *lines)
{
	const struct progress_count count = {
		.done = lines->in, .running = -1, .total = -1
	};
	char id[ULID_LEN + 1];
	size_t i;

	progress_clear(&lines->progress);
	for (i = 0; i < lines->n; i++) {
		if (put_is_in(lines->op[i])) {
			ulid_format(&lines->op[i]->work->work.id, id);
			puts(id);
		} else if (lines_is_overtaken(lines, i)) {
			puts("");
		}
	}
	for (i = 0; i < lines->n; i++)
		store_op_free(lines->op[i]);
	lines->n = lines->bytes = 0;
	fflush(stdout);
	progress_show(&lines->progress, &count);
}

static bool
lines_full(struct lines *lines, int64_t first)
{
	return err_set(lines->err, ERR_BUSY,
	    "the queue is full: %lld lines went in, and line %lld is the "
	    "first that did not",
	    (long long)lines->in, (long long)first);
}

static bool
lines_flush(struct lines *lines)
{
	int64_t before = lines->in, first = 0;
	enum put_result result;
	size_t i;

	if (lines->n == 0)
		return true;
	result = put_all(lines->put, lines->op, lines->n, lines->err);
	for (i = 0; i < lines->n; i++) {
		if (put_is_in(lines->op[i]))
			lines->in++;
		else if (first == 0)
			first = before + (int64_t)i + 1;
	}
	lines_count(lines);
	if (result == PUT_FAILED)
		return err_prefix(
		    lines->err, "%lld lines went in", (long long)lines->in);
	return result == PUT_IN || lines_full(lines, first);
}

static bool
lines_add(struct lines *lines, const char *line, size_t n)
{
	char *payload;

	if (n > WORK_PAYLOAD_MAX) {
		if (lines_flush(lines))
			err_set(lines->err, ERR_USAGE,
			    "line %lld is longer than %d bytes (1 MiB), which "
			    "is as much as a piece of work may have; the %lld "
			    "lines before it went in",
			    (long long)lines->in + 1, WORK_PAYLOAD_MAX,
			    (long long)lines->in);
		return false;
	}
	if (lines->n > 0 && lines->bytes + n > LINES_BYTES &&
	    !lines_flush(lines))
		return false;
	payload = mem_alloc(n + 1);
	memcpy(payload, line, n);
	payload[n] = '\0';
	lines->op[lines->n++] = put_op_new(lines->put, payload, n);
	lines->bytes += n;
	return lines->n < LINES_BATCH || lines_flush(lines);
}

/* The lines that n more bytes complete. */
static bool
lines_take(struct lines *lines, const char *data, size_t n)
{
	const char *end;
	bool ok;

	while ((end = memchr(data, '\n', n)) != NULL) {
		size_t len = (size_t)(end - data);

		if (lines->rest.len == 0) {
			ok = lines_add(lines, data, len);
		} else {
			str_addn(&lines->rest, data, len);
			ok = lines_add(
			    lines, str_text(&lines->rest), lines->rest.len);
			str_clear(&lines->rest);
		}
		if (!ok || lines_is_told())
			return ok;
		data = end + 1;
		n -= len + 1;
	}
	if (n > 0)
		str_addn(&lines->rest, data, n);
	/* what is too long already need not be read to its end */
	return lines->rest.len <= WORK_PAYLOAD_MAX ||
	    lines_add(lines, str_text(&lines->rest), lines->rest.len);
}

static bool
lines_read(struct lines *lines)
{
	static const struct timespec now = { 0 };
	char buf[LINES_CHUNK];
	ssize_t n;

	while (!lines_is_told()) {
		if (!lines_is_ready(lines, &now)) {
			if (!lines_flush(lines))
				return false;
			if (!lines_is_ready(lines, NULL))
				continue;
		}
		n = read(STDIN_FILENO, buf, sizeof buf);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return err_sys(lines->err, errno,
			    "cannot read standard input; %lld lines went in",
			    (long long)lines->in);
		if (n > 0 && !lines_take(lines, buf, (size_t)n))
			return false;
		if (n != 0)
			continue;
		/* the last line need not end */
		return (lines->rest.len == 0 ||
			   lines_add(lines, str_text(&lines->rest),
			       lines->rest.len)) &&
		    lines_flush(lines);
	}
	return true;
}

int
lines_put(struct put *put, struct err *err)
{
	struct lines lines = { .put = put, .err = err };
	bool ok;
	size_t i;

	put->is_told_to_stop = lines_is_told;
	progress_begin(&lines.progress, put->shelf->cli->quiet);
	lines_watch(&lines);
	ok = lines_read(&lines);
	progress_clear(&lines.progress);
	for (i = 0; i < lines.n; i++)
		store_op_free(lines.op[i]);
	str_release(&lines.rest);
	if (told == 0)
		return ok ? 0 : CMD_FAILED;
	err_set(err, ERR_SYSTEM, "interrupted: %lld lines went in",
	    (long long)lines.in);
	return 128 + (int)told;
}
