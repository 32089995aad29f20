#include "lib/process/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/mem.h"

/*
 * Pieces that one command may hand us in one turn of the loop; only one where
 * somebody looks at each, which may cost more than the reading.
 */
#define TURN_PIECES 4
/* Pieces read at the leader's end, before the loop gets its turn again. */
#define DRAIN_PIECES 32

static void on_readable(struct ev_loop *loop, ev_io *io, int revents);
static void on_tee_idle(struct sink *sink);
static void on_file_idle(struct sink *sink);

static bool
stream_open(struct capture_stream *stream, int *child_fd, struct err *err)
{
	int fd[2];

	if (pipe2(fd, O_CLOEXEC) != 0)
		return err_sys(err, errno, "cannot make a pipe");
	fcntl(fd[0], F_SETFL, O_RDONLY | O_NONBLOCK);
	stream->fd = fd[0];
	*child_fd = fd[1];
	ev_io_init(&stream->io, on_readable, fd[0], EV_READ);
	stream->io.data = stream;
	return true;
}

static void
stream_close(struct capture_stream *stream)
{
	if (stream->fd < 0)
		return;
	ev_io_stop(stream->capture->loop, &stream->io);
	close(stream->fd);
	stream->fd = -1;
}

/*
 * As `>>` would open it. A FIFO that nobody reads is an error rather than a
 * block.
 */
static bool
open_file(struct capture *capture, const char *path, struct err *err)
{
	int fd = open(path,
	    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
	    0666);

	if (fd < 0)
		return err_sys(err, errno, "cannot open '%s'", path);
	sink_init_own(&capture->file, capture->loop, fd);
	capture->file.idle = on_file_idle;
	capture->file.owner = capture;
	capture->has_file = true;
	return true;
}

static void
open_tee(struct capture *capture, int i)
{
	struct capture_stream *stream = &capture->stream[i];

	sink_init_shared(&stream->tee, capture->loop, i + 1);
	stream->tee.idle = on_tee_idle;
	stream->tee.owner = stream;
	stream->is_teed = true;
}

/*
 * Where our own 1 and 2 are one and the same, as on a terminal, one pipe keeps
 * the true order and loses nothing.
 */
static bool
is_one_output(void)
{
	struct stat one, two;

	return fstat(1, &one) == 0 && fstat(2, &two) == 0 &&
	    one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

static bool
open_stream(struct capture *capture, const struct capture_options *options,
    int number, struct err *err)
{
	if (options->is_own[number]) {
		capture->child_fd[number] = number;
		return true;
	}
	if (!stream_open(
		&capture->stream[number - 1], &capture->child_fd[number], err))
		return false;
	capture->is_ours[number] = true;
	return true;
}

static bool
open_streams(struct capture *capture, const struct capture_options *options,
    struct err *err)
{
	bool is_split = options->is_split ||
	    (options->is_teed && !is_one_output());

	if (!open_stream(capture, options, 1, err))
		return false;
	if (!is_split)
		capture->child_fd[2] = capture->child_fd[1];
	else if (!open_stream(capture, options, 2, err))
		return false;
	if (options->is_teed) {
		open_tee(capture, 0);
		open_tee(capture, 1);
	}
	return true;
}

static void
close_child_ends(struct capture *capture)
{
	int i;

	for (i = 1; i < 3; i++) {
		if (capture->is_ours[i])
			close(capture->child_fd[i]);
		capture->is_ours[i] = false;
	}
}

static void
capture_reset(struct capture *capture)
{
	int i;

	for (i = 0; i < 2; i++) {
		capture->stream[i].capture = capture;
		capture->stream[i].fd = -1;
		capture->stream[i].number = i + 1;
	}
	for (i = 0; i < 3; i++)
		capture->child_fd[i] = -1;
}

bool
capture_open(struct capture *capture, const struct capture_options *options,
    struct err *err)
{
	capture_reset(capture);
	keep_init(&capture->keep, options->has_pipe ? options->limit : 0);
	if (options->is_passed) {
		capture->child_fd[1] = 1;
		capture->child_fd[2] = 2;
	}
	if (!options->has_pipe)
		return true;
	if ((options->file != NULL &&
		!open_file(capture, options->file, err)) ||
	    !open_streams(capture, options, err)) {
		capture_close(capture);
		return false;
	}
	capture->live_path = mem_strdup(options->live_path);
	return true;
}

static void
add_live(void *data, const char *s, size_t n)
{
	live_add(data, s, n);
}

static void
add_nothing(void *data, const char *s, size_t n)
{
	(void)data;
	(void)s;
	(void)n;
}

/* Without the file the output is still kept; only `logs -F` shows nothing. */
static void
on_live(struct clock_timer *timer)
{
	struct capture *capture = timer->data;
	uint64_t from = keep_last(&capture->keep, add_nothing, NULL);
	struct err err;

	if (live_create(&capture->live, capture->live_path, capture->keep.limit,
		from, &err))
		keep_last(&capture->keep, add_live, &capture->live);
	else
		capture->err = err;
}

void
capture_begin(struct capture *capture)
{
	int i;

	close_child_ends(capture);
	for (i = 0; i < 2; i++)
		if (capture->stream[i].fd >= 0)
			ev_io_start(capture->loop, &capture->stream[i].io);
	if (capture->live_path == NULL)
		return;
	capture->live_timer.fire = on_live;
	capture->live_timer.data = capture;
	clock_set_in(capture->clock, &capture->live_timer, CAPTURE_LIVE_MS);
}

static bool
stream_is_blocked(const struct capture_stream *stream)
{
	const struct capture *capture = stream->capture;

	return stream->is_paused ||
	    (stream->is_teed && sink_is_busy(&stream->tee)) ||
	    (capture->has_file && sink_is_busy(&capture->file));
}

/*
 * Nobody reads our own output any more: nor do we, so that the command gets
 * the SIGPIPE that it would have got without us.
 */
static void
stream_check_tee(struct capture_stream *stream)
{
	if (!stream->is_teed || stream->tee.sys == 0)
		return;
	if (stream->tee.sys != EPIPE)
		err_sys(&stream->capture->err, stream->tee.sys,
		    "cannot write to standard %s",
		    stream->number == 1 ? "output" : "error");
	stream->is_teed = false;
	stream_close(stream);
}

/* The file is lost, say by a full disk; the job is not to suffer from it. */
static void
capture_check_file(struct capture *capture)
{
	if (!capture->has_file || capture->file.sys == 0)
		return;
	err_sys(&capture->err, capture->file.sys,
	    "cannot write to the output file");
	capture->has_file = false;
}

static void
stream_take(struct capture_stream *stream, const char *data, size_t n)
{
	struct capture *capture = stream->capture;

	stream->bytes += n;
	keep_add(&capture->keep, data, n);
	live_add(&capture->live, data, n);
	if (capture->output != NULL)
		capture->output(capture, stream->number, data, n);
	if (capture->has_file) {
		sink_write(&capture->file, data, n, false);
		capture_check_file(capture);
	}
	if (stream->is_teed) {
		sink_write(&stream->tee, data, n, false);
		stream_check_tee(stream);
	}
}

static void
stream_read(struct capture_stream *stream, int pieces)
{
	struct capture *capture = stream->capture;
	ssize_t n;

	while (stream->fd >= 0 && pieces-- > 0 && !stream_is_blocked(stream)) {
		n = read(stream->fd, capture->chunk, CAPTURE_CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n > 0)
			stream_take(stream, capture->chunk, (size_t)n);
		else
			stream_close(stream);
	}
	if (stream->fd >= 0 && stream_is_blocked(stream))
		ev_io_stop(capture->loop, &stream->io);
}

static void
capture_tell(struct capture *capture)
{
	if (capture_is_drained(capture))
		capture->drained(capture);
}

static void
on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
	struct capture_stream *stream = io->data;

	(void)loop;
	(void)revents;
	stream_read(stream, stream->capture->output != NULL ? 1 : TURN_PIECES);
	if (stream->fd < 0)
		capture_tell(stream->capture);
}

