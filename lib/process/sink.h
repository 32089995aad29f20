#ifndef WJOBS_SINK_H
#define WJOBS_SINK_H

#include <stdbool.h>
#include <stddef.h>

#include <ev.h>

/*
 * Bytes on their way into a descriptor that somebody else reads at his own
 * pace: a command's standard input, our own standard output. Never blocks the
 * loop, and never makes a descriptor that is shared with others non-blocking:
 * there it asks poll(2) first and writes no more than fits for sure.
 */
enum sink_kind {
	SINK_OWN,    /* non-blocking, ours alone */
	SINK_SHARED, /* a pipe or socket, blocking for all that hold it */
	SINK_TTY,
	SINK_FILE, /* takes all at once: a regular file, /dev/null */
};

struct sink {
	struct ev_loop *loop;
	ev_io io;
	int fd; /* -1 when closed */
	enum sink_kind kind;
	bool is_mine;     /* to be closed */
	const char *data; /* what is yet to be written */
	size_t len;
	char *copy; /* the sink's own copy of it, if any */
	int sys;    /* the errno that ended it, 0 if none */
	/* All was written, or the sink failed; called from the loop only. */
	void (*idle)(struct sink *sink);
	void *owner;
};

/* Descriptor 1 or 2 of our own. */
void sink_init_shared(struct sink *sink, struct ev_loop *loop, int fd);
/* fd is the sink's from here; it is made non-blocking. */
void sink_init_own(struct sink *sink, struct ev_loop *loop, int fd);
/* Drops what is still to be written. */
void sink_release(struct sink *sink);
/*
 * Write what goes at once; the rest is copied (or borrowed until `idle`, with
 * is_borrowed) and written from the loop. Only for an idle sink.
 */
void
sink_write(struct sink *sink, const char *data, size_t n, bool is_borrowed);
bool sink_is_busy(const struct sink *sink);

#endif
