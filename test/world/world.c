#include "test/world/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "test/world/world_store.h"

/* Processes in simulated time. */
struct world_processes {
	struct proc_host host; /* must be first */
	struct world *world;
	struct process {
		struct proc *proc;
		const struct run *run;
		struct clock_timer timer;
		struct proc_result result;
		struct process *next;
		struct world *world;
	} * first;
};

void
world_fault(struct world *world, const char *fmt, ...)
{
	va_list ap;

	if (world->faults++ != 0)
		return;
	va_start(ap, fmt);
	vsnprintf(world->fault, sizeof world->fault, fmt, ap);
	va_end(ap);
}

static void
process_forget(struct process *process)
{
	struct process **at = &process->world->processes->first;

	while (*at != process)
		at = &(*at)->next;
	*at = process->next;
	clock_stop(&process->timer);
	process->proc->pid = 0;
	process->world->running--;
	free(process);
}

static void
process_tell(struct process *process, enum world_what what)
{
	struct world *world = process->world;
	const struct record *record = run_record(process->run);
	struct world_event event = {
		.what = what,
		.at_ms = clock_wall_ms(world->clock),
		.due_ms = process->run->due_ms,
		.job = process->run->job->name,
		.trigger = process->run->trigger,
		.attempt = record->attempt,
	};

	if (world->event != NULL)
		world->event(world, &event);
}

static void
process_end(struct clock_timer *timer)
{
	struct process *process = timer->data;
	struct proc *proc = process->proc;
	struct proc_result result = process->result;

	result.ended_ms = clock_wall_ms(process->world->clock);
	process_tell(process, WORLD_END);
	process_forget(process);
	proc->ended(proc, &result);
}

/* What must hold whenever a process starts. */
static void
process_check(const struct process *process)
{
	struct world *world = process->world;
	const struct run *run = process->run;
	int64_t now = clock_wall_ms(world->clock);
	const struct process *other;

	if (now < world->latest_ms)
		now = world->latest_ms; /* it was due before the step back */
	if (run->due_ms != CLOCK_NONE && run->trigger != RECORD_IMMEDIATE &&
	    now < run->due_ms + job_delay_ms(run->job))
		world_fault(
		    world, "%s: began before it was due", run->job->name);
	if (world->running > (size_t)world->pool.size)
		world_fault(world, "more run than the pool has slots");
	for (other = process->next; other != NULL; other = other->next)
		if (other->run->job == run->job &&
		    run->job->overlap != JOB_ALLOW)
			world_fault(world, "%s: two at once", run->job->name);
}

static void
host_start(struct proc_host *host, struct proc *proc,
    const struct proc_command *command)
{
	struct world_processes *processes = (struct world_processes *)host;
	struct world *world = processes->world;
	struct process *process = mem_zalloc(1, sizeof *process);
	const struct run *run = proc->data;
	int64_t lasts = world->duration_ms(world, run->job);
	int attempt = run_record(run)->attempt;

	proc->host = host;
	proc->pid = (pid_t)++world->starts;
	*process = (struct process){ .proc = proc,
		.run = run,
		.next = processes->first,
		.world = world };
	processes->first = process;
	if (++world->running > world->most_running)
		world->most_running = world->running;
	process_check(process);
	process_tell(process, WORLD_START);
	process->result = (struct proc_result){ .started = true,
		.exit_code = world->exit_code(world, run->job, attempt),
		.max_rss_kb = -1,
		.started_ms = clock_wall_ms(world->clock),
		.duration_ms = lasts };
	if (command->timeout_ms >= 0 && lasts > command->timeout_ms) {
		lasts = command->timeout_ms;
		process->result.stop = PROC_TIMED_OUT;
	}
	process->timer.fire = process_end;
	process->timer.data = process;
	clock_set_in(world->clock, &process->timer, lasts);
}

static void
host_stop(struct proc *proc, enum proc_stop why, bool now)
{
	struct world_processes *processes = (struct world_processes *)
						proc->host;
	struct process *process = processes->first;

	while (process != NULL && process->proc != proc)
		process = process->next;
	if (process == NULL)
		return;
	if (process->result.stop == PROC_NOT_STOPPED)
		process->result.stop = why;
	clock_set_in(processes->world->clock, &process->timer, now ? 0 : 20);
}

