#include "cmd/errand.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/filter.h"
#include "cmd/hold.h"
#include "cmd/patience.h"
#include "cmd/shelf.h"
#include "cmd/under.h"
#include "lib/base/mem.h"
#include "lib/base/redis_url.h"
#include "lib/engine/outcome.h"
#include "lib/store/redis_session.h"

#define ERRAND_KILL_AFTER_MS INT64_C(10000)
#define ERRAND_OUTPUT_LIMIT  INT64_C(65536)
/* Between two looks for a slot, less up to a half of it. */
#define ERRAND_PAUSE_MS     INT64_C(10)
#define ERRAND_PAUSE_MAX_MS INT64_C(250)
/* Whether it was cancelled is asked so often. */
#define ERRAND_LOOK_MS INT64_C(1000)
/* A store that does not take the end is asked for so long. */
#define ERRAND_END_MS INT64_C(3600000)
#define ERRAND_WORDS  200 /* of the command in the work's metadata */

static const int passed_on[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

struct errand {
	struct cli *cli;
	char **argv;
	struct ev_loop *loop;
	struct engine engine; /* for hold: its clock, and who leads */
	struct slots slots;
	struct hold hold;
	struct shelf shelf;
	struct session *session; /* of a Redis that has the queue */
	struct store_session bond;
	char *worker, *live_path;
	struct work work; /* id, take, and the record that becomes its end */
	struct job job;
	struct proc proc;
	struct clock_timer slot, look;
	int64_t pause_ms;
	ev_signal signal[ARRAY_LEN(passed_on)];
	bool has_slot, is_running, is_over;
	struct err *err;
};

/* Its end */

static void
errand_over(struct errand *errand)
{
	clock_stop(&errand->slot);
	errand->is_over = true;
	ev_break(errand->loop, EVBREAK_ALL);
}

/* Before it had a slot. */
static void
errand_end_unstarted(struct errand *errand, enum record_status status,
    enum record_reason reason, const char *error)
{
	struct record *record = &errand->work.record;

	record->status = status;
	record->reason = reason;
	record->error = mem_strdup(error);
	record->completed_ms = clock_now_ms();
	errand_over(errand);
}

static void
errand_on_ended(struct proc *proc, const struct proc_result *result)
{
	struct errand *errand = proc->data;
	struct record *record = &errand->work.record;

	errand->is_running = false;
	record->attempt = 1;
	outcome_fill(record, &errand->job, result);
	record->started_ms = result->started_ms;
	if (record->completed_ms == CLOCK_NONE)
		record->completed_ms = clock_now_ms();
	errand_over(errand);
}

/* Both to the queue, and to history where that lies elsewhere. */
static void
errand_tell_end(struct errand *errand)
{
	struct store_op *op = shelf_op_new(&errand->shelf, WORK_END);
	struct patience patience;
	struct err err;

	work_release(&op->work->work);
	work_copy(&op->work->work, &errand->work);
	patience_begin(&patience, ERRAND_END_MS, 1000, 10000);
	while (!shelf_apply(&errand->shelf, &op, 1, &err))
		if (err.code != ERR_UNREACHABLE || !patience_pause(&patience))
			break;
	store_op_free(op);
	shelf_tell_end(&errand->shelf, &errand->work.record);
}

/* Its slot */

/* Of the command, which holds the slot as well: if we are killed, it goes on. */
static void
errand_on_began(struct proc *proc)
{
	struct errand *errand = proc->data;
	struct identity leader;

	if (identity_of(proc->pid, &leader))
		errand->engine.led(errand->engine.led_data, &leader);
}

static void
errand_start(struct errand *errand)
{
	char id[ULID_LEN + 1];
	struct proc_command command = {
		.argv = (const char *const *)errand->argv,
		.path_env = getenv("PATH"),
		.timeout_ms = -1,
		.kill_after_ms = ERRAND_KILL_AFTER_MS,
		.stop_signal = SIGTERM,
		/* nobody would stop it in time any more */
		.death_signal = lock_needs_renewal(errand->slots.acquire.lock)
		    ? SIGTERM
		    : 0,
		.output = PROC_CAPTURE,
		.output_limit = ERRAND_OUTPUT_LIMIT,
		.live_path = errand->live_path,
	};

	ulid_format(&errand->work.id, id);
	setenv("WJOBS_RUN_ID", id, 1);
	under_export_fence(&errand->slots.acquire.state);
	command.envp = (const char *const *)environ;
	errand->proc.ended = errand_on_ended;
	errand->proc.began = errand_on_began;
	errand->proc.data = errand;
	errand->is_running = true;
	proc_start(errand->engine.host, &errand->proc, &command);
}

static void
errand_stop(struct errand *errand, enum proc_stop why, bool now)
{
	if (errand->is_running)
		proc_stop(&errand->proc, why, now);
	else if (!errand->is_over)
		errand_end_unstarted(errand, RECORD_CANCELLED,
		    RECORD_CANCELLED_BY_USER, "cancelled");
}

static void
errand_on_lock_lost(void *data, const struct err *err, bool now)
{
	struct errand *errand = data;

	(void)err;
	errand_stop(errand, PROC_LOST_LEASE, now);
}

static void
errand_have_slot(struct errand *errand)
{
	struct err err;

	errand->hold = (struct hold){ .acquire = &errand->slots.acquire,
		.loop = errand->loop,
		.engine = &errand->engine,
		.lost = errand_on_lock_lost,
		.data = errand };
	if (hold_start(&errand->hold, &err))
		errand_start(errand);
	else
		errand_end_unstarted(
		    errand, RECORD_FAILED, RECORD_LOCK, err.msg);
}

/* A store that does not answer is waited for, as a slot is. */
static void
errand_on_slot(struct clock_timer *timer)
{
	struct errand *errand = timer->data;
	double part = 1 - random_fraction() / 2;
	struct err err;

	if (!errand->has_slot)
		errand->has_slot = acquire_take(&errand->slots.acquire, &err);
	if (errand->has_slot) {
		errand_have_slot(errand);
		return;
	}
	if (err.code != ERR_BUSY && err.code != ERR_UNREACHABLE) {
		errand_end_unstarted(
		    errand, RECORD_FAILED, RECORD_LOCK, err.msg);
		return;
	}
	clock_set_in(errand->engine.clock, timer,
	    (int64_t)((double)errand->pause_ms * part) + 1);
	if ((errand->pause_ms *= 2) > ERRAND_PAUSE_MAX_MS)
		errand->pause_ms = ERRAND_PAUSE_MAX_MS;
}

/* Being told to end */

/* Its user has cancelled it; or it was taken for dead, and is another's. */
static void
errand_on_look(struct clock_timer *timer)
{
	struct errand *errand = timer->data;
	char id[ULID_LEN + 1];
	struct work work;
	struct err err;
	bool found;

	ulid_format(&errand->work.id, id);
	clock_set_in(errand->engine.clock, timer, ERRAND_LOOK_MS);
	if (!queue_find(errand->shelf.store, id, false, &work, &found, &err))
		return;
	if (found && work.is_told_to_end)
		errand_stop(errand, PROC_CANCELLED, false);
	else if (!found || work.state != WORK_RUNNING)
		errand_stop(errand, PROC_LOST_LEASE, false);
	work_release(&work);
}

static void
errand_on_signal(struct ev_loop *loop, ev_signal *w, int revents)
{
	struct errand *errand = w->data;

	(void)loop;
	(void)revents;
	if (errand->is_running)
		proc_signal(&errand->proc, w->signum);
	else
		errand_stop(errand, PROC_CANCELLED, false);
}

static void
errand_watch(struct errand *errand)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(passed_on); i++) {
		ev_signal_init(
		    &errand->signal[i], errand_on_signal, passed_on[i]);
		errand->signal[i].data = errand;
		ev_signal_start(errand->loop, &errand->signal[i]);
	}
	errand->slot.fire = errand_on_slot;
	errand->slot.data = errand;
	errand->look.fire = errand_on_look;
	errand->look.data = errand;
	clock_set_in(errand->engine.clock, &errand->slot, 0);
	clock_set_in(errand->engine.clock, &errand->look, ERRAND_LOOK_MS);
}

