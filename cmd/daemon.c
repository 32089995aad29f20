#include "cmd/daemon.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ev.h>

#include "cmd/stores.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/engine/notify.h"
#include "lib/engine/overdue.h"
#include "lib/engine/scheduler.h"
#include "lib/engine/worker.h"
#include "lib/store/owner.h"
#include "lib/store/wake.h"
#include "lib/time/stamp.h"

struct daemon {
	struct cli *cli;
	const struct daemon_options *options;
	struct ev_loop *loop;
	struct engine engine;
	struct pool pool;
	struct owner owner; /* of the jobfile */
	struct stores stores;
	struct scheduler *scheduler; /* NULL: it only works */
	struct worker *worker;       /* NULL: it only schedules */
	struct overdue *overdue;     /* NULL: nobody asked for it */
	struct wake *wake;           /* NULL: the worker polls */
	char *worker_id;
	ev_signal term, interrupt, hangup;
	ev_prepare
	    settle; /* slots are given at the end of a turn of the loop */
	int stops;  /* how often it was told to */
	int going;  /* of scheduler and worker, those that have not ended */
	bool is_stopped, killed_any;
};

/* Signals */

static void
daemon_on_told(void *data)
{
	struct daemon *daemon = data;

	daemon->is_stopped = true;
	ev_break(daemon->loop, EVBREAK_ALL);
}

/* Hooks are waited for once, and no longer than its user has patience. */
static void
daemon_on_stopped(void *data, bool killed_any)
{
	struct daemon *daemon = data;

	daemon->killed_any |= killed_any;
	if (--daemon->going > 0)
		return;
	notify_stop(
	    daemon->engine.notify, daemon->stops > 1, daemon_on_told, daemon);
}

static void
daemon_stop(struct daemon *daemon)
{
	/* either may end at once */
	bool was_going = daemon->going > 0;

	daemon->stops++;
	overdue_stop(daemon->overdue);
	if (!was_going)
		notify_stop(
		    daemon->engine.notify, true, daemon_on_told, daemon);
	if (was_going && daemon->scheduler != NULL)
		scheduler_stop(daemon->scheduler, daemon_on_stopped, daemon);
	if (was_going && daemon->worker != NULL)
		worker_stop(daemon->worker, daemon_on_stopped, daemon);
}

static void
daemon_on_stop(struct ev_loop *loop, ev_signal *w, int revents)
{
	struct daemon *daemon = w->data;
	size_t n = 0;
	char running[24];

	(void)loop;
	(void)revents;
	if (daemon->scheduler != NULL)
		n += scheduler_counts(daemon->scheduler).running;
	if (daemon->worker != NULL)
		n += worker_counts(daemon->worker).running;
	snprintf(running, sizeof running, "%zu", n);
	log_event(LOG_INFO, "stopping", "signal",
	    w->signum == SIGINT ? "INT" : "TERM", "running", running, NULL);
	daemon_stop(daemon);
}

static void
daemon_on_hangup(struct ev_loop *loop, ev_signal *w, int revents)
{
	(void)loop;
	(void)w;
	(void)revents;
	log_line(LOG_WARN,
	    "HUP does nothing: this version reads its jobfile at start only");
}

static void
daemon_watch(struct daemon *daemon, ev_signal *w,
    void (*call)(struct ev_loop *, ev_signal *, int), int signum)
{
	ev_signal_init(w, call, signum);
	w->data = daemon;
	ev_signal_start(daemon->loop, w);
}

/* Slots: jobs that are due together get them by priority. */

static void
daemon_on_turn(struct ev_loop *loop, ev_prepare *w, int revents)
{
	struct daemon *daemon = w->data;

	(void)revents;
	ev_prepare_stop(loop, w);
	pool_settle(&daemon->pool);
}

static void
daemon_settle_soon(void *data)
{
	struct daemon *daemon = data;

	ev_prepare_start(daemon->loop, &daemon->settle);
}

static void
daemon_open_pool(struct daemon *daemon, int size)
{
	pool_init(&daemon->pool, size);
	ev_prepare_init(&daemon->settle, daemon_on_turn);
	daemon->settle.data = daemon;
	daemon->pool.soon = daemon_settle_soon;
	daemon->pool.data = daemon;
}

/* Beginning and end */

static bool
daemon_open_stores(struct daemon *daemon, struct err *err)
{
	const struct store_place *place = &daemon->cli->place;

	daemon->stores.cli = daemon->cli;
	daemon->stores.loop = daemon->loop;
	daemon->stores.engine = &daemon->engine;
	daemon->stores.sign = &daemon->owner;
	daemon->stores.has_scheduler = daemon->options->schedules;
	return store_place_make(place, err) &&
	    (!daemon->options->schedules ||
		owner_take(place, &daemon->owner, err)) &&
	    stores_open(&daemon->stores, err);
}

static bool
daemon_open(struct daemon *daemon, struct err *err)
{
	const struct jobfile *file = &daemon->cli->jobfile;
	struct engine *engine = &daemon->engine;
	const char *worker_id = daemon->options->worker_id;

	daemon->loop = ev_loop_new(EVFLAG_AUTO);
	if (daemon->loop == NULL)
		return err_set(err, ERR_SYSTEM, "cannot make an event loop");
	log_attach(daemon->loop);
	daemon->worker_id = engine_worker(
	    worker_id != NULL ? worker_id : file->worker_id);
	daemon_open_pool(daemon, file->pool_size);
	engine->clock = clock_open(daemon->loop);
	engine->host = proc_host_open(daemon->loop, engine->clock);
	engine->pool = &daemon->pool;
	engine->jobfile = file->path;
	engine->worker = daemon->worker_id;
	daemon->owner.worker = daemon->worker_id;
	daemon->owner.since_ms = clock_wall_ms(engine->clock);
	engine_init(engine);
	engine_hide(engine, file->hidden);
	engine->notify = notify_new(engine);
	return daemon_open_stores(daemon, err);
}

