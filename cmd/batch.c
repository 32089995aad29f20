#include "cmd/batch.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cmd/filter.h"
#include "cmd/task.h"
#include "lib/base/mem.h"

#define BATCH_SHOW_MS 250
/* Descriptors of a command while it runs, and those of ours. */
#define BATCH_FDS_EACH 6
#define BATCH_FDS_OURS 300

static const int passed_on[BATCH_SIGNALS] = { SIGINT, SIGTERM, SIGHUP,
	SIGQUIT };

/* Events */

static void
batch_on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
	(void)revents;
	ev_io_stop(loop, io);
	batch_go(io->data);
}

/* Nobody reads us, or the disk is full: it is as if all had been told so. */
static void
batch_see_output(struct batch *batch)
{
	struct task *task;
	int fd, sys = printer_error(&batch->printer, &fd);

	if (sys == 0 || batch->is_broken)
		return;
	batch->is_broken = true;
	batch_stop(batch, false);
	if (sys != EPIPE && sys != ECANCELED)
		err_sys(batch->err, sys, "cannot write to standard %s",
		    fd == 1 ? "output" : "error");
	for (task = batch->running.first; task != NULL; task = task->next)
		proc_shut(&task->proc, fd);
}

static void
batch_on_room(void *data)
{
	batch_see_output(data);
	batch_go(data);
}

static void
batch_on_before(void *data)
{
	struct batch *batch = data;

	progress_clear(&batch->progress);
}

/* How many there are in all, once that can be known. */
static int64_t
batch_total(const struct batch *batch)
{
	if (batch->total >= 0 || !batch->has_ended)
		return batch->total;
	return batch->done + batch->running.len + batch->waiting.len +
	    batch->ready.len;
}

static void
batch_on_show(struct clock_timer *timer)
{
	struct batch *batch = timer->data;
	struct progress_count count = { .done = batch->done,
		.failed = batch->failed,
		.running = batch->running.len,
		.total = batch_total(batch) };

	if (!mux_is_busy(&batch->printer.out[0]) &&
	    !mux_is_busy(&batch->printer.out[1]) &&
	    !printer_is_mid(&batch->printer))
		progress_show(&batch->progress, &count);
	clock_set_in(batch->clock, timer, BATCH_SHOW_MS);
}

static void
batch_on_deadline(struct clock_timer *timer)
{
	struct batch *batch = timer->data;

	batch->is_late = true;
	batch_stop(batch, true);
	batch_go(batch);
}

/* The second one makes an end, whatever the commands make of the first. */
static void
batch_on_signal(struct ev_loop *loop, ev_signal *w, int revents)
{
	struct batch *batch = w->data;
	bool is_first = batch->interrupted == 0;
	struct task *task;

	(void)loop;
	(void)revents;
	if (is_first)
		batch->interrupted = w->signum;
	else
		printer_cut(&batch->printer);
	batch->is_stopping = true;
	batch_drop_waiting(batch);
	for (task = batch->running.first; task != NULL; task = task->next) {
		if (is_first)
			proc_signal(&task->proc, w->signum);
		else
			proc_stop(&task->proc, PROC_CANCELLED, true);
	}
	batch_go(batch);
}

static void
batch_watch_signals(struct batch *batch)
{
	struct sigaction old;
	size_t i;

	for (i = 0; i < ARRAY_LEN(passed_on); i++) {
		/* what we were told to ignore (nohup) stays ignored */
		if (sigaction(passed_on[i], NULL, &old) == 0 &&
		    old.sa_handler == SIG_IGN)
			continue;
		ev_signal_init(
		    &batch->signal[i], batch_on_signal, passed_on[i]);
		batch->signal[i].data = batch;
		ev_signal_start(batch->loop, &batch->signal[i]);
	}
}

/* All of it */

/* Our own environment, and what tells the commands apart. */
static void
batch_make_env(struct batch *batch)
{
	static const char *const ours[] = {
		"WJOBS_RUN_ID=", "WJOBS_LINE=", "WJOBS_ATTEMPT="
	};
	size_t n = 0, i, k;

	while (environ[n] != NULL)
		n++;
	batch->envp = mem_zalloc(n + ARRAY_LEN(ours) + 1, sizeof(char *));
	memcpy(batch->run_id, ours[0], strlen(ours[0]));
	for (i = k = 0; i < n; i++)
		if (!str_starts(environ[i], ours[0]) &&
		    !str_starts(environ[i], ours[1]) &&
		    !str_starts(environ[i], ours[2]))
			batch->envp[k++] = environ[i];
	batch->envp[k++] = batch->run_id;
	batch->envp[k++] = batch->line;
	batch->envp[k] = batch->attempt;
}

static void
batch_prepare(struct batch *batch)
{
	const struct batch_options *options = batch->options;

	batch->job = (struct job){
		.timeout_ms = options->timeout_ms,
		.retry = { .max = (int)options->retries,
		    .delay_ms = 1000,
		    .max_delay_ms = INT64_C(60) * 60 * 1000,
		    .backoff = 2,
		    .on = JOB_RETRY_ANY },
		.success = { .bit = { 1 } },
	};
	batch_make_env(batch);
	batch->command = (struct proc_command){
		.envp = batch->envp,
		.path_env = getenv("PATH"),
		.timeout_ms = options->timeout_ms,
		.kill_after_ms = options->kill_after_ms,
		.stop_signal = SIGTERM,
	};
	printer_prepare(&batch->printer, &batch->command);
}

