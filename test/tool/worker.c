#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/simclock.h"
#include "lib/engine/worker.h"
#include "test/world/world.h"

/*
 * worker random SEED COUNT - the workers of a queue in simulated worlds: a
 * queue in memory that answers late, or not, or forgets who has what; commands
 * that last, fail and are killed. Checks what must always hold. worker script
 * NAME - one such world, telling what happens.
 *
 * What must hold: one question at a time, for no more than there is room for,
 * and for handlers of the jobfile alone; no handler beyond its bound; each
 * piece ends as its last attempt did, after as many as it may have, never
 * earlier than its backoff; what a stop or a lost lease ended is no attempt;
 * a stop ends; nothing spins.
 */

static uint64_t seed;
static bool is_told; /* print what happens */

static int64_t
random_below(int64_t n)
{
	seed += UINT64_C(0x9e3779b97f4a7c15);
	return (int64_t)(hash_bytes(&seed, sizeof seed, 0) % (uint64_t)n);
}

/* A piece of work as the queue has it. */
struct piece {
	struct work work;
	const char *handler;
	int fails;        /* so many attempts of it */
	int64_t lasts_ms; /* each attempt */
	int begun;        /* attempts made and not given back */
	int64_t not_before_ms;
	bool runs;
};

#define PIECES 256 /* at most; they do not move */

struct command {
	struct proc *proc;
	struct piece *piece;
	struct clock_timer timer;
	struct proc_result result;
	struct command *next;
	struct site *site;
};

struct site {
	struct clock *clock;
	struct store_port port;
	struct proc_host host;
	struct engine engine;
	struct jobfile file;
	struct worker *worker;
	struct command *commands;
	struct piece *piece;
	size_t n;
	struct clock_timer timer; /* of answers */
	struct store_op *first;   /* posted, not yet answered */
	int asking;               /* TAKEs among them */
	int64_t delay_ms;
	bool is_away, is_stopping, is_stopped, killed_any;
	size_t running, faults;
	char fault[256];
};
static struct site *here;

static void
fault(const char *fmt, ...)
{
	va_list ap;

	if (here->faults++ != 0)
		return;
	va_start(ap, fmt);
	vsnprintf(here->fault, sizeof here->fault, fmt, ap);
	va_end(ap);
}

static void
tell(const char *what, const struct piece *piece)
{
	int64_t now = clock_wall_ms(here->clock);

	if (is_told)
		printf("%lld %s %s %zu\n", (long long)now, what, piece->handler,
		    (size_t)(piece - here->piece));
}

static struct piece *
find_piece(const struct ulid *id)
{
	size_t i;

	for (i = 0; i < here->n; i++)
		if (memcmp(&here->piece[i].work.id, id, sizeof *id) == 0)
			return &here->piece[i];
	return NULL;
}

static struct job *
find_handler(const char *name)
{
	size_t i;

	for (i = 0; i < here->file.handlers; i++)
		if (strcmp(here->file.handler[i].name, name) == 0)
			return &here->file.handler[i];
	return NULL;
}

/* The queue */

static size_t
running_of(const char *handler)
{
	size_t i, n = 0;

	for (i = 0; i < here->n; i++)
		n += here->piece[i].runs &&
		    strcmp(here->piece[i].handler, handler) == 0;
	return n;
}

static void
check_take(const struct work_op *take)
{
	size_t i;

	if (here->asking > 1)
		fault("two questions at a time");
	if (take->most < 0 ||
	    here->running + (size_t)take->most >
		(size_t)here->file.queue_workers)
		fault("asked for more than there is room for");
	for (i = 0; i < take->n_want; i++) {
		const struct job *job = find_handler(take->want[i].handler);

		if (job == NULL)
			fault("asked for an unknown handler");
		else if (take->want[i].n > 0 && job->workers > 0 &&
		    running_of(job->name) + (size_t)take->want[i].n >
			(size_t)job->workers)
			fault("asked for more than a handler may have");
	}
}

static void
give(struct work_op *take, struct piece *piece)
{
	struct work *work;

	take->taken = mem_grow(
	    take->taken, take->n_taken + 1, sizeof *take->taken);
	work = &take->taken[take->n_taken++];
	work_copy(work, &piece->work);
	free(work->record.job);
	work->record.job = mem_strdup(piece->handler);
}

