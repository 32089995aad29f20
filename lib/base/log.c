#include "lib/base/log.h"

#include <ev.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/outlet.h"
#include "lib/base/str.h"

static void log_tell_dropped(struct outlet *outlet, unsigned long long n);

static struct {
	bool is_ready, has_colour;
	enum log_level level;
	enum log_format format;
	time_t second; /* whose text this is */
	char text[32];
} log_state = { .level = LOG_INFO, .second = (time_t)-1 };

static struct outlet log_err = { .fd = STDERR_FILENO,
	.tell = log_tell_dropped };
static struct outlet log_out = { .fd = STDOUT_FILENO };

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

	if (log_state.is_ready)
		return;
	log_state.is_ready = true;
	outlet_ready(&log_err);
	log_state.has_colour = log_err.is_terminal &&
	    (no_color == NULL || no_color[0] == '\0');
}

/* A line for somebody who watches: the job first, and no more than needed. */
static bool
log_is_human(void)
{
	return log_err.is_terminal && log_state.format == LOG_LOGFMT;
}

/* Whose it is has been said; the id of a run that went well is for machines. */
static bool
log_is_left_out(struct log_source source, enum log_level level, const char *key)
{
	return (source.key != NULL && strcmp(key, source.key) == 0) ||
	    (strcmp(key, "run") == 0 && level >= LOG_INFO && log_is_human());
}

void
log_setup(enum log_level level, enum log_format format)
{
	log_state.level = level;
	log_state.format = format;
	log_state.second = (time_t)-1;
	log_ready();
}

/* Worked out once a second: there may be thousands of lines in one. */
static const char *
log_second(time_t s)
{
	struct tm tm;

	if (s == log_state.second)
		return log_state.text;
	log_state.second = s;
	if (log_is_human()) {
		localtime_r(&s, &tm);
		strftime(
		    log_state.text, sizeof log_state.text, "%H:%M:%S", &tm);
	} else {
		gmtime_r(&s, &tm);
		strftime(log_state.text, sizeof log_state.text,
		    "%Y-%m-%dT%H:%M:%S", &tm);
	}
	return log_state.text;
}

static void
log_time(struct str *line)
{
	int64_t now = clock_now_ms();
	int ms = (int)(now % 1000);

	str_add(line, log_second((time_t)(now / 1000)));
	str_push(line, '.');
	str_push(line, (char)('0' + ms / 100));
	str_push(line, (char)('0' + ms / 10 % 10));
	str_push(line, (char)('0' + ms % 10));
	if (!log_is_human())
		str_push(line, 'Z');
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
	bool is_json = log_state.format == LOG_JSON;

	if (line->len > (is_json ? 1 : 0))
		str_push(line, is_json ? ',' : ' ');
	if (is_json)
		str_push(line, '"');
	str_add(line, key);
	str_add(line, is_json ? "\":" : "=");
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
log_begin_human(struct str *line, enum log_level level, const char *whose,
    const char *msg, size_t n)
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
	if (whose != NULL)
		str_addf(line, "%s: ", whose);
	str_add_visible(line, msg, n, false);
	if (has_colour)
		str_add(line, "\033[0m");
}

static void
log_begin(struct str *line, enum log_level level, struct log_source source,
    const char *msg, size_t n)
{
	struct str time = { 0 };

	if (log_is_human()) {
		log_begin_human(line, level, source.name, msg, n);
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
	if (source.name != NULL)
		log_pair(line, source.key, source.name, strlen(source.name));
}

/* Whose event it is: its "job", else its "handler", else nobody's. */
static struct log_source
log_source_of(va_list ap)
{
	struct log_source source = { 0 };
	const char *key, *value;

	while ((key = va_arg(ap, const char *)) != NULL) {
		value = va_arg(ap, const char *);
		if (strcmp(key, "job") == 0)
			return (struct log_source){ key, value };
		if (strcmp(key, "handler") == 0)
			source = (struct log_source){ key, value };
	}
	return source;
}

static void
log_end(struct str *line)
{
	if (log_state.format == LOG_JSON)
		str_push(line, '}');
	str_push(line, '\n');
}

/* Say how many lines were dropped, now that there is room. */
static void
log_tell_dropped(struct outlet *outlet, unsigned long long n)
{
	char number[24];
	struct str line = { 0 };

	snprintf(number, sizeof number, "%llu", n);
	log_begin(&line, LOG_WARN, (struct log_source){ 0 },
	    "log lines dropped", strlen("log lines dropped"));
	log_pair(&line, "count", number, strlen(number));
	log_end(&line);
	outlet_add(outlet, line.s, line.len);
	str_release(&line);
}

static void
log_put(const struct str *line)
{
	outlet_put(&log_err, line->s, line->len);
}

void
log_attach(struct ev_loop *loop)
{
	log_ready();
	outlet_attach(&log_err, loop);
	outlet_attach(&log_out, loop);
}

void
log_detach(void)
{
	outlet_detach(&log_err);
	outlet_detach(&log_out);
}

void
log_event(enum log_level level, const char *msg, ...)
{
	struct str line = { 0 };
	struct log_source source;
	const char *key, *value;
	va_list ap;

	if (level > log_state.level)
		return;
	log_ready();
	va_start(ap, msg);
	source = log_source_of(ap);
	va_end(ap);
	log_begin(&line, level, source, msg, strlen(msg));
	va_start(ap, msg);
	while ((key = va_arg(ap, const char *)) != NULL) {
		value = va_arg(ap, const char *);
		if (value != NULL && !log_is_left_out(source, level, key))
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
log_output_line(struct log_source source, const char *run, int stream,
    const char *data, size_t n)
{
	struct str line = { 0 };
	const char *name = stream == STDERR_FILENO ? "stderr"
	    : stream == STDOUT_FILENO              ? "stdout"
						   : NULL;

	log_begin(&line, LOG_INFO, source, data, n);
	if (run != NULL && !log_is_human())
		log_pair(&line, "run", run, strlen(run));
	if (name != NULL && (stream == STDERR_FILENO || !log_is_human()))
		log_pair(&line, "stream", name, strlen(name));
	log_end(&line);
	log_put(&line);
	str_release(&line);
}

void
log_output(struct log_source source, const char *run, int stream,
    const char *data, size_t n)
{
	const char *end;
	size_t len;

	if (log_state.level < LOG_INFO)
		return;
	log_ready();
	while (n > 0) {
		end = memchr(data, '\n', n);
		len = end != NULL ? (size_t)(end - data) : n;
		log_output_line(source, run, stream, data, len);
		if (end != NULL)
			len++;
		data += len;
		n -= len;
	}
}

void
log_pass(const char *data, size_t n)
{
	outlet_put(&log_out, data, n);
}

unsigned long long
log_dropped(void)
{
	return log_err.dropped;
}
