#include "cmd/daemon.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ev.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/engine/scheduler.h"
#include "lib/store/late.h"
#include "lib/store/owner.h"
#include "lib/store/spool.h"
#include "lib/store/writer.h"
#include "lib/time/stamp.h"

/* How long a stop waits for a slow store, after the last run has ended. */
#define FLUSH_MS 5000

struct daemon {
	struct cli *cli;
	struct ev_loop *loop;
	struct engine engine;
	struct pool pool;
	struct owner owner;
	struct store_start found;
	struct writer *writer;
	struct scheduler *scheduler;
	char *worker;
	ev_signal term, interrupt, hangup;
	ev_prepare
	    settle; /* slots are given at the end of a turn of the loop */
	bool is_stopped, killed_any;
};

/* Signals */

static void
daemon_on_stopped(void *data, bool killed_any)
{
	struct daemon *daemon = data;

	daemon->is_stopped = true;
	daemon->killed_any = killed_any;
	ev_break(daemon->loop, EVBREAK_ALL);
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

/* The store */

static void
daemon_on_store(void *data)
{
	struct daemon *daemon = data;
	struct writer_state state;
	char waiting[24], dropped[24];

	writer_state(daemon->writer, &state);
	snprintf(waiting, sizeof waiting, "%zu", state.waiting);
	snprintf(
	    dropped, sizeof dropped, "%llu", (unsigned long long)state.dropped);
	if (state.note[0] != '\0')
		log_line(LOG_ERROR, "%s", state.note);
	if (state.is_degraded)
		log_event(LOG_ERROR, "degraded: history waits for its store",
		    "error", state.reason, "waiting", waiting, NULL);
	else if (state.note[0] == '\0')
		log_event(LOG_INFO, "the store takes history again", "dropped",
		    state.dropped != 0 ? dropped : NULL, NULL);
}

static void
daemon_log_found(const struct store_start *found)
{
	if (found->lost != 0)
		log_line(LOG_WARN,
		    "%zu runs of a scheduler that died are marked as lost",
		    found->lost);
}

/*
 * The store, or one that opens later where it cannot now: jobs do not wait for
 * it. NULL where it is one that must not be written.
 */
static struct store *
daemon_reach_store(
    struct daemon *daemon, struct store_limits limits, struct err *err)
{
	const struct store_place *place = &daemon->cli->place;
	struct store *store = NULL;
	char *note = NULL;
	bool is_open = owner_take_store(place, &daemon->owner, err) &&
	    store_open(place->store, STORE_OWN, limits, &store, &note, err) ==
		STORE_OPENED;

	if (note != NULL)
		log_line(LOG_ERROR, "%s", note);
	free(note);
	if (is_open)
		return store;
	if (err->code == ERR_CONFIG || err->code == ERR_BUSY)
		return NULL;
	log_event(LOG_ERROR, "degraded: the store cannot be opened yet",
	    "error", err->msg, NULL);
	*err = (struct err){ 0 }; /* told, and no reason to end */
	return late_new(place, &daemon->owner, limits);
}

/* What an earlier scheduler spooled comes first: it is what it did last. */
static bool
daemon_take_over(struct daemon *daemon, struct store *store, struct err *err)
{
	const char *spool = daemon->cli->place.spool;
	struct err spool_err;
	bool is_in = spool_take_in(spool, store, &spool_err);

	if (!is_in)
		log_event(LOG_ERROR, "what was spooled waits", "error",
		    spool_err.msg, NULL);
	if (!store_take_over(store, &daemon->engine.self,
		clock_wall_ms(daemon->engine.clock), &daemon->found, err))
		return false;
	if (!is_in)
		spool_correct(spool, &daemon->found);
	daemon_log_found(&daemon->found);
	return true;
}

static bool
daemon_open_store(struct daemon *daemon, struct err *err)
{
	struct cli *cli = daemon->cli;
	struct store *store;

	if (!store_place_make(&cli->place, err) ||
	    !owner_take(&cli->place, &daemon->owner, err))
		return false;
	store = daemon_reach_store(daemon, cli_limits(cli), err);
	if (store == NULL)
		return false;
	if (!daemon_take_over(daemon, store, err)) {
		store_close(store);
		return false;
	}
	daemon->writer = writer_start(daemon->loop, store, cli->place.spool,
	    daemon_on_store, daemon, err);
	if (daemon->writer == NULL) {
		store_close(store);
		return false;
	}
	owner_sign(&daemon->owner, daemon->worker,
	    clock_wall_ms(daemon->engine.clock));
	daemon->engine.store = &daemon->writer->port;
	daemon->engine.runtime_dir = cli->place.runtime_dir;
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
	engine_init(engine);
	return daemon_open_store(daemon, err);
}

static void
daemon_flush(struct daemon *daemon)
{
	struct err err;

	if (daemon->writer != NULL &&
	    !writer_stop(daemon->writer, FLUSH_MS, &err))
		log_event(LOG_ERROR, "history is lost", "error", err.msg, NULL);
}

static void
daemon_close(struct daemon *daemon)
{
	if (daemon->loop == NULL)
		return;
	scheduler_free(daemon->scheduler);
	daemon_flush(daemon);
	/* only now: an impatient TERM must not cost what is being written */
	ev_signal_stop(daemon->loop, &daemon->term);
	ev_signal_stop(daemon->loop, &daemon->interrupt);
	ev_signal_stop(daemon->loop, &daemon->hangup);
	store_start_release(&daemon->found);
	proc_host_close(daemon->engine.host);
	clock_close(daemon->engine.clock);
	pool_release(&daemon->pool);
	owner_give(&daemon->owner);
	engine_release(&daemon->engine);
	log_detach();
	ev_loop_destroy(daemon->loop);
	free(daemon->worker);
}

static void
daemon_log_start(const struct daemon *daemon)
{
	char jobs[24], pid[24];

	snprintf(jobs, sizeof jobs, "%zu", daemon->cli->jobfile.n);
	snprintf(pid, sizeof pid, "%ld", (long)getpid());
	log_event(LOG_INFO, "started", "jobfile", daemon->cli->jobfile.path,
	    "jobs", jobs, "store", daemon->cli->place.store, "worker",
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
	scheduler_start(daemon->scheduler, &daemon->found);
	store_start_release(&daemon->found);
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
	struct daemon daemon = { .cli = cli, .owner = { -1, -1 } };
	int status = CMD_FAILED;

	if (daemon_open(&daemon, options, err)) {
		daemon.scheduler = scheduler_new(&daemon.engine, &cli->jobfile);
		daemon_serve(&daemon);
		status = daemon.killed_any ? 1 : 0;
	}
	daemon_close(&daemon);
	return status;
}
