#include "lib/engine/task.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/engine/launch.h"
#include "lib/engine/metadata.h"
#include "lib/engine/notify.h"
#include "lib/engine/outcome.h"
#include "lib/engine/retry.h"

/* Attempts that were its own failures: crashes of workers are counted apart. */
static int
task_attempts(const struct task *task)
{
	int own = task->work.attempts - task->work.crashes;

	return own > 1 ? own : 1;
}

/* What was asked for this piece of work outweighs its handler's. */
static void
task_override(struct job *job, const struct work *work)
{
	if (work->timeout_ms != WORK_TIMEOUT_UNSET) {
		job->timeout_ms = work->timeout_ms;
		job->timeout_is_default = false;
	}
	if (work->retry_max >= 0)
		job->retry.max = work->retry_max;
	if (work->retry_delay_ms < 0)
		return;
	job->retry.delay_ms = work->retry_delay_ms;
	if (job->retry.max_delay_ms < work->retry_delay_ms)
		job->retry.max_delay_ms = work->retry_delay_ms;
}

static void
task_fill_record(struct task *task)
{
	struct record *record = &task->work.record;
	char *metadata = metadata_join(
	    (const char *const *)task->handler->metadata);

	metadata_put_lines(&metadata, record->metadata);
	free(record->metadata);
	record->metadata = metadata;
	free(record->job);
	record->job = mem_strdup(task->handler->name);
	free(record->kind);
	record->kind = mem_strdup(job_kind_name(JOB_HANDLER));
	free(record->worker);
	record->worker = mem_strdup(task->engine->worker);
	record->owner = task->engine->self;
	record->attempt = task->work.attempts > 1 ? task->work.attempts : 1;
	if (record->started_ms == CLOCK_NONE)
		record->started_ms = clock_wall_ms(task->engine->clock);
	record->status = RECORD_RUNNING;
	record->reason = RECORD_NO_REASON;
	record->retry_at_ms = record->completed_ms = CLOCK_NONE;
}

struct task *
task_new(struct engine *engine, const struct job *handler, struct work *work)
{
	struct task *task = mem_zalloc(1, sizeof *task);

	task->engine = engine;
	task->handler = handler;
	task->job = *handler;
	task->work = *work;
	work_init(work);
	task_override(&task->job, &task->work);
	task_fill_record(task);
	return task;
}

void
task_free(struct task *task)
{
	if (task == NULL)
		return;
	clock_stop(&task->timer);
	work_release(&task->work);
	free(task);
}

/* The end of the attempt */

/* What we ended is done again elsewhere, or later, as if it had not begun. */
static bool
task_is_released(const struct task *task)
{
	return task->work.record.reason == RECORD_SHUTDOWN ||
	    task->work.record.reason == RECORD_LOST_LEASE;
}

static void
task_fail(struct task *task)
{
	struct record *record = &task->work.record;
	const struct job_retry *retry = &task->job.retry;
	int64_t now = clock_wall_ms(task->engine->clock);

	if (!retry_is_wanted(retry, task_attempts(task), record->reason,
		record->exit_code)) {
		task->end = TASK_END;
		return;
	}
	task->end = TASK_AGAIN;
	task->delay_ms = retry_delay_ms(
	    retry, task_attempts(task), random_fraction());
	outcome_add_attempt(record, task->began_ms);
	record->status = RECORD_PENDING;
	record->retry_at_ms = now + task->delay_ms;
	record->completed_ms = CLOCK_NONE;
}

static void
task_finish(struct task *task, const struct proc_result *result)
{
	struct record *record = &task->work.record;

	outcome_fill(record, &task->job, result);
	if (record->completed_ms == CLOCK_NONE)
		record->completed_ms = clock_wall_ms(task->engine->clock);
	launch_take_metadata(task->engine, record);
	if (task_is_released(task))
		task->end = TASK_RELEASE;
	else if (record->status == RECORD_FAILED)
		task_fail(task);
	if (task->end == TASK_END && record->attempts != NULL)
		outcome_add_attempt(record, task->began_ms);
	task->ended(task);
}

static void
task_on_ended(struct proc *proc, const struct proc_result *result)
{
	task_finish(proc->data, result);
}

static void
task_not_launched(struct clock_timer *timer)
{
	struct task *task = timer->data;
	struct proc_result result = { .exit_code = -1, .max_rss_kb = -1 };

	result.err = task->launch_err;
	result.stop = task->stop;
	task_finish(task, &result);
}

/* Its beginning */

static void
task_on_output(struct proc *proc, int stream, const char *data, size_t n)
{
	struct task *task = proc->data;
	char id[ULID_LEN + 1];

	if (task->job.output == JOB_OUTPUT_PASSTHROUGH) {
		log_pass(data, n);
		return;
	}
	ulid_format(&task->work.record.id, id);
	log_output((struct log_source){ "handler", task->job.name }, id, stream,
	    data, n);
}

void
task_start(struct task *task)
{
	struct engine *engine = task->engine;
	struct launch launch;
	bool has_log = task->job.output == JOB_OUTPUT_LOG ||
	    task->job.output == JOB_OUTPUT_PASSTHROUGH;

	task->began_ms = clock_wall_ms(engine->clock);
	if (!launch_prepare_work(
		&launch, engine, &task->job, &task->work, &task->launch_err)) {
		/* end from the loop, as a command that did not start does */
		task->timer.fire = task_not_launched;
		task->timer.data = task;
		clock_set_in(engine->clock, &task->timer, 0);
		goto out;
	}
	task->proc = (struct proc){
		.ended = task_on_ended,
		.output = has_log ? task_on_output : NULL,
		.data = task,
	};
	proc_start(engine->host, &task->proc, &launch.command);
	if (task->work.record.attempt == 1)
		notify_start(engine, task->handler, &task->work.record);
out:
	launch_release(&launch);
}

void
task_stop(struct task *task, enum proc_stop why, bool now)
{
	if (task->stop == PROC_NOT_STOPPED)
		task->stop = why;
	if (task->proc.host != NULL)
		proc_stop(&task->proc, why, now);
}
