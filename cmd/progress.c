#include "cmd/progress.h"

#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "lib/time/duration.h"

/*
 * A carriage return and blanks are all that is asked of the terminal, so that
 * the dumbest one shows it. The line is cut before the last column: there some
 * would begin another one.
 */
#define DRAW_MS     100
#define WIDTH_USUAL 80
/* No rate and no end are told of what has just begun. */
#define SETTLE_MS 500

void
progress_begin(struct progress *progress, bool is_quiet)
{
	*progress = (struct progress){ .began_ms = clock_boot_ms() };
	progress->is_on = !is_quiet && isatty(STDERR_FILENO);
}

/* Stopped by Ctrl-S, or ours no more: the work goes on without it. */
static bool
terminal_is_ready(void)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	return tcgetpgrp(STDERR_FILENO) == getpgrp() && poll(&p, 1, 0) == 1 &&
	    (p.revents & POLLOUT) != 0;
}

static size_t
terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return WIDTH_USUAL;
	return size.ws_col;
}

static void
terminal_write(const struct str *text)
{
	ssize_t n = write(STDERR_FILENO, str_text(text), text->len);

	(void)n; /* it is shown again soon */
}

static void
add_blanks(struct str *text, size_t n)
{
	while (n-- > 0)
		str_push(text, ' ');
}

static void
add_rate(struct str *line, const struct progress_count *count, int64_t spent_ms)
{
	double rate = (double)count->done * 1000 / (double)spent_ms;
	char span[DURATION_TEXT_SIZE];
	double left_ms;

	str_addf(line, rate < 10 ? ", %.1f/s" : ", %.0f/s", rate);
	if (count->total <= count->done)
		return;
	left_ms = (double)(count->total - count->done) / rate * 1000;
	if (left_ms > (double)DURATION_MAX_MS)
		return;
	/* whole seconds: the rest would only flicker */
	str_addf(line, ", %s left",
	    duration_human(((int64_t)left_ms / 1000 + 1) * 1000, span));
}

static void
add_count(struct str *line, const struct progress_count *count)
{
	str_addf(line, "%lld", (long long)count->done);
	if (count->total >= 0)
		str_addf(line, "/%lld", (long long)count->total);
	str_add(line, " done");
	if (count->running >= 0)
		str_addf(line, ", %lld running", (long long)count->running);
	if (count->failed > 0)
		str_addf(line, ", %lld failed", (long long)count->failed);
}

void
progress_show(struct progress *progress, const struct progress_count *count)
{
	struct str line = { 0 };
	int64_t now_ms;
	size_t width;

	if (!progress->is_on)
		return;
	now_ms = clock_boot_ms();
	if (now_ms - progress->drawn_ms < DRAW_MS || !terminal_is_ready())
		return;
	progress->drawn_ms = now_ms;
	str_push(&line, '\r');
	add_count(&line, count);
	if (count->done > 0 && now_ms - progress->began_ms >= SETTLE_MS)
		add_rate(&line, count, now_ms - progress->began_ms);
	width = terminal_width();
	if (line.len > width)
		line.len = width; /* with the \r, one column is left */
	width = line.len - 1;
	if (progress->width > width)
		add_blanks(&line, progress->width - width);
	progress->width = width;
	terminal_write(&line);
	str_release(&line);
}

void
progress_clear(struct progress *progress)
{
	struct str line = { 0 };

	if (progress->width == 0)
		return;
	str_push(&line, '\r');
	add_blanks(&line, progress->width);
	str_push(&line, '\r');
	progress->width = 0;
	terminal_write(&line);
	str_release(&line);
}
