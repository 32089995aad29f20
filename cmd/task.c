#include "cmd/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/engine/outcome.h"
#include "lib/engine/retry.h"

/*
 * A line is read when there is room to run it, and no sooner: so memory is
 * bounded, and a pipe that is slow begins what it has.
 */
#define BATCH_WAITING 10000 /* for a retry; until then no line is begun */
#define BATCH_TEXT    160   /* of a command in the list of failures */

/* Lists */

static void
list_push(struct task_list *list, struct task *task)
{
	task->next = NULL;
	task->prev = list->last;
	if (list->last != NULL)
		list->last->next = task;
	else
		list->first = task;
	list->last = task;
	list->len++;
}

static void
list_remove(struct task_list *list, struct task *task)
{
	if (task->prev != NULL)
		task->prev->next = task->next;
	else
		list->first = task->next;
	if (task->next != NULL)
		task->next->prev = task->prev;
	else
		list->last = task->prev;
	task->prev = task->next = NULL;
	list->len--;
}

/* Ends */

static size_t
cut_text(const char *text, size_t most)
{
	size_t n = strlen(text);

	if (n <= most)
		return n;
	while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
		most--; /* not within a character */
	return most;
}

static void
batch_note_failure(
    struct batch *batch, int64_t number, const char *what, const char *text)
{
	size_t n = cut_text(text, BATCH_TEXT);
	struct err err;

	batch->failed++;
	if (batch->failed > BATCH_FAILURES)
		return;
	err_set(&err, ERR_SYSTEM, "line %lld: %s: %.*s%s", (long long)number,
	    what, (int)n, text, text[n] != '\0' ? "..." : "");
	errlist_add(&batch->cli->errors, &err);
}

void
batch_stop(struct batch *batch, bool stops_running)
{
	struct task *task;

	batch->is_stopping = true;
	if (!stops_running)
		return;
	for (task = batch->running.first; task != NULL; task = task->next)
		proc_stop(&task->proc, PROC_CANCELLED, false);
}

static void
batch_fail(
    struct batch *batch, int64_t number, const char *what, const char *text)
{
	batch_note_failure(batch, number, what, text);
	switch (batch->options->halt) {
	case BATCH_GO_ON:
		break;
	case BATCH_HALT_SOON:
		batch_stop(batch, false);
		break;
	case BATCH_HALT_NOW:
		batch_stop(batch, true);
		break;
	}
}

static void
task_free(struct task *task)
{
	if (task->print != NULL)
		print_close(task->print);
	clock_stop(&task->pause);
	free(task->text);
	free(task);
}

static void
task_on_pause(struct clock_timer *timer)
{
	struct task *task = timer->data;
	struct batch *batch = task->batch;

	list_remove(&batch->waiting, task);
	list_push(&batch->ready, task);
	batch_go(batch);
}

static void
task_pause(struct task *task)
{
	struct batch *batch = task->batch;

	task->pause.fire = task_on_pause;
	task->pause.data = task;
	clock_set_in(batch->clock, &task->pause,
	    retry_delay_ms(
		&batch->job.retry, task->attempt, random_fraction()));
	list_push(&batch->waiting, task);
}

/* Was stopped by our own doing: no failure of its own. */
static bool
task_was_stopped(const struct task *task, const struct proc_result *result)
{
	return result->stop == PROC_CANCELLED ||
	    task->batch->interrupted != 0 || task->batch->is_broken;
}

static void
task_failed(struct task *task, const struct proc_result *result)
{
	struct batch *batch = task->batch;
	struct record record;
	bool again;

	record_init(&record);
	outcome_fill(&record, &batch->job, result);
	again = !batch->is_stopping && !task_was_stopped(task, result) &&
	    retry_is_wanted(&batch->job.retry, task->attempt, record.reason,
		record.exit_code);
	if (again) {
		task_pause(task);
	} else {
		if (!task_was_stopped(task, result))
			batch_fail(
			    batch, task->number, record.error, task->text);
		batch->done++;
		task_free(task);
	}
	record_release(&record);
}

