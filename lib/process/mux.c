#include "lib/process/mux.h"

#include <errno.h>
#include <string.h>

static void on_idle(struct sink *sink);
static void on_soon(struct ev_loop *loop, ev_timer *w, int revents);

void
mux_init(struct mux *out, struct ev_loop *loop, int fd)
{
	*out = (struct mux){ 0 };
	sink_init_shared(&out->sink, loop, fd);
	out->sink.idle = on_idle;
	out->sink.owner = out;
	ev_timer_init(&out->soon, on_soon, 0, 0);
	out->soon.data = out;
}

bool
mux_is_busy(const struct mux *out)
{
	return sink_is_busy(&out->sink) || out->wait.len > 0 ||
	    out->later.len > 0;
}

/* The owner alone can make room in `later`, by ending its line. */
static bool
is_full_for(const struct mux *out, const struct mux_source *source)
{
	if (out->sys != 0)
		return false;
	if (out->wait.len > MUX_FULL)
		return true;
	return out->owner != NULL && out->owner != source &&
	    (source->part.len > 0 || out->later.len > 0);
}

bool
mux_is_full(const struct mux *out)
{
	return out->sys == 0 && out->wait.len + out->later.len > MUX_FULL;
}

/* Pausing */

static void
source_pause(struct mux_source *source)
{
	struct mux *out = source->out;

	if (source->is_paused)
		return;
	source->is_paused = true;
	source->next = out->paused;
	out->paused = source;
	source->pause(source, true);
}

static void
source_unlink(struct mux_source *source)
{
	struct mux_source **at = &source->out->paused;

	if (!source->is_paused)
		return;
	while (*at != source)
		at = &(*at)->next;
	*at = source->next;
	source->is_paused = false;
}

/* All that may go on; only from the loop. */
static void
out_resume(struct mux *out)
{
	struct mux_source *source, *list = out->paused;

	out->paused = NULL;
	while ((source = list) != NULL) {
		list = source->next;
		if (is_full_for(out, source)) {
			source->next = out->paused;
			out->paused = source;
			continue;
		}
		source->is_paused = false;
		source->pause(source, false);
	}
	if (out->room != NULL)
		out->room(out->data);
}

static void
on_soon(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	out_resume(w->data);
}

/* Writing */

static void
out_fail(struct mux *out, int sys)
{
	out->sys = sys;
	out->owner = NULL;
	sink_release(&out->sink);
	out->sink.len = 0;
	str_release(&out->going);
	str_release(&out->wait);
	str_release(&out->later);
	ev_timer_start(out->sink.loop, &out->soon);
}

/* Hand what waits to the sink. */
static void
out_push(struct mux *out)
{
	struct str going = out->wait;

	if (out->sys != 0 || out->wait.len == 0 || sink_is_busy(&out->sink))
		return;
	if (out->before != NULL)
		out->before(out->data);
	out->wait = out->going;
	out->going = going;
	str_clear(&out->wait);
	sink_write(&out->sink, out->going.s, out->going.len, true);
	if (out->sink.sys != 0)
		out_fail(out, out->sink.sys);
}

static void
on_idle(struct sink *sink)
{
	struct mux *out = sink->owner;

	if (sink->sys != 0)
		out_fail(out, sink->sys);
	out_push(out);
	out_resume(out);
}

static void
add_to(struct str *str, bool *is_mid, const char *data, size_t n)
{
	if (n == 0)
		return;
	str_addn(str, data, n);
	*is_mid = data[n - 1] != '\n';
}

/* The beginning of a line is what comes next. */
static void
begin_line(struct str *str, bool *is_mid)
{
	if (*is_mid)
		str_push(str, '\n');
	*is_mid = false;
}

/* The one who has a long line under way has ended it. */
static void
out_disown(struct mux *out)
{
	out->owner = NULL;
	ev_timer_start(out->sink.loop, &out->soon);
	if (out->later.len == 0)
		return;
	begin_line(&out->wait, &out->is_mid);
	str_addn(&out->wait, out->later.s, out->later.len);
	out->is_mid = out->is_later_mid;
	out->is_later_mid = false;
	str_release(&out->later);
}

/*
 * Text that begins a line, or goes on with the one that is the owner's. It is
 * whole lines, unless it is a command's last, or the owner's.
 */
static void
out_put(struct mux_source *source, const char *data, size_t n, bool begins)
{
	struct mux *out = source->out;
	bool is_later = out->owner != NULL && out->owner != source;
	struct str *str = is_later ? &out->later : &out->wait;
	bool *is_mid = is_later ? &out->is_later_mid : &out->is_mid;

	if (out->sys != 0)
		return;
	if (begins) {
		begin_line(str, is_mid);
		if (source->tag != NULL)
			str_add(str, source->tag);
	}
	add_to(str, is_mid, data, n);
}

/* A line, with what came of it before. */
static void
put_line(struct mux_source *source, const char *data, size_t n)
{
	bool begins = source->out->owner != source;

	if (source->part.len > 0) {
		out_put(source, source->part.s, source->part.len, begins);
		str_clear(&source->part);
		begins = false;
	}
	out_put(source, data, n, begins);
}

/* Lines that are whole; without a tag they go as one. */
static void
put_whole(struct mux_source *source, const char *data, size_t n)
{
	const char *end = data + n, *line_end;

	while (data < end) {
		line_end = source->tag == NULL && source->out->owner != source
		    ? end
		    : (const char *)memchr(data, '\n', (size_t)(end - data)) +
			1;
		put_line(source, data, (size_t)(line_end - data));
		if (source->out->owner == source)
			out_disown(source->out);
		data = line_end;
	}
}

/*
 * The beginning of a line. Where that has become long it goes on its way, if no
 * other long one is.
 */
static void
add_part(struct mux_source *source, const char *data, size_t n)
{
	struct mux *out = source->out;

	if (out->owner == source) {
		out_put(source, data, n, false);
		return;
	}
	str_addn(&source->part, data, n);
	if (source->part.len <= MUX_LONG || out->owner != NULL)
		return;
	out_put(source, source->part.s, source->part.len, true);
	str_release(&source->part);
	out->owner = source;
}

void
mux_add(struct mux_source *source, const char *data, size_t n)
{
	struct mux *out = source->out;
	const char *last;
	size_t whole;

	if (out->sys != 0)
		return;
	last = memrchr(data, '\n', n);
	whole = last == NULL ? 0 : (size_t)(last + 1 - data);
	if (whole > 0)
		put_whole(source, data, whole);
	if (n > whole)
		add_part(source, data + whole, n - whole);
	out_push(out);
	if (is_full_for(out, source))
		source_pause(source);
}

void
mux_end(struct mux_source *source)
{
	struct mux *out = source->out;

	source_unlink(source);
	if (source->part.len > 0)
		put_line(source, "", 0);
	str_release(&source->part);
	if (out->owner == source)
		out_disown(out);
	out_push(out);
}

void
mux_cut(struct mux *out)
{
	if (out->sys == 0)
		out_fail(out, ECANCELED);
}

void
mux_release(struct mux *out)
{
	if (out->sink.loop != NULL)
		ev_timer_stop(out->sink.loop, &out->soon);
	sink_release(&out->sink);
	str_release(&out->going);
	str_release(&out->wait);
	str_release(&out->later);
}