static const struct proc_host_ops host_ops = {
	.start = host_start,
	.stop = host_stop,
};

void
world_open(struct world *world, int64_t now_ms)
{
	*world = (struct world){ .clock = simclock_new(now_ms) };
	world->processes = mem_zalloc(1, sizeof *world->processes);
	world->processes->host.ops = &host_ops;
	world->processes->world = world;
	world->store = world_store_new(world);
	world->file.stop_timeout_ms = 30000;
	pool_init(&world->pool, 4);
}

struct job
world_plain_job(const char *name)
{
	return (struct job){
		.name = mem_strdup(name),
		.enabled = true,
		.shared = true,
		.command = "true",
		.shell = "/bin/sh",
		.timeout_ms = INT64_C(300000),
		.kill_after_ms = 10000,
		.retry = { .delay_ms = 1000,
		    .max_delay_ms = 3600000,
		    .backoff = 2,
		    .on = JOB_RETRY_ANY },
		.success = { .bit = { 1 } },
		.start_deadline_ms = JOB_NO_LIMIT,
		.expect_ms = JOB_NO_LIMIT,
		.output_limit = 65536,
	};
}

struct job *
world_add_job(struct world *world, const char *name)
{
	struct jobfile *file = &world->file;

	file->job = mem_grow(file->job, file->n + 1, sizeof *file->job);
	file->job[file->n] = world_plain_job(name);
	return &file->job[file->n++];
}

static void
world_index_jobs(struct world *world)
{
	size_t i;

	map_release(&world->file.names);
	for (i = 0; i < world->file.n; i++)
		map_put(&world->file.names, world->file.job[i].name,
		    &world->file.job[i]);
}

void
world_begin(struct world *world)
{
	struct store_start start;

	world_index_jobs(world);
	world->engine = (struct engine){
		.clock = world->clock,
		.host = &world->processes->host,
		.pool = &world->pool,
		.store = &world->store->port,
		.worker = "world",
	};
	engine_init(&world->engine);
	world->is_stopped = world->killed_any = false;
	pool_open(&world->pool, true);
	world->scheduler = scheduler_new(&world->engine, &world->file);
	world_store_start(world->store, &start);
	scheduler_start(world->scheduler, &start);
	store_start_release(&start);
}

static void
world_end(struct world *world)
{
	scheduler_free(world->scheduler);
	world->scheduler = NULL;
	engine_release(&world->engine);
}

void
world_crash(struct world *world)
{
	int size = world->pool.size;

	while (world->processes->first != NULL)
		process_forget(world->processes->first);
	pool_open(&world->pool, false);
	world_end(world);
	world_store_crash(world->store);
	pool_release(&world->pool);
	pool_init(&world->pool, size);
}

static void
world_on_stopped(void *data, bool killed_any)
{
	struct world *world = data;

	world->is_stopped = true;
	world->killed_any = killed_any;
}

void
world_stop(struct world *world)
{
	int64_t deadline = clock_wall_ms(world->clock) + 60000;

	scheduler_stop(world->scheduler, world_on_stopped, world);
	simclock_run(world->clock, deadline);
	if (!world->is_stopped)
		world_fault(world, "it did not stop");
	world_store_flush(world->store);
	world_end(world);
}

void
world_close(struct world *world)
{
	size_t i;

	if (world->scheduler != NULL)
		world_crash(world);
	world_store_free(world->store);
	pool_release(&world->pool);
	for (i = 0; i < world->file.n; i++) {
		free((char *)world->file.job[i].name);
		when_release(&world->file.job[i].when);
	}
	free(world->file.job);
	map_release(&world->file.names);
	free(world->processes);
	simclock_free(world->clock);
}

int64_t
world_watermark_ms(const struct world *world, const char *job)
{
	return world_store_find(world->store, job)->watermark_ms;
}

int64_t
world_first_ms(const struct world *world, const char *job)
{
	return world_store_find(world->store, job)->first_ms;
}

int64_t
world_settled(const struct world *world, const char *job)
{
	return world_store_find(world->store, job)->settled;
}