static void
take_of(struct work_op *take, const struct work_want *want)
{
	int64_t now = clock_wall_ms(here->clock);
	int n = want->n;
	size_t i;

	for (i = 0; i < here->n; i++) {
		struct piece *piece = &here->piece[i];

		if (piece->work.state != WORK_READY ||
		    strcmp(piece->handler, want->handler) != 0)
			continue;
		if (piece->work.due_ms > now) {
			if (take->next_due_ms < 0 ||
			    piece->work.due_ms - now < take->next_due_ms)
				take->next_due_ms = piece->work.due_ms - now;
			continue;
		}
		if (n == 0)
			continue;
		if (take->n_taken == (size_t)take->most) {
			take->is_more = true;
			continue;
		}
		n--;
		piece->work.state = WORK_RUNNING;
		piece->work.take = take->take;
		piece->work.attempts++;
		give(take, piece);
	}
}

static void
apply_take(struct work_op *take)
{
	size_t i;

	check_take(take);
	for (i = 0; i < here->n; i++) {
		struct piece *piece = &here->piece[i];

		if (piece->work.state != WORK_RUNNING)
			continue;
		if (memcmp(&piece->work.take, &take->take, sizeof take->take) ==
		    0)
			give(take, piece);
		if (!piece->work.is_told_to_end)
			continue;
		take->told = mem_grow(
		    take->told, take->n_told + 1, sizeof *take->told);
		take->told[take->n_told++] = piece->work.id;
	}
	for (i = 0; take->n_taken == 0 && i < take->n_want; i++)
		take_of(take, &take->want[i]);
}

static void
end_piece(struct piece *piece, const struct record *record)
{
	const struct job *job = find_handler(piece->handler);

	piece->work.state = record->status == RECORD_COMPLETED ? WORK_DONE
	    : record->status == RECORD_CANCELLED               ? WORK_CANCELLED
							       : WORK_BURIED;
	tell(work_state_name(piece->work.state), piece);
	if (piece->work.state == WORK_DONE && piece->begun != piece->fails + 1)
		fault("done after %d attempts", piece->begun);
	if (piece->work.state == WORK_BURIED &&
	    piece->begun != job->retry.max + 1)
		fault("buried after %d attempts", piece->begun);
}

static enum claim
apply_end(struct work_op *op)
{
	struct piece *piece = find_piece(&op->work.id);

	if (piece->work.state != WORK_RUNNING ||
	    memcmp(&piece->work.take, &op->work.take, sizeof op->work.take) !=
		0) {
		tell("stale", piece);
		return CLAIM_LOST;
	}
	if (op->kind == WORK_END) {
		end_piece(piece, &op->work.record);
		return CLAIM_GRANTED;
	}
	piece->work.state = WORK_READY;
	piece->work.due_ms = clock_wall_ms(here->clock) + op->delay_ms;
	piece->not_before_ms = piece->work.due_ms;
	if (op->kind == WORK_RELEASE)
		piece->work.attempts--;
	else if (op->delay_ms < 1000LL << (piece->begun - 1))
		fault("tried again after %lld ms", (long long)op->delay_ms);
	tell(op->kind == WORK_RELEASE ? "released" : "again", piece);
	return CLAIM_GRANTED;
}

static void
on_answers(struct clock_timer *timer)
{
	struct store_op *op, *rest = NULL, **end = &rest;

	(void)timer;
	while ((op = here->first) != NULL) {
		bool is_take = op->work->kind == WORK_TAKE;

		here->first = op->next;
		op->next = NULL;
		if (here->is_away && !is_take) { /* what ends waits */
			*end = op;
			end = &op->next;
			continue;
		}
		/* one that fails may have been heard all the same */
		op->result = CLAIM_GRANTED;
		if (is_take && (!here->is_away || random_below(2) == 0))
			apply_take(op->work);
		else if (!is_take)
			op->result = apply_end(op->work);
		if (here->is_away) {
			op->result = CLAIM_FAILED;
			work_op_forget(op->work);
		}
		here->asking -= is_take;
		if (op->done != NULL)
			op->done(op);
		store_op_free(op);
	}
	here->first = rest;
	if (rest != NULL)
		clock_set_in(here->clock, &here->timer, 100);
}

static void
queue_post(struct store_port *port, struct store_op *op)
{
	struct store_op **at = &here->first;

	(void)port;
	while (*at != NULL)
		at = &(*at)->next;
	*at = op;
	if (op->work->kind == WORK_TAKE)
		here->asking++;
	if (!clock_is_set(&here->timer))
		clock_set_in(here->clock, &here->timer, here->delay_ms);
}

/* Commands */

static void
command_end(struct clock_timer *timer)
{
	struct command *command = timer->data, **at = &here->commands;
	struct proc *proc = command->proc;
	struct proc_result result = command->result;

	while (*at != command)
		at = &(*at)->next;
	*at = command->next;
	command->piece->runs = false;
	here->running--;
	if (result.stop == PROC_SHUTDOWN || result.stop == PROC_LOST_LEASE)
		command->piece->begun--;
	free(command);
	result.ended_ms = clock_wall_ms(here->clock);
	proc->ended(proc, &result);
}

