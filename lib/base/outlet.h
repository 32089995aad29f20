#ifndef WJOBS_OUTLET_H
#define WJOBS_OUTLET_H

#include <stdbool.h>
#include <stddef.h>

#include <ev.h>

#include "lib/base/str.h"

/*
 * A descriptor that is written to without ever waiting for its reader: what
 * does not go at once waits in a bounded buffer, what does not fit there is
 * dropped and counted. One for standard error (the log), one for standard
 * output (output passed through).
 *
 * With a loop, the pieces of one turn go together at its end. They go at once
 * where the reader has room: poll(2) says so, and a pipe
 * that polls writable takes PIPE_BUF bytes. A terminal promises less, so it is
 * opened anew, without blocking; O_NONBLOCK on the descriptor itself would be
 * felt by whoever shares it.
 */
#define OUTLET_BUFFER_MAX (1 << 20)

struct outlet {
	int fd;
	/* Room again after drops: say so by outlet_add. NULL: nobody does. */
	void (*tell)(struct outlet *outlet, unsigned long long dropped);
	/* The outlet's own. */
	bool is_ready, is_terminal, is_socket;
	struct str wait;
	size_t done;                 /* bytes of `wait` already written */
	unsigned long long dropped;  /* pieces, in all */
	unsigned long long unspoken; /* of these, not told yet */
	struct ev_loop *loop;
	ev_io io;
	ev_prepare turn;
};

/* Find out what the descriptor is; done by the others where it was not yet. */
void outlet_ready(struct outlet *outlet);
/* With a loop, what waits is written when the reader reads again. */
void outlet_attach(struct outlet *outlet, struct ev_loop *loop);
void outlet_detach(struct outlet *outlet); /* a last try, without blocking */
/* Write a piece, whole or not at all. */
void outlet_put(struct outlet *outlet, const char *piece, size_t n);
/* Only from `tell`: add to what goes next. */
void outlet_add(struct outlet *outlet, const char *piece, size_t n);

#endif