/* Who puts work in for others rings; our own workers hear of it at once. */
static void
daemon_on_put(void *data)
{
	struct daemon *daemon = data;

	if (daemon->worker != NULL)
		worker_rang(daemon->worker);
	wake_ring(daemon->stores.work->place);
}

static void
daemon_on_rang(void *data)
{
	struct daemon *daemon = data;

	worker_rang(daemon->worker);
}

/* Without hints it still asks every few seconds. */
static void
daemon_listen(struct daemon *daemon)
{
	struct err err;

	daemon->wake = wake_open(daemon->loop, daemon->stores.work->place,
	    daemon_on_rang, daemon, &err);
	if (daemon->wake == NULL)
		log_event(LOG_WARN, "work is looked for every few seconds only",
		    "error", err.msg, NULL);
}

static void
daemon_begin(struct daemon *daemon)
{
	struct engine *engine = &daemon->engine;
	const struct jobfile *file = &daemon->cli->jobfile;

	engine->put = daemon_on_put;
	engine->put_data = daemon;
	if (daemon->options->schedules)
		daemon->scheduler = scheduler_new(engine, file);
	if (daemon->options->works)
		daemon->worker = worker_new(engine, file);
	daemon->overdue = overdue_new(
	    engine, file, daemon->options->schedules, daemon->options->works);
	daemon->going = (daemon->scheduler != NULL) + (daemon->worker != NULL);
}

/* A thread that hangs has them still, and ends with the process. */
static void
daemon_close_loop(struct daemon *daemon)
{
	if (stores_are_stuck(&daemon->stores))
		return;
	clock_close(daemon->engine.clock);
	log_detach();
	ev_loop_destroy(daemon->loop);
}

static void
daemon_close(struct daemon *daemon)
{
	if (daemon->loop == NULL)
		return;
	wake_close(daemon->wake);
	scheduler_free(daemon->scheduler);
	worker_free(daemon->worker);
	stores_close(&daemon->stores);
	overdue_free(daemon->overdue);
	notify_free(daemon->engine.notify);
	/* only now: an impatient TERM must not cost what is being written */
	ev_signal_stop(daemon->loop, &daemon->term);
	ev_signal_stop(daemon->loop, &daemon->interrupt);
	ev_signal_stop(daemon->loop, &daemon->hangup);
	proc_host_close(daemon->engine.host);
	pool_release(&daemon->pool);
	owner_give(&daemon->owner);
	engine_release(&daemon->engine);
	daemon_close_loop(daemon);
	free(daemon->worker_id);
}

static void
daemon_log_start(const struct daemon *daemon)
{
	const struct jobfile *file = &daemon->cli->jobfile;
	char jobs[24], pid[24], handlers[24], workers[24];

	snprintf(jobs, sizeof jobs, "%zu", file->n);
	snprintf(handlers, sizeof handlers, "%zu", file->handlers);
	snprintf(workers, sizeof workers, "%d", file->queue_workers);
	snprintf(pid, sizeof pid, "%ld", (long)getpid());
	log_event(LOG_INFO, "started", "jobfile", file->path, "jobs",
	    daemon->scheduler != NULL ? jobs : NULL, "handlers",
	    daemon->worker != NULL ? handlers : NULL, "workers",
	    daemon->worker != NULL ? workers : NULL, "store",
	    daemon->cli->place.shown, "worker", daemon->worker_id, "pid", pid,
	    NULL);
}

static void
daemon_log_next(const struct daemon *daemon)
{
	int64_t next_ms = scheduler_next_ms(daemon->scheduler);
	char next[STAMP_TEXT_SIZE];

	if (daemon->cli->jobfile.n == 0)
		return;
	if (next_ms == CLOCK_NEVER)
		log_line(LOG_WARN, "no job is ever due");
	else
		log_event(LOG_INFO, "waiting", "next",
		    stamp_rfc3339(next_ms, daemon->cli->jobfile.zone, next),
		    NULL);
}

static void
daemon_serve(struct daemon *daemon)
{
	daemon_watch(daemon, &daemon->term, daemon_on_stop, SIGTERM);
	daemon_watch(daemon, &daemon->interrupt, daemon_on_stop, SIGINT);
	daemon_watch(daemon, &daemon->hangup, daemon_on_hangup, SIGHUP);
	daemon_log_start(daemon);
	stores_begin(&daemon->stores, daemon->scheduler, daemon->worker);
	if (daemon->scheduler != NULL) {
		scheduler_start(
		    daemon->scheduler, &daemon->stores.first->found);
		daemon_log_next(daemon);
	}
	if (daemon->worker != NULL) {
		daemon_listen(daemon);
		worker_start(daemon->worker);
	}
	overdue_start(daemon->overdue);
	while (!daemon->is_stopped)
		ev_run(daemon->loop, 0);
	log_line(LOG_INFO, "stopped");
	ev_prepare_stop(daemon->loop, &daemon->settle);
}

int
daemon_run(
    struct cli *cli, const struct daemon_options *options, struct err *err)
{
	struct daemon daemon = {
		.cli = cli,
		.options = options,
		.owner = OWNER_NONE,
		.stores = {
		    .claims.owner = OWNER_NONE,
		    .history.owner = OWNER_NONE,
		    .queue.owner = OWNER_NONE,
		},
	};
	int status = CMD_FAILED;

	if (daemon_open(&daemon, err)) {
		daemon_begin(&daemon);
		daemon_serve(&daemon);
		status = daemon.killed_any ? 1 : 0;
	}
	daemon_close(&daemon);
	return status;
}
