#ifndef WJOBS_CAPTURE_H
#define WJOBS_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/process/keep.h"
#include "lib/process/live.h"
#include "lib/process/sink.h"

/*
 * The output of one command: read as bytes from one pipe (two, where the
 * streams must be told apart), kept, counted, and passed on. Reads in big
 * pieces and leaves the loop to others after a few of them.
 */
#define CAPTURE_CHUNK   (64 * 1024)
#define CAPTURE_LIVE_MS 200 /* a run that lasts longer gets a live file */

struct capture_stream {
	struct capture *capture;
	ev_io io;
	int fd; /* -1: closed, or never there */
	int number;
	uint64_t bytes;
	struct sink tee; /* our own 1 or 2; is_teed says whether */
	bool is_teed;
	bool is_paused; /* by who takes the output */
};

struct capture {
	struct ev_loop *loop;
	struct clock *clock;
	struct capture_stream stream[2];
	int child_fd[3]; /* what the child gets as 1 and 2; -1: /dev/null */
	bool is_ours[3]; /* to be closed once it has them */
	struct keep keep;
	struct sink file;
	bool has_file;
	struct live live;
	struct clock_timer live_timer;
	char *live_path;
	char *chunk; /* borrowed: CAPTURE_CHUNK bytes that all captures share */
	struct err err; /* what went wrong on the way, if anything */
	/* May be NULL. Each piece as it comes. */
	void (*output)(
	    struct capture *capture, int stream, const char *data, size_t n);
	/* The last stream was closed and all was passed on. From the loop. */
	void (*drained)(struct capture *capture);
	void *owner;
};

struct capture_options {
	bool has_pipe;    /* else nothing is read */
	bool is_passed;   /* no pipe: our own 1 and 2; else /dev/null */
	bool is_teed;     /* passed whole to our own 1 and 2 as well */
	bool is_split;    /* two pipes */
	bool is_own[3];   /* with is_split: no pipe for 1, or 2, but our own */
	const char *file; /* appended to; NULL: none */
	const char *live_path;
	size_t limit;
};

/*
 * Open pipes and file; loop, clock, chunk, output, drained and owner are the
 * caller's to set before. On failure nothing is left open.
 */
bool capture_open(struct capture *capture,
    const struct capture_options *options, struct err *err) MUST_CHECK;
/* The child has its ends: close ours of them, and read. */
void capture_begin(struct capture *capture);
/* Read what is there now. True where that was all, as `drained` would say. */
bool capture_drain(struct capture *capture);
bool capture_is_drained(const struct capture *capture);
/* A reader of our own output is what everything waits for. */
bool capture_is_blocked(const struct capture *capture);
/* Read no more of a stream, 1 or 2, until told otherwise. */
void capture_pause(struct capture *capture, int stream, bool is_paused);
/* Nobody wants it any more: a command that writes there gets SIGPIPE. */
void capture_shut(struct capture *capture, int stream);
/* Read no more; what is kept stays. */
void capture_cut(struct capture *capture);
void capture_close(struct capture *capture);

#endif