/* Its way into the queue */

static void
errand_on_doubt(void *data)
{
	errand_stop(data, PROC_LOST_LEASE, false);
}

static void
errand_on_lost(void *data)
{
	errand_stop(data, PROC_LOST_LEASE, true);
}

/* On a Redis who lives has a session. */
static bool
errand_open_session(struct errand *errand, struct err *err)
{
	const char *where = errand->shelf.place.store;
	struct session_self self = { .kind = SESSION_FILTER,
		.worker = errand->worker,
		.since_ms = clock_now_ms(),
		.version = WJOBS_VERSION };
	const struct session_events events = { .doubtful = errand_on_doubt,
		.lost = errand_on_lost,
		.data = errand };
	struct session_store *store;

	if (!redis_url_is(where))
		return true;
	identity_self(&self.process);
	store = redis_session_new(where, cli_limits(errand->cli), err);
	if (store == NULL)
		return false;
	errand->session = session_new(errand->loop, errand->engine.clock, store,
	    &self, &session_times, &events);
	errand->bond = (struct store_session){ session_current,
		errand->session };
	if (!session_open(errand->session, err) ||
	    !session_start(errand->session, err))
		return false;
	store_bind(errand->shelf.store, &errand->bond);
	return true;
}

static char *
errand_metadata(char *const *argv)
{
	struct str words = { 0 };

	str_add(&words, "command=");
	for (; *argv != NULL && words.len < ERRAND_WORDS; argv++) {
		str_add_visible(&words, *argv, strlen(*argv), false);
		if (argv[1] != NULL)
			str_push(&words, ' ');
	}
	return str_take(&words);
}

