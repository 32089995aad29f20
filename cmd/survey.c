#include "cmd/survey.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

/* So many runs are looked back upon, to find when an incident began. */
#define SURVEY_BACK 1000
/* So much ready work is looked at, to find the oldest. */
#define SURVEY_READY 1000

static void
survey_add(struct survey *survey, const struct record *record, bool is_running)
{
	struct survey_live *live;

	survey->live = mem_grow(
	    survey->live, survey->n + 1, sizeof *survey->live);
	live = &survey->live[survey->n++];
	*live = (struct survey_live){
		.job = mem_strdup(record->job != NULL ? record->job : ""),
		.worker = record->worker != NULL ? mem_strdup(record->worker)
						 : NULL,
		.started_ms = record->started_ms,
		.attempt_ms = monitor_attempt_ms(record),
		.is_running = is_running,
		.has_slot = is_running && record->trigger != RECORD_MANUAL &&
		    record->trigger != RECORD_QUEUE,
	};
}

static bool
survey_on_run(void *data, const struct record *record)
{
	survey_add(data, record, record->status == RECORD_RUNNING);
	return true;
}

/* Once all are there, for the list moves as it grows. */
static void
survey_index(struct survey *survey)
{
	struct survey_live *live, *first;
	size_t i;

	for (i = 0; i < survey->n; i++) {
		live = &survey->live[i];
		first = map_find(&survey->first, live->job);
		if (first == NULL) {
			map_put(&survey->first, live->job, live);
			continue;
		}
		live->next = first->next;
		first->next = live;
	}
}

bool
survey_begin(struct survey *survey, const char *job, struct err *err)
{
	struct history_filter filter = {
		.job = job,
		.has_status = true,
		.status = RECORD_RUNNING,
		.since_ms = CLOCK_NONE,
		.until_ms = CLOCK_NEVER,
	};

	if (survey->cli->store == NULL)
		return true;
	if (!history_list(
		survey->cli->store, &filter, survey_on_run, survey, err))
		return false;
	filter.status = RECORD_PENDING;
	if (!history_list(
		survey->cli->store, &filter, survey_on_run, survey, err))
		return false;
	survey_index(survey);
	return true;
}

void
survey_end(struct survey *survey)
{
	size_t i;

	for (i = 0; i < survey->n; i++) {
		free(survey->live[i].job);
		free(survey->live[i].worker);
	}
	free(survey->live);
	map_release(&survey->first);
	shelf_close(&survey->shelf);
}

/* What is under way of it */

static void
survey_note_live(struct monitor_facts *facts, int64_t started_ms,
    int64_t attempt_ms, bool is_running)
{
	if (started_ms > facts->live_started_ms)
		facts->live_started_ms = started_ms;
	if (is_running && attempt_ms != CLOCK_NONE &&
	    (facts->attempt_ms == CLOCK_NONE || attempt_ms < facts->attempt_ms))
		facts->attempt_ms = attempt_ms;
}

static void
survey_runs(
    const struct survey *survey, const char *name, struct monitor_facts *facts)
{
	const struct survey_live *live = map_find(&survey->first, name);

	for (; live != NULL; live = live->next)
		survey_note_live(facts, live->started_ms, live->attempt_ms,
		    live->is_running);
}

static bool
survey_on_running_work(void *data, const struct work *work)
{
	survey_note_live(data, work->record.started_ms,
	    monitor_attempt_ms(&work->record), true);
	return true;
}

static bool
survey_on_ready_work(void *data, const struct work *work)
{
	struct survey_queue *queue = data;

	if (queue->waiting_ms == CLOCK_NONE || work->due_ms < queue->waiting_ms)
		queue->waiting_ms = work->due_ms;
	return true;
}

static bool
survey_work(struct survey *survey, const char *name,
    struct monitor_facts *facts, struct survey_queue *queue, struct err *err)
{
	struct queue_filter filter = {
		.has_state = true, .state = WORK_RUNNING, .handler = name
	};
	struct queue_counts counts = { { 0 } };
	struct store *store;

	if (!survey->has_shelf &&
	    !shelf_open(&survey->shelf, survey->cli, SHELF_READ, err))
		return false;
	survey->has_shelf = true;
	store = survey->shelf.store;
	if (store == NULL)
		return true;
	if (!queue_count(store, name, &counts, err) ||
	    !queue_list(store, &filter, survey_on_running_work, facts, err))
		return false;
	queue->ready = counts.by_state[WORK_READY];
	queue->delayed = counts.by_state[WORK_DELAYED];
	queue->buried = counts.by_state[WORK_BURIED];
	filter.state = WORK_READY;
	filter.limit = SURVEY_READY;
	return queue->ready == 0 ||
	    queue_list(store, &filter, survey_on_ready_work, queue, err);
}

/* What went before */

