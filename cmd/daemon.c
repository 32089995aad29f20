#include "cmd/daemon.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ev.h>

#include "cmd/depot.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/engine/notify.h"
#include "lib/engine/scheduler.h"
#include "lib/store/owner.h"
#include "lib/store/split.h"
#include "lib/time/stamp.h"

struct daemon {
	struct cli *cli;
	struct ev_loop *loop;
	struct engine engine;
	struct pool pool;
	struct owner owner; /* of the jobfile */
	struct store_place claims_place;
	struct depot depot[2]; /* of claims; of history, where that is apart */
	bool is_split;
	struct split split;
	struct scheduler *scheduler;
	char *worker;
	ev_signal term, interrupt, hangup;
	ev_prepare
	    settle; /* slots are given at the end of a turn of the loop */
	/* All runs have ended; and what there is to tell has been told. */
	bool is_drained, is_stopped, killed_any;
	int stops;
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

	daemon->is_drained = true;
	daemon->killed_any = killed_any;
	notify_stop(
	    daemon->engine.notify, daemon->stops > 1, daemon_on_told, daemon);
}

static void
daemon_on_stop(struct ev_loop *loop, ev_signal *w, int revents)
{
	struct daemon *daemon = w->data;
	struct scheduler_counts counts = scheduler_counts(daemon->scheduler);
	char running[24];

	(void)loop;
	(void)revents;
	snprintf(running, sizeof running, "%zu", counts.running);
	log_event(LOG_INFO, "stopping", "signal",
	    w->signum == SIGINT ? "INT" : "TERM", "running", running, NULL);
	daemon->stops++;
	if (daemon->is_drained)
		notify_stop(
		    daemon->engine.notify, true, daemon_on_told, daemon);
	else
		scheduler_stop(daemon->scheduler, daemon_on_stopped, daemon);
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

/* The stores: most often one */

/* Where instants are claimed, if that is not where history is kept. */
static bool
daemon_find_claims(struct daemon *daemon, struct err *err)
{
	const struct jobfile *file = &daemon->cli->jobfile;
	const char *claims = jobfile_claims(file);
	struct store_place *place = &daemon->claims_place;

	if (claims == NULL || strcmp(claims, jobfile_history(file)) == 0)
		return true;
	if (!store_place_find(file->path, claims, place, err))
		return false;
	daemon->is_split = true;
	free(place->spool);
	place->spool = mem_printf("%s/spool-claims", place->state_dir);
	return true;
}

static bool
daemon_open_depot(struct daemon *daemon, struct depot *depot,
    const struct store_place *place, struct store_limits limits,
    struct err *err)
{
	*depot = (struct depot){
		.place = place,
		.limits = limits,
		.loop = daemon->loop,
		.engine = &daemon->engine,
		.is_for_claims = depot == &daemon->depot[0],
		.owner = daemon->owner,
	};
	depot->owner.jobfile_fd = -1;
	return depot_open(depot, err);
}

/* Runs that both stores know are found once, instants where they are claimed. */
static bool
daemon_open_stores(struct daemon *daemon, struct err *err)
{
	struct cli *cli = daemon->cli;
	struct store_limits limits = cli_limits(cli), claims = limits;
	struct depot *depot = daemon->depot;

	if (!store_place_make(&cli->place, err) ||
	    !owner_take(&cli->place, &daemon->owner, err) ||
	    !daemon_find_claims(daemon, err))
		return false;
	claims.keep = 1;
	if (!daemon_open_depot(daemon, &depot[0],
		daemon->is_split ? &daemon->claims_place : &cli->place,
		daemon->is_split ? claims : limits, err) ||
	    (daemon->is_split &&
		!daemon_open_depot(
		    daemon, &depot[1], &cli->place, limits, err)))
		return false;
	daemon->engine.store = &depot[0].writer->port;
	if (daemon->is_split) {
		split_init(&daemon->split, &depot[0].writer->port,
		    &depot[1].writer->port);
		daemon->engine.store = &daemon->split.port;
	}
	daemon->engine.runtime_dir = cli->place.runtime_dir;
	daemon->engine.is_shared = jobfile_is_shared(&cli->jobfile);
	daemon->engine.is_first = depot[0].session == NULL ||
	    depot[0].state.is_first;
	return true;
}

/* Beginning and end */

static bool
daemon_open(struct daemon *daemon, const struct daemon_options *options,
    struct err *err)
{
	const struct jobfile *file = &daemon->cli->jobfile;
	struct engine *engine = &daemon->engine;
	const char *worker_id = options->worker_id != NULL ? options->worker_id
							   : file->worker_id;

	daemon->loop = ev_loop_new(EVFLAG_AUTO);
	if (daemon->loop == NULL)
		return err_set(err, ERR_SYSTEM, "cannot make an event loop");
	log_attach(daemon->loop);
	daemon->worker = engine_worker(worker_id);
	daemon_open_pool(daemon, file->pool_size);
	engine->clock = clock_open(daemon->loop);
	engine->host = proc_host_open(daemon->loop, engine->clock);
	engine->pool = &daemon->pool;
	engine->jobfile = file->path;
	engine->worker = daemon->worker;
	daemon->owner.worker = daemon->worker;
	daemon->owner.since_ms = clock_wall_ms(engine->clock);
	engine_init(engine);
	engine_hide(engine, file->hidden);
	engine->notify = notify_new(engine);
	return daemon_open_stores(daemon, err);
}

/* A thread that hangs has them still, and ends with the process. */
static void
daemon_close_loop(struct daemon *daemon)
{
	if (daemon->depot[0].is_stuck || daemon->depot[1].is_stuck)
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
	scheduler_free(daemon->scheduler);
	depot_close(&daemon->depot[1]);
	depot_close(&daemon->depot[0]);
	notify_free(daemon->engine.notify);
	/* only now: an impatient TERM must not cost what is being written */
	ev_signal_stop(daemon->loop, &daemon->term);
	ev_signal_stop(daemon->loop, &daemon->interrupt);
	ev_signal_stop(daemon->loop, &daemon->hangup);
	proc_host_close(daemon->engine.host);
	pool_release(&daemon->pool);
	owner_give(&daemon->owner);
	store_place_release(&daemon->claims_place);
	engine_release(&daemon->engine);
	daemon_close_loop(daemon);
	free(daemon->worker);
}

static void
daemon_log_start(const struct daemon *daemon)
{
	char jobs[24], pid[24];

	snprintf(jobs, sizeof jobs, "%zu", daemon->cli->jobfile.n);
	snprintf(pid, sizeof pid, "%ld", (long)getpid());
	log_event(LOG_INFO, "started", "jobfile", daemon->cli->jobfile.path,
	    "jobs", jobs, "store", daemon->cli->place.shown, "worker",
	    daemon->worker, "pid", pid, NULL);
}

static void
daemon_log_next(const struct daemon *daemon)
{
	int64_t next_ms = scheduler_next_ms(daemon->scheduler);
	char next[STAMP_TEXT_SIZE];

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
	scheduler_start(daemon->scheduler, &daemon->depot[0].found);
	depot_begin(&daemon->depot[0], daemon->scheduler);
	daemon_log_next(daemon);
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
		.owner = OWNER_NONE,
		.depot = { { .owner = OWNER_NONE }, { .owner = OWNER_NONE } },
	};
	int status = CMD_FAILED;

	if (daemon_open(&daemon, options, err)) {
		daemon.scheduler = scheduler_new(&daemon.engine, &cli->jobfile);
		daemon_serve(&daemon);
		status = daemon.killed_any ? 1 : 0;
	}
	daemon_close(&daemon);
	return status;
}
