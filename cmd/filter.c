#include "cmd/filter.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ev.h>

#include "cmd/filter_store.h"
#include "cmd/hold.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/engine/notify.h"
#include "lib/engine/run.h"

static const int passed_on[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

/* One process' worth of what a filter needs. */
struct filtering {
	struct cli *cli;
	const struct filter *filter;
	struct ev_loop *loop;
	struct engine engine;
	struct pool pool;
	struct filter_store store;
	struct hold hold;
	char *worker;
	ev_signal signal[ARRAY_LEN(passed_on)];
	struct run *run;           /* the one under way */
	int interrupted;           /* the signal that ends it all, or 0 */
	bool is_telling, has_told; /* it waits for hooks; they have ended */
	int status;
	struct err *err;
};

/* How it ended, as a status and as a line. */

int
filter_spawn_status(int sys)
{
	switch (sys) {
	case ENOENT:
	case ENOTDIR:
		return FILTER_NOT_FOUND;
	case EACCES:
	case ENOEXEC:
	case EISDIR:
	case E2BIG:
		return FILTER_NOT_EXECUTABLE;
	default:
		return FILTER_FAILED;
	}
}

static int
filter_status(const struct job *job, const struct run *run)
{
	const struct record *record = run_record(run);

	if (record->status == RECORD_COMPLETED)
		return 0;
	if (record->status == RECORD_SKIPPED)
		return record->reason == RECORD_STORE ? FILTER_NO_STORE : 75;
	switch (record->reason) {
	case RECORD_TIMEOUT:
		return FILTER_TIMED_OUT;
	case RECORD_SPAWN:
		return filter_spawn_status(run_exec_errno(run));
	case RECORD_OUTPUT:
		return 1;
	default:
		break;
	}
	if (record->signal != 0)
		return FILTER_SIGNAL_BASE + record->signal;
	/* a status of 0 that is not among success_codes is a failure still */
	if (record->exit_code == 0 && !job_code_is_in(&job->success, 0))
		return 1;
	return record->exit_code >= 0 ? record->exit_code : FILTER_FAILED;
}

/* A line of our own, where the command could not speak for itself. */
static void
filter_explain(struct filtering *filtering, const struct job *job,
    const struct record *record)
{
	switch (record->reason) {
	case RECORD_EXIT:
	case RECORD_NO_REASON:
		return;
	case RECORD_LATE: /* no room in the queue, if it did not run */
		if (record->status == RECORD_SKIPPED)
			err_set(filtering->err, ERR_BUSY, "%s: %s", job->name,
			    record->error);
		return;
	case RECORD_STORE:
		err_set(filtering->err, ERR_UNREACHABLE, "%s: %s", job->name,
		    record->error);
		return;
	case RECORD_OVERLAP:
	case RECORD_LOCK:
		err_set(filtering->err, ERR_BUSY, "%s: %s", job->name,
		    record->error);
		return;
	default:
		if (filtering->interrupted == 0 && record->error != NULL)
			err_set(filtering->err, ERR_SYSTEM, "%s: %s", job->name,
			    record->error);
	}
}

static void
filter_on_run(struct run *run)
{
	struct filtering *filtering = run->owner;

	if (run->state == RUN_ENDED)
		ev_break(filtering->loop, EVBREAK_ALL);
}

/* Signals */

static void
filter_on_told(void *data)
{
	struct filtering *filtering = data;

	filtering->has_told = true;
	ev_break(filtering->loop, EVBREAK_ALL);
}

static void
filter_on_signal(struct ev_loop *loop, ev_signal *w, int revents)
{
	struct filtering *filtering = w->data;
	struct run *run = filtering->run;

	(void)loop;
	(void)revents;
	if (filtering->is_telling) {
		notify_stop(
		    filtering->engine.notify, true, filter_on_told, filtering);
		return;
	}
	filtering->interrupted = w->signum;
	filtering->engine.is_last_attempt = true;
	if (run == NULL)
		return;
	if (run->state == RUN_RUNNING)
		run_signal(run, w->signum);
	else
		run_stop(run, PROC_CANCELLED, false);
}

static void
filter_watch_signals(struct filtering *filtering)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(passed_on); i++) {
		struct sigaction old;

		/* what we were told to ignore (nohup) stays ignored */
		if (sigaction(passed_on[i], NULL, &old) == 0 &&
		    old.sa_handler == SIG_IGN)
			continue;
		ev_signal_init(
		    &filtering->signal[i], filter_on_signal, passed_on[i]);
		filtering->signal[i].data = filtering;
		ev_signal_start(filtering->loop, &filtering->signal[i]);
	}
}

/* The store */

/* As a scheduler does with what it claimed. */
static void
filter_on_lease_lost(void *data, bool now)
{
	struct filtering *filtering = data;
	struct run *run = filtering->run;

	if (run != NULL && run_is_leased(run) &&
	    run->job->on_lease_loss == JOB_LEASE_KILL)
		run_stop(run, PROC_LOST_LEASE, now);
}