/* Too many at a time would fail one by one, for want of pipes. */
static bool
batch_check_width(const struct batch_options *options, struct err *err)
{
	struct rlimit limit;
	int64_t most;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
	    limit.rlim_cur == RLIM_INFINITY)
		return true;
	most = ((int64_t)limit.rlim_cur - BATCH_FDS_OURS) / BATCH_FDS_EACH;
	if (options->width <= most || options->width <= 16)
		return true;
	return err_set(err, ERR_USAGE,
	    "-j: %lld commands at a time need more than the %lld open files "
	    "that are allowed (ulimit -n)",
	    (long long)options->width, (long long)limit.rlim_cur);
}

static bool
batch_open(struct batch *batch)
{
	const struct batch_options *options = batch->options;

	if (!batch_check_width(options, batch->err) ||
	    !feed_open(&batch->feed, options->path, batch->err))
		return false;
	batch->loop = ev_loop_new(EVFLAG_AUTO);
	if (batch->loop == NULL)
		return err_set(
		    batch->err, ERR_SYSTEM, "cannot make an event loop");
	batch->clock = clock_open(batch->loop);
	batch->host = proc_host_open(batch->loop, batch->clock);
	batch->printer.room = batch_on_room;
	batch->printer.before = batch_on_before;
	batch->printer.data = batch;
	printer_open(&batch->printer, batch->loop, options->is_ordered);
	batch_prepare(batch);
	ev_io_init(
	    &batch->readable, batch_on_readable, batch->feed.fd, EV_READ);
	batch->readable.data = batch;
	batch_watch_signals(batch);
	return true;
}

static void
batch_begin(struct batch *batch)
{
	const struct batch_options *options = batch->options;

	batch->deadline.fire = batch_on_deadline;
	batch->deadline.data = batch;
	if (options->deadline_ms >= 0)
		clock_set_in(
		    batch->clock, &batch->deadline, options->deadline_ms);
	progress_begin(&batch->progress, batch->cli->quiet);
	batch->total = -1;
	if (!batch->progress.is_on)
		return;
	batch->total = feed_count(&batch->feed);
	batch->show.fire = batch_on_show;
	batch->show.data = batch;
	clock_set_in(batch->clock, &batch->show, BATCH_SHOW_MS);
}

static void
batch_close(struct batch *batch)
{
	size_t i;

	feed_close(&batch->feed);
	if (batch->loop == NULL)
		return;
	ev_io_stop(batch->loop, &batch->readable);
	for (i = 0; i < ARRAY_LEN(passed_on); i++)
		ev_signal_stop(batch->loop, &batch->signal[i]);
	clock_stop(&batch->show);
	clock_stop(&batch->deadline);
	printer_close(&batch->printer);
	proc_host_close(batch->host);
	clock_close(batch->clock);
	ev_loop_destroy(batch->loop);
	free(batch->envp);
}

static void
batch_add_line(struct batch *batch, const char *text, int64_t n)
{
	struct err err;

	err_set(&err, ERR_SYSTEM, text, (long long)n);
	errlist_add(&batch->cli->errors, &err);
}

/* How it ended; the list of what failed gets its last lines. */
static int
batch_status(struct batch *batch)
{
	struct errlist *errors = &batch->cli->errors;
	struct err *err = batch->err;

	if (batch->failed > BATCH_FAILURES)
		batch_add_line(batch, "and %lld more failed",
		    batch->failed - BATCH_FAILURES);
	if (batch->is_late)
		batch_add_line(batch,
		    "the deadline has passed; commands that ended: %lld; the "
		    "rest was stopped, or not begun",
		    batch->done);
	else if (batch->failed > 0 && batch->is_stopping &&
	    batch->interrupted == 0 && !batch->is_broken)
		batch_add_line(batch,
		    "halted by the first failure; commands that ended: %lld",
		    batch->done);
	if (err->code != ERR_NONE) { /* main prints the list in its stead */
		if (errors->len > 0)
			errlist_add(errors, err);
		return FILTER_FAILED;
	}
	if (errors->len > 0)
		*err = errors->item[0];
	if (batch->interrupted != 0)
		return FILTER_SIGNAL_BASE + batch->interrupted;
	if (batch->is_broken)
		return FILTER_SIGNAL_BASE + SIGPIPE;
	return errors->len > 0 ? 1 : 0;
}

int
batch_run(struct cli *cli, const struct batch_options *options, struct err *err)
{
	struct batch batch = { .cli = cli, .options = options, .err = err };
	int status = CMD_FAILED;

	batch.feed.fd = -1;
	if (batch_open(&batch)) {
		batch_begin(&batch);
		batch_go(&batch);
		if (!batch.is_over)
			ev_run(batch.loop, 0);
		progress_clear(&batch.progress);
		status = batch_status(&batch);
		if (status != 0)
			printer_begin_line(&batch.printer);
	}
	batch_close(&batch);
	return status;
}