static void
stream_resume(struct capture_stream *stream)
{
	if (stream->fd >= 0 && !stream_is_blocked(stream))
		ev_io_start(stream->capture->loop, &stream->io);
}

static void
on_tee_idle(struct sink *sink)
{
	struct capture_stream *stream = sink->owner;

	stream_check_tee(stream);
	stream_resume(stream);
	capture_tell(stream->capture);
}

static void
on_file_idle(struct sink *sink)
{
	struct capture *capture = sink->owner;

	capture_check_file(capture);
	stream_resume(&capture->stream[0]);
	stream_resume(&capture->stream[1]);
	capture_tell(capture);
}

void
capture_shut(struct capture *capture, int stream)
{
	stream_close(&capture->stream[stream - 1]);
}

bool
capture_drain(struct capture *capture)
{
	stream_read(&capture->stream[0], DRAIN_PIECES);
	stream_read(&capture->stream[1], DRAIN_PIECES);
	return capture_is_drained(capture);
}

static bool
stream_awaits_reader(const struct capture_stream *stream)
{
	return (stream->is_paused && stream->fd >= 0) ||
	    (stream->is_teed && sink_is_busy(&stream->tee));
}

bool
capture_is_blocked(const struct capture *capture)
{
	return stream_awaits_reader(&capture->stream[0]) ||
	    stream_awaits_reader(&capture->stream[1]);
}

void
capture_pause(struct capture *capture, int stream, bool is_paused)
{
	struct capture_stream *paused = &capture->stream[stream - 1];

	paused->is_paused = is_paused;
	if (!is_paused)
		stream_resume(paused);
	else if (paused->fd >= 0)
		ev_io_stop(capture->loop, &paused->io);
}

bool
capture_is_drained(const struct capture *capture)
{
	return capture->stream[0].fd < 0 && capture->stream[1].fd < 0 &&
	    !capture_is_blocked(capture) &&
	    !(capture->has_file && sink_is_busy(&capture->file));
}

void
capture_cut(struct capture *capture)
{
	int i;

	for (i = 0; i < 2; i++) {
		stream_close(&capture->stream[i]);
		if (capture->stream[i].is_teed)
			sink_release(&capture->stream[i].tee);
		capture->stream[i].is_teed = false;
	}
	if (capture->has_file)
		sink_release(&capture->file);
	capture->has_file = false;
	clock_stop(&capture->live_timer);
	live_end(&capture->live);
}

void
capture_close(struct capture *capture)
{
	capture_cut(capture);
	close_child_ends(capture);
	keep_release(&capture->keep);
	free(capture->live_path);
	capture->live_path = NULL;
}