static void
filter_open_store(struct filtering *filtering)
{
	filtering->store = (struct filter_store){
		.filter = filtering->filter,
		.cli = filtering->cli,
		.loop = filtering->loop,
		.engine = &filtering->engine,
		.lease_lost = filter_on_lease_lost,
		.data = filtering,
	};
	filter_store_open(&filtering->store);
}

/* Nothing may go on that another may do as well from now on. */
static void
filter_on_lock_lost(void *data, const struct err *err, bool now)
{
	struct filtering *filtering = data;

	if (err != NULL)
		*filtering->err = *err;
	if (filtering->interrupted == 0)
		filtering->interrupted = SIGTERM;
	filtering->engine.is_last_attempt = true;
	if (filtering->run != NULL)
		run_stop(filtering->run, PROC_CANCELLED, now);
}

static bool
filter_hold(struct filtering *filtering)
{
	if (filtering->filter->lock == NULL)
		return true;
	filtering->hold = (struct hold){
		.acquire = filtering->filter->lock,
		.loop = filtering->loop,
		.engine = &filtering->engine,
		.lost = filter_on_lock_lost,
		.data = filtering,
	};
	return hold_start(&filtering->hold, filtering->err);
}

static bool
filter_open(struct filtering *filtering)
{
	struct engine *engine = &filtering->engine;
	const struct filter *filter = filtering->filter;

	filtering->loop = ev_loop_new(EVFLAG_AUTO);
	if (filtering->loop == NULL)
		return err_set(
		    filtering->err, ERR_SYSTEM, "cannot make an event loop");
	filtering->worker = engine_worker(filter->worker_id);
	log_setup(filtering->cli->verbose ? LOG_DEBUG : LOG_ERROR, LOG_LOGFMT);
	pool_init(&filtering->pool, 1);
	engine->clock = clock_open(filtering->loop);
	engine->host = proc_host_open(filtering->loop, engine->clock);
	engine->pool = &filtering->pool;
	engine->jobfile = filter->file != NULL ? filter->file->path : NULL;
	engine->worker = filtering->worker;
	engine->kind = filter->kind;
	engine->is_filter = true;
	engine->own_input = filter->own_input;
	engine_init(engine);
	if (filter->file != NULL)
		engine_hide(engine, filter->file->hidden);
	engine->notify = notify_new(engine);
	if (!filter_hold(filtering))
		return false;
	filter_open_store(filtering);
	filter_watch_signals(filtering);
	return true;
}

static void
filter_close(struct filtering *filtering)
{
	bool is_free;
	size_t i;

	if (filtering->loop == NULL)
		return;
	for (i = 0; i < ARRAY_LEN(passed_on); i++)
		ev_signal_stop(filtering->loop, &filtering->signal[i]);
	hold_stop(&filtering->hold);
	is_free = filter_store_close(&filtering->store);
	notify_free(filtering->engine.notify);
	proc_host_close(filtering->engine.host);
	pool_release(&filtering->pool);
	engine_release(&filtering->engine);
	if (!is_free) /* its thread has the rest, until the process ends */
		return;
	clock_close(filtering->engine.clock);
	ev_loop_destroy(filtering->loop);
	free(filtering->worker);
}

/* Run one job to its end. Returns its status. */
static int
filter_run_one(struct filtering *filtering, const struct job *job)
{
	struct run *run;
	int status;

	if (!filter_store_admits(&filtering->store, job, filtering->err))
		return FILTER_UNREACHABLE;
	run = run_new(&filtering->engine, job, CLOCK_NONE, RECORD_MANUAL);
	run->changed = filter_on_run;
	run->owner = filtering;
	filtering->run = run;
	run_begin(run);
	if (run->state != RUN_ENDED)
		ev_run(filtering->loop, 0);
	status = filter_status(job, run);
	if (status != 0 && filtering->status == 0)
		filter_explain(filtering, job, run_record(run));
	filtering->run = NULL;
	run_free(run);
	return status;
}

/* What its hooks tell is told before it ends; a signal cuts that short. */
static void
filter_tell(struct filtering *filtering)
{
	filtering->is_telling = true;
	notify_stop(filtering->engine.notify, false, filter_on_told, filtering);
	while (!filtering->has_told)
		ev_run(filtering->loop, 0);
}

int
filter_run(struct cli *cli, const struct filter *filter,
    const struct job *const *jobs, size_t n, struct err *err)
{
	struct filtering filtering = {
		.cli = cli, .filter = filter, .err = err
	};
	size_t i;

	if (!filter_open(&filtering)) {
		filter_close(&filtering);
		return CMD_FAILED;
	}
	for (i = 0; i < n && filtering.interrupted == 0; i++) {
		int status = filter_run_one(&filtering, jobs[i]);

		if (filtering.status == 0)
			filtering.status = status;
	}
	if (filtering.status == 0 && i < n)
		filtering.status = FILTER_SIGNAL_BASE + filtering.interrupted;
	filter_tell(&filtering);
	filter_close(&filtering);
	return filtering.status;
}