struct survey_back {
	struct monitor_facts *facts;
	bool is_over; /* a success was met: what lies before is no incident */
	bool for_first;
};

static bool
survey_on_past(void *data, const struct record *record)
{
	struct survey_back *back = data;
	struct monitor_facts *facts = back->facts;
	int64_t instant = record_instant_ms(record);

	if (instant != CLOCK_NONE &&
	    (facts->first_ms == CLOCK_NONE || instant < facts->first_ms))
		facts->first_ms = instant;
	back->is_over |= record->status == RECORD_COMPLETED;
	if (!back->is_over &&
	    (record->status == RECORD_FAILED || record->status == RECORD_LOST))
		facts->failing_ms = record->completed_ms;
	return back->for_first || !back->is_over;
}

/* Only where something is missing that a row of the job's does not say. */
static bool
survey_past(struct survey *survey, const char *name,
    struct monitor_facts *facts, struct err *err)
{
	const struct history_job *state = facts->state;
	const struct history_filter filter = {
		.job = name,
		.since_ms = CLOCK_NONE,
		.until_ms = CLOCK_NEVER,
		.limit = SURVEY_BACK,
	};
	struct survey_back back = {
		.facts = facts,
		.for_first = state->last_success_ms == CLOCK_NONE,
	};

	if (!back.for_first && !monitor_has_failed(state))
		return true;
	if (!history_list(
		survey->cli->store, &filter, survey_on_past, &back, err))
		return false;
	if (!back.for_first)
		facts->first_ms = CLOCK_NONE;
	else if (state->watermark_ms != CLOCK_NONE &&
	    (facts->first_ms == CLOCK_NONE ||
		state->watermark_ms < facts->first_ms))
		facts->first_ms = state->watermark_ms;
	return true;
}

static bool
survey_sample(struct survey *survey, const char *name,
    struct monitor_facts *facts, struct err *err)
{
	struct history_sample sample = { 0 };
	struct store *store = survey->cli->store;

	if (facts->attempt_ms != CLOCK_NONE) {
		if (!history_sample(store, name, CLOCK_NONE, &sample, err))
			return false;
		facts->p95_ms = monitor_percentile(&sample, 95);
		history_sample_release(&sample);
	}
	if (survey->max_rate < 0)
		return true;
	if (!history_sample(
		store, name, survey->now_ms - survey->window_ms, &sample, err))
		return false;
	facts->bad = sample.by_status[RECORD_FAILED] +
	    sample.by_status[RECORD_LOST];
	facts->ran = facts->bad + sample.by_status[RECORD_COMPLETED];
	history_sample_release(&sample);
	return true;
}

bool
survey_job(struct survey *survey, const char *name, const struct job *job,
    const struct history_job *state, struct monitor_facts *facts,
    struct survey_queue *queue, struct err *err)
{
	bool is_handler = job != NULL ? job->kind == JOB_HANDLER
				      : state->kind != NULL &&
		strcmp(state->kind, job_kind_name(JOB_HANDLER)) == 0;

	*queue = (struct survey_queue){ .waiting_ms = CLOCK_NONE };
	*facts = (struct monitor_facts){
		.now_ms = survey->now_ms,
		.job = job,
		.state = state,
		.live_started_ms = CLOCK_NONE,
		.attempt_ms = CLOCK_NONE,
		.p95_ms = -1,
		.first_ms = CLOCK_NONE,
		.failing_ms = CLOCK_NONE,
		.max_rate = survey->max_rate,
		.window_ms = survey->window_ms,
	};
	survey_runs(survey, name, facts);
	if (is_handler && !survey_work(survey, name, facts, queue, err))
		return false;
	return state == NULL ||
	    (survey_past(survey, name, facts, err) &&
		survey_sample(survey, name, facts, err));
}

/* The pool */

static bool
survey_is_of(const struct survey_live *live, const char *worker)
{
	return live->has_slot && live->worker != NULL &&
	    strcmp(live->worker, worker) == 0;
}

bool
survey_pool_is_full(const struct survey *survey, int size, int64_t *since_ms)
{
	struct map seen = { 0 };
	int64_t best = CLOCK_NONE;
	size_t i, j;

	for (i = 0; i < survey->n; i++) {
		char *worker = survey->live[i].worker;
		int64_t youngest = CLOCK_NONE;
		int n = 0;

		if (worker == NULL || map_put(&seen, worker, worker) != NULL)
			continue;
		for (j = i; j < survey->n; j++) {
			if (!survey_is_of(&survey->live[j], worker))
				continue;
			n++;
			if (survey->live[j].started_ms > youngest)
				youngest = survey->live[j].started_ms;
		}
		if (n >= size && (best == CLOCK_NONE || youngest < best))
			best = youngest;
	}
	map_release(&seen);
	*since_ms = best;
	return best != CLOCK_NONE;
}