static void
task_on_ended(struct proc *proc, const struct proc_result *result)
{
	struct task *task = (struct task *)proc;
	struct batch *batch = task->batch;

	list_remove(&batch->running, task);
	if (task->print != NULL)
		print_end(task->print);
	if (result->started && result->exit_code == 0 &&
	    result->stop == PROC_NOT_STOPPED && result->err.code == ERR_NONE) {
		batch->done++;
		task_free(task);
	} else {
		task_failed(task, result);
	}
	batch_go(batch);
}

/* Beginnings */

static void
task_start(struct task *task)
{
	struct batch *batch = task->batch;
	struct ulid id = ulid_make(clock_wall_ms(batch->clock));

	task->attempt++;
	ulid_format(&id, batch->run_id + sizeof "WJOBS_RUN_ID=" - 1);
	snprintf(batch->line, sizeof batch->line, "WJOBS_LINE=%lld",
	    (long long)task->number);
	snprintf(batch->attempt, sizeof batch->attempt, "WJOBS_ATTEMPT=%d",
	    task->attempt);
	batch->command.text = task->text;
	if (task->print != NULL)
		print_begin(task->print, &task->proc);
	list_push(&batch->running, task);
	proc_start(batch->host, &task->proc, &batch->command);
}

static struct print *
batch_print(struct batch *batch, const struct feed_line *line)
{
	struct str tag = { 0 };
	struct print *print;

	if (batch->command.output == PROC_DISCARD)
		return NULL;
	if (batch->options->is_tagged)
		str_add_visible(&tag, line->text, line->len, false);
	print = print_new(&batch->printer, tag.s);
	str_release(&tag);
	return print;
}

static void
batch_start_line(struct batch *batch, const struct feed_line *line)
{
	struct task *task;

	if (line->wrong != NULL) {
		batch->done++;
		batch_fail(batch, line->number, line->wrong, line->text);
		return;
	}
	task = mem_zalloc(1, sizeof *task);
	task->batch = batch;
	task->proc.ended = task_on_ended;
	task->text = mem_strndup(line->text, line->len);
	task->number = line->number;
	task->print = batch_print(batch, line);
	task_start(task);
}

/* The next line, if it is there. False where nothing can be begun now. */
static bool
batch_next_line(struct batch *batch)
{
	struct feed_line line;

	if (batch->has_ended || batch->waiting.len >= BATCH_WAITING)
		return false;
	switch (feed_next(&batch->feed, &line, batch->err)) {
	case FEED_LINE:
		batch_start_line(batch, &line);
		return true;
	case FEED_WAIT:
		ev_io_start(batch->loop, &batch->readable);
		return false;
	case FEED_END:
	case FEED_FAILED:
		batch->has_ended = true;
		break;
	}
	return false;
}

static bool
batch_start_one(struct batch *batch)
{
	struct task *task = batch->ready.first;

	if (task == NULL)
		return batch_next_line(batch);
	list_remove(&batch->ready, task);
	task_start(task);
	return true;
}

static void
batch_drop(struct task_list *list)
{
	struct task *task;

	while ((task = list->first) != NULL) {
		list_remove(list, task);
		task_free(task);
	}
}

void
batch_drop_waiting(struct batch *batch)
{
	batch_drop(&batch->waiting);
	batch_drop(&batch->ready);
}

/*
 * Whose last attempt has failed, and will not be tried again: it was counted as
 * nothing yet.
 */
static void
batch_give_up(struct batch *batch, struct task_list *list)
{
	struct task *task;

	for (task = list->first; task != NULL; task = task->next) {
		batch->done++;
		batch_note_failure(batch, task->number,
		    "it failed, and was not tried again", task->text);
	}
	batch_drop(list);
}

void
batch_go(struct batch *batch)
{
	while (!batch->is_stopping &&
	    batch->running.len < batch->options->width &&
	    !printer_is_full(&batch->printer) && batch_start_one(batch))
		;
	if (batch->is_stopping) {
		ev_io_stop(batch->loop, &batch->readable);
		batch_give_up(batch, &batch->waiting);
		batch_give_up(batch, &batch->ready);
	}
	if ((!batch->has_ended && !batch->is_stopping) ||
	    batch->running.len + batch->waiting.len + batch->ready.len > 0 ||
	    printer_is_busy(&batch->printer))
		return;
	batch->is_over = true;
	ev_break(batch->loop, EVBREAK_ALL);
}