static const char *
find_env(const struct proc_command *command, const char *name)
{
	const char *const *item = command->envp;
	size_t n = strlen(name);

	for (; *item != NULL; item++)
		if (strncmp(*item, name, n) == 0 && (*item)[n] == '=')
			return *item + n + 1;
	return "";
}

static void
host_start(
    struct proc_host *host, struct proc *proc, const struct proc_command *what)
{
	struct command *command = mem_zalloc(1, sizeof *command);
	struct piece *piece = NULL;
	const struct job *job;
	struct ulid id;

	if (ulid_parse(find_env(what, "WJOBS_RUN_ID"), &id))
		piece = find_piece(&id);
	if (piece == NULL || piece->runs) {
		fault("begun twice, or nobody's");
		abort();
	}
	job = find_handler(piece->handler);
	proc->host = host;
	proc->pid = 1;
	piece->runs = true;
	piece->begun++;
	if (++here->running > (size_t)here->file.queue_workers)
		fault("more than there are workers");
	if (job->workers > 0 &&
	    running_of(piece->handler) > (size_t)job->workers)
		fault("more than the handler may have");
	if (here->is_stopping)
		fault("begun though it was to stop");
	if (clock_wall_ms(here->clock) < piece->not_before_ms)
		fault("begun before its delay was over");
	tell("begins", piece);
	*command = (struct command){ .proc = proc,
		.piece = piece,
		.next = here->commands,
		.result = { .started = true,
		    .exit_code = piece->begun <= piece->fails,
		    .max_rss_kb = -1 } };
	here->commands = command;
	command->timer.fire = command_end;
	command->timer.data = command;
	clock_set_in(here->clock, &command->timer, piece->lasts_ms);
}

static void
host_stop(struct proc *proc, enum proc_stop why, bool now)
{
	struct command *command = here->commands;

	while (command != NULL && command->proc != proc)
		command = command->next;
	if (command == NULL || command->result.stop != PROC_NOT_STOPPED)
		return;
	command->result.stop = why;
	clock_set_in(here->clock, &command->timer, now ? 0 : 20);
}

static const struct proc_host_ops host_ops = {
	.start = host_start,
	.stop = host_stop,
};

/* A site */

static void
site_open(struct site *site, int workers)
{
	*site = (struct site){
		.clock = simclock_new(INT64_C(1700000000000)),
		.port.post = queue_post,
		.host.ops = &host_ops,
		.timer.fire = on_answers,
	};
	here = site;
	site->piece = mem_zalloc(PIECES, sizeof *site->piece);
	site->file.queue_workers = workers;
	site->file.stop_timeout_ms = 30000;
	site->engine = (struct engine){
		.clock = site->clock,
		.host = &site->host,
		.store = &site->port,
		.queue = &site->port,
		.worker = "site",
	};
	engine_init(&site->engine);
}

static void
site_handler(const char *name, int workers)
{
	struct jobfile *file = &here->file;
	struct job *job;

	file->handler = mem_grow(
	    file->handler, file->handlers + 1, sizeof *file->handler);
	job = &file->handler[file->handlers++];
	*job = world_plain_job(name);
	job->kind = JOB_HANDLER;
	job->workers = workers;
	job->retry.max = 3;
}

static struct piece *
site_put(const char *handler, int64_t lasts_ms, int fails)
{
	struct piece *piece;

	if (here->n == PIECES)
		abort();
	piece = &here->piece[here->n++];
	*piece = (struct piece){
		.handler = handler, .lasts_ms = lasts_ms, .fails = fails
	};
	work_init(&piece->work);
	piece->work.id = ulid_make(clock_wall_ms(here->clock));
	piece->work.record.id = piece->work.id;
	piece->work.state = WORK_READY;
	piece->work.due_ms = 0;
	return piece;
}

static void
site_begin(void)
{
	size_t i;

	for (i = 0; i < here->file.handlers; i++)
		map_put(&here->file.names, here->file.handler[i].name,
		    &here->file.handler[i]);
	here->worker = worker_new(&here->engine, &here->file);
	worker_start(here->worker);
}

static void
run_for(int64_t ms)
{
	simclock_run(here->clock, clock_wall_ms(here->clock) + ms);
}

static void
on_stopped(void *data, bool killed_any)
{
	(void)data;
	here->is_stopped = true;
	here->killed_any = killed_any;
}

static void
stop(void)
{
	if (!here->is_stopping)
		worker_stop(here->worker, on_stopped, NULL);
	here->is_stopping = true;
}

