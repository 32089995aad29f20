#ifndef WJOBS_MUX_H
#define WJOBS_MUX_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/str.h"
#include "lib/process/sink.h"

/*
 * Many commands write to one descriptor of ours, a whole line at a time: no
 * line of one is ever within a line of another. A line that is longer than
 * MUX_LONG is passed on as it comes, and the others wait until it ends; so
 * is no more than that kept of each. Where a command ends in the midst of a
 * line, a newline is put behind it if anything follows.
 *
 * Never blocks: what its reader does not take waits here, and who has too much
 * waiting is told to pause.
 */
#define MUX_LONG (256 * 1024)
#define MUX_FULL (128 * 1024) /* so much waits, and all pause */

struct mux {
	struct sink sink;
	ev_timer soon;             /* some may go on */
	struct str going;          /* borrowed by the sink */
	struct str wait;           /* goes next */
	struct str later;          /* when the long line has ended */
	struct mux_source *owner;  /* whose long line that is; NULL: none */
	struct mux_source *paused; /* to be told when there is room */
	bool is_mid; /* what went last ended in the midst of a line */
	bool is_later_mid;
	int sys; /* the errno that ended it, 0 if none */
	/* Each may be NULL. Something is about to be written. */
	void (*before)(void *data);
	/* There is room again, or it has failed. From the loop. */
	void (*room)(void *data);
	void *data;
};

/* What one command writes to it. To be zeroed first. */
struct mux_source {
	struct mux *out;
	const char *tag; /* put before each line; borrowed; NULL: none */
	/* Told to pause, or to go on. May be called from within mux_add. */
	void (*pause)(struct mux_source *source, bool is_paused);
	void *data;
	/* Its own. */
	struct str part; /* a line that has not ended yet */
	bool is_paused;
	struct mux_source *next;
};

/* fd is one of our own; loop, the callbacks and data may be set after. */
void mux_init(struct mux *out, struct ev_loop *loop, int fd);
/* What still waits is dropped, as is all that comes; who paused may go on. */
void mux_cut(struct mux *out);
void mux_release(struct mux *out);
/* Something waits to be written. */
bool mux_is_busy(const struct mux *out);
/* So much that nobody should begin anything new. */
bool mux_is_full(const struct mux *out);

void mux_add(struct mux_source *source, const char *data, size_t n);
/* That was all of one command. It may be freed, or used for another one. */
void mux_end(struct mux_source *source);

#endif