static bool
errand_put(struct errand *errand, const struct slots_options *options)
{
	struct store_op *op = shelf_op_new(&errand->shelf, WORK_PUT);
	struct work *work = &errand->work;
	bool ok;

	work_init(work);
	work->id = work->record.id = ulid_make(clock_now_ms());
	work->take = ulid_make(clock_now_ms());
	work->state = WORK_RUNNING;
	work->payload = mem_strdup("");
	work->record.job = slots_handler(options);
	work->record.kind = mem_strdup(job_kind_name(JOB_HANDLER));
	work->record.trigger = RECORD_QUEUE;
	work->record.status = RECORD_RUNNING;
	work->record.worker = mem_strdup(errand->worker);
	work->record.metadata = errand_metadata(errand->argv);
	work->record.started_ms = clock_now_ms();
	identity_self(&work->record.owner);
	work_release(&op->work->work);
	work_copy(&op->work->work, work);
	op->work->is_running = true;
	ok = shelf_apply(&errand->shelf, &op, 1, errand->err);
	store_op_free(op);
	return ok;
}

/* The caller goes on from here. */
static bool
errand_let_go(const struct errand *errand, struct err *err)
{
	char id[ULID_LEN + 1];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), fd;

	if (null < 0)
		return err_set(err, ERR_SYSTEM, "cannot open '/dev/null'");
	ulid_format(&errand->work.id, id);
	puts(id);
	fflush(stdout);
	for (fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close(null);
	return true;
}

/* Where `logs -F` looks for what is written meanwhile. */
static void
errand_find_live(struct errand *errand)
{
	struct cli *cli = errand->cli;
	char id[ULID_LEN + 1];
	struct err err;

	if (!cli_find_place(cli, &err) || !store_place_make(&cli->place, &err))
		return;
	ulid_format(&errand->work.id, id);
	errand->live_path = mem_printf(
	    "%s/%s.live", cli->place.runtime_dir, id);
}

/* A store that cannot be had is told while there is somebody to be told. */
static bool
errand_try(struct errand *errand, const struct slots_options *options)
{
	struct acquire *acquire = &errand->slots.acquire;

	acquire->wait_ms = 0;
	errand->has_slot = acquire_take(acquire, errand->err);
	if (!errand->has_slot &&
	    (options->try || errand->err->code != ERR_BUSY))
		return false;
	*errand->err = (struct err){ 0 };
	return true;
}

static bool
errand_open(struct errand *errand, const struct slots_options *options)
{
	struct err *err = errand->err;

	errand->loop = ev_loop_new(EVFLAG_AUTO);
	if (errand->loop == NULL)
		return err_set(err, ERR_SYSTEM, "cannot make an event loop");
	errand->engine.clock = clock_open(errand->loop);
	errand->engine.host = proc_host_open(
	    errand->loop, errand->engine.clock);
	errand->worker = engine_worker(NULL);
	errand->pause_ms = ERRAND_PAUSE_MS;
	errand->job.success.bit[0] = 1;
	if (!slots_open(&errand->slots, errand->cli, options, err) ||
	    !cli_try_jobfile(errand->cli, 0, err) ||
	    !shelf_open(&errand->shelf, errand->cli, SHELF_PUT, err))
		return false;
	if (!errand_try(errand, options))
		return false;
	if (!errand_open_session(errand, err) || !errand_put(errand, options)) {
		if (errand->has_slot)
			acquire_release(&errand->slots.acquire);
		return false;
	}
	errand_find_live(errand);
	return errand_let_go(errand, err);
}

static void
errand_close(struct errand *errand)
{
	bool is_free;
	size_t i;

	if (errand->loop == NULL)
		return;
	for (i = 0; i < ARRAY_LEN(passed_on); i++)
		ev_signal_stop(errand->loop, &errand->signal[i]);
	clock_stop(&errand->look);
	if (errand->shelf.cli != NULL)
		shelf_close(&errand->shelf);
	is_free = session_free(errand->session);
	slots_close(&errand->slots);
	proc_host_close(errand->engine.host);
	work_release(&errand->work);
	free(errand->live_path);
	if (!is_free) /* its thread has the rest, until the process ends */
		return;
	clock_close(errand->engine.clock);
	ev_loop_destroy(errand->loop);
	free(errand->worker);
}

int
errand_run(struct cli *cli, const struct slots_options *options, char **argv,
    struct err *err)
{
	struct errand errand = { .cli = cli, .argv = argv, .err = err };
	int status = CMD_FAILED;

	work_init(&errand.work);
	if (errand_open(&errand, options)) {
		status = 0;
		errand_watch(&errand);
		ev_run(errand.loop, 0);
		hold_stop(&errand.hold);
		errand_tell_end(&errand);
	}
	errand_close(&errand);
	return status;
}