static void
site_close(void)
{
	size_t i;

	here->is_away = false;
	stop();
	run_for(60000);
	if (!here->is_stopped)
		fault("it did not stop");
	worker_free(here->worker);
	for (i = 0; i < here->n; i++) {
		if (here->piece[i].work.state == WORK_RUNNING)
			fault("what it had is still its own");
		work_release(&here->piece[i].work);
	}
	for (i = 0; i < here->file.handlers; i++)
		free((char *)here->file.handler[i].name);
	free(here->file.handler);
	map_release(&here->file.names);
	free(here->piece);
	clock_stop(&here->timer);
	engine_release(&here->engine);
	simclock_free(here->clock);
}

/* Random sites */

static void
chance_event(void)
{
	static const char *const names[] = { "a", "b", "c", "unknown" };
	struct piece *piece;

	switch (random_below(8)) {
	case 0:
		here->is_away = !here->is_away;
		break;
	case 1:
		here->delay_ms = random_below(3) * 40;
		break;
	case 2: /* taken for dead: others have it by now */
		worker_lease_lost(here->worker, false);
		break;
	case 3:
		if (here->n == 0)
			break;
		piece = &here->piece[random_below((int64_t)here->n)];
		if (piece->work.state == WORK_RUNNING)
			piece->work.is_told_to_end = true;
		worker_rang(here->worker);
		break;
	default:
		site_put(names[random_below(4)], random_below(5000),
		    (int)random_below(6));
		worker_rang(here->worker);
	}
}

static bool
chance_run(uint64_t number)
{
	int64_t steps = 20 + random_below(100), i;
	struct site site;
	bool ok;

	seed = number;
	site_open(&site, 1 + (int)random_below(4));
	site_handler("a", 0);
	site_handler("b", 1);
	site_handler("c", 2);
	site_begin();
	for (i = 0; i < steps; i++) {
		chance_event();
		run_for(random_below(3000));
	}
	site.is_away = false;
	if (number % 2 == 0)
		run_for(600000);
	for (i = 0; number % 2 == 0 && i < (int64_t)site.n; i++)
		if (!work_state_is_final(site.piece[i].work.state) &&
		    strcmp(site.piece[i].handler, "unknown") != 0)
			fault("piece %lld is never done", (long long)i);
	if (simclock_fired(site.clock) > 200000)
		fault("it spins");
	site_close();
	ok = site.faults == 0;
	if (!ok)
		printf("site %llu: %s (%zu faults)\n",
		    (unsigned long long)number, site.fault, site.faults);
	return ok;
}

static int
chance_all(const char *first, const char *count)
{
	uint64_t number = strtoull(first, NULL, 10), n, bad = 0;

	for (n = strtoull(count, NULL, 10); n > 0; n--, number++)
		bad += !chance_run(number);
	printf("%s sites, %llu bad\n", count, (unsigned long long)bad);
	return bad != 0;
}

/* Scripts */

static void
script_retry(void)
{
	site_put("a", 100, 2);
	site_put("a", 100, 9);
	site_begin();
	run_for(60000);
}

static void
script_drain(void)
{
	site_put("a", 1000, 0);
	site_put("a", 100000, 0);
	site_put("a", 1000, 0);
	site_begin();
	run_for(500);
	stop();
	run_for(40000);
	printf("%s\n",
	    !here->is_stopped      ? "still there"
		: here->killed_any ? "killed some"
				   : "killed none");
}

static void
script_lease(void)
{
	struct piece *piece = site_put("a", 60000, 0);

	site_begin();
	run_for(500);
	worker_lease_lost(here->worker, false);
	run_for(10);
	/* by now another instance has it */
	memset(&piece->work.take, 1, sizeof piece->work.take);
	run_for(1000);
	piece->work.state = WORK_DONE;
}

int
main(int argc, char **argv)
{
	struct site site;

	log_setup(
	    getenv("SIM_LOG") != NULL ? LOG_DEBUG : LOG_ERROR, LOG_LOGFMT);
	if (argc == 4 && strcmp(argv[1], "random") == 0)
		return chance_all(argv[2], argv[3]);
	if (argc != 3 || strcmp(argv[1], "script") != 0) {
		fprintf(
		    stderr, "usage: worker script NAME | random SEED COUNT\n");
		return 2;
	}
	is_told = true;
	site_open(&site, 2);
	site_handler("a", 0);
	if (strcmp(argv[2], "retry") == 0)
		script_retry();
	else if (strcmp(argv[2], "drain") == 0)
		script_drain();
	else
		script_lease();
	site_close();
	if (site.faults != 0)
		printf("fault: %s\n", site.fault);
	return site.faults != 0;
}
