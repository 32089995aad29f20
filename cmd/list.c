#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/out.h"
#include "cmd/past.h"
#include "lib/base/clock.h"
#include "lib/base/map.h"
#include "lib/base/str.h"
#include "lib/store/history.h"
#include "lib/time/duration.h"

#define LIST_WIDE  110 /* from this width on there is room for all */
#define LIST_MARKS 5   /* of the strip, below it */
#define LIST_LEAST 9   /* of a schedule: "0 3 * * *" */

/* A job of the jobfile with what the store knows of it. */
struct list_row {
	const struct job *job;
	const struct history_job *state; /* NULL: nothing */
	int64_t next_ms;
};

enum list_column {
	LIST_JOB,
	LIST_KIND,
	LIST_CRON,
	LIST_INTERVAL,
	LIST_TIMEZONE,
	LIST_ENABLED,
	LIST_PAUSED,
	LIST_NEXT,
	LIST_LAST_STATUS,
	LIST_LAST_RUN,
	LIST_LAST_DURATION,
	LIST_DESCRIPTION,
};

static struct field_value
list_get_state(const struct list_row *row, enum list_column column)
{
	const struct history_job *state = row->state;

	if (state == NULL || !state->has_last)
		return field_null();
	if (column == LIST_LAST_STATUS)
		return field_text(record_status_name(state->last_status));
	if (column == LIST_LAST_RUN)
		return field_time(state->last_started_ms, row->job->when.zone);
	return field_span(state->last_duration_ms);
}

static struct field_value
list_get(const void *data, const struct field *field)
{
	const struct list_row *row = data;
	const struct job *job = row->job;

	switch ((enum list_column)field->id) {
	case LIST_JOB:
		return field_text(job->name);
	case LIST_KIND:
		return field_text(job_kind_name(job->kind));
	case LIST_CRON:
		return field_list(job->cron);
	case LIST_INTERVAL:
		return job->kind == JOB_INTERVAL
		    ? field_span(job->when.interval_ms)
		    : field_null();
	case LIST_TIMEZONE:
		return field_text(zone_name(job->when.zone));
	case LIST_ENABLED:
		return field_bool(job->enabled);
	case LIST_PAUSED:
		return field_bool(false);
	case LIST_NEXT:
		return field_time(row->next_ms, job->when.zone);
	case LIST_LAST_STATUS:
	case LIST_LAST_RUN:
	case LIST_LAST_DURATION:
		return list_get_state(row, (enum list_column)field->id);
	case LIST_DESCRIPTION:
		return field_text(job->description);
	}
	return field_null();
}

static const struct field fields[] = {
	{ "job", list_get, .id = LIST_JOB },
	{ "kind", list_get, .id = LIST_KIND },
	{ "cron", list_get, .id = LIST_CRON },
	{ "interval", list_get, .id = LIST_INTERVAL },
	{ "timezone", list_get, .id = LIST_TIMEZONE },
	{ "enabled", list_get, .id = LIST_ENABLED },
	{ "paused", list_get, .id = LIST_PAUSED },
	{ "next", list_get, .id = LIST_NEXT },
	{ "last_status", list_get, .id = LIST_LAST_STATUS },
	{ "last_run", list_get, .id = LIST_LAST_RUN },
	{ "last_duration", list_get, .id = LIST_LAST_DURATION },
	{ "description", list_get, .id = LIST_DESCRIPTION },
};

/* What the table is made with. */
struct view {
	struct out out;
	struct table *table;
	int64_t now_ms;
	bool is_wide;
};

static struct table *
list_table(bool is_wide)
{
	struct table *table = table_new();

	table_column(table, "JOB", TABLE_LEFT);
	table_column(table, "SCHEDULE", TABLE_LEFT);
	table_may_cut(table, LIST_LEAST);
	table_column(table, "NEXT", TABLE_LEFT);
	table_column(table, "IN", TABLE_RIGHT);
	table_column(table, "LAST", TABLE_LEFT);
	table_column(table, "TOOK", TABLE_RIGHT);
	table_column(table, "RUNS", TABLE_LEFT);
	if (is_wide)
		table_column(table, "DESCRIPTION", TABLE_LEFT);
	return table;
}

/* The schedule as it was written. */
static void
list_cell_schedule(struct table *table, const struct job *job)
{
	char span[DURATION_TEXT_SIZE];
	size_t i;

	if (job->kind == JOB_HANDLER) {
		table_cell(table, TABLE_DIM, "handler");
		return;
	}
	if (job->kind == JOB_INTERVAL) {
		table_cell(table, TABLE_PLAIN, "every %s",
		    duration_format(job->when.interval_ms, span));
		return;
	}
	table_cell(table, TABLE_PLAIN, "%s", job->cron[0]);
	for (i = 1; job->cron[i] != NULL; i++)
		table_more(table, TABLE_PLAIN, "; %s", job->cron[i]);
}

static void
list_cell_next(const struct view *view, const struct list_row *row)
{
	char time[STAMP_TEXT_SIZE], span[DURATION_TEXT_SIZE];
	const struct zone *zone = row->job->when.zone;

	if (row->job->kind == JOB_HANDLER)
		table_cell(view->table, TABLE_DIM, "-");
	else if (!row->job->enabled)
		table_cell(view->table, TABLE_YELLOW, "disabled");
	else if (row->next_ms == CLOCK_NEVER)
		table_cell(view->table, TABLE_DIM, "at boot");
	else
		table_cell(view->table, TABLE_PLAIN, "%s",
		    view->is_wide
			? out_human(&view->out, row->next_ms, zone, time)
			: out_short(&view->out, row->next_ms, zone, time));
	if (row->next_ms == CLOCK_NEVER)
		table_cell(view->table, TABLE_DIM, "-");
	else
		table_cell(view->table, TABLE_BOLD, "%s",
		    duration_human(row->next_ms - view->now_ms, span));
}

/* How long ago the last run ended, where there is room to say it. */
static void
list_more_age(const struct view *view, const struct history_job *state)
{
	char span[DURATION_TEXT_SIZE];
	int64_t age_ms = view->now_ms - state->last_completed_ms;

	if (view->is_wide && state->last_completed_ms != CLOCK_NONE)
		table_more(view->table, TABLE_DIM, " %s ago",
		    duration_human(age_ms > 0 ? age_ms : 0, span));
}

/* How the last run went; a run under way comes first. */
static void
list_cell_last(const struct view *view, const struct history_job *state)
{
	char span[DURATION_TEXT_SIZE];
	bool has_last = state != NULL && state->has_last;
	bool is_running = state != NULL && state->running > 0;

	table_cell(view->table, TABLE_BOLD, "%s", is_running ? "running" : "");
	if (has_last && (view->is_wide || !is_running)) {
		table_more(view->table, past_colour(state->last_status), "%s%s",
		    is_running ? ", " : "",
		    record_status_name(state->last_status));
		list_more_age(view, state);
	}
	if (!has_last && !is_running)
		table_more(view->table, TABLE_DIM, "-");
	table_cell(view->table, TABLE_PLAIN, "%s",
	    has_last && state->last_duration_ms >= 0
		? duration_human(state->last_duration_ms, span)
		: "-");
}

static void
list_cell_strip(const struct view *view, const struct history_job *state)
{
	int len = state != NULL ? state->strip_len : 0, skip = 0;

	if (!view->is_wide && len > LIST_MARKS)
		skip = len - LIST_MARKS;
	past_strip(view->table, state != NULL ? state->strip + skip : NULL,
	    len - skip);
}

static void
list_table_row(const struct view *view, const struct list_row *row)
{
	const struct job *job = row->job;

	table_row(view->table);
	table_cell(view->table, job->enabled ? TABLE_BOLD : TABLE_DIM, "%s",
	    job->name);
	list_cell_schedule(view->table, job);
	list_cell_next(view, row);
	list_cell_last(view, row->state);
	list_cell_strip(view, row->state);
	if (view->is_wide)
		table_cell(view->table, TABLE_DIM, "%s",
		    job->description != NULL ? job->description : "");
}

static void
list_rows(struct view *view, const struct job *list, size_t n,
    const struct map *states)
{
	size_t i;

	for (i = 0; i < n && !ferror(stdout); i++) {
		const struct job *job = &list[i];
		bool is_due = job->enabled && job->kind != JOB_HANDLER;
		struct list_row row = { job, map_find(states, job->name),
			is_due ? when_next(&job->when, view->now_ms)
			       : CLOCK_NEVER };

		if (out_is_machine(&view->out))
			out_row(&view->out, &row);
		else
			list_table_row(view, &row);
	}
}

static void
list_print(const struct cli *cli, struct view *view, const struct map *states)
{
	const struct jobfile *file = &cli->jobfile;

	view->is_wide = out_is_wide(LIST_WIDE);
	view->table = list_table(view->is_wide);
	view->now_ms = clock_now_ms();
	list_rows(view, file->job, file->n, states);
	list_rows(view, file->handler, file->handlers, states);
	out_table(view->table);
	table_free(view->table);
}

static int
cmd_list_run(struct cli *cli, int argc, char **argv, struct err *err)
{
	struct view view = { 0 };
	const struct opt opts[] = {
		OUT_OPTS(view.out),
		{ 0 },
	};
	struct history_job *jobs = NULL;
	struct map states = { 0 };
	int status = CMD_FAILED;
	size_t n = 0, i;

	if (!cli_begin(cli, opts, &argc, &argv, err))
		return cli->status;
	if (!out_begin(&view.out, fields, ARRAY_LEN(fields), err))
		goto out;
	if (cli_store_is_memory(cli))
		cli_note(cli, "results are in the scheduler's memory alone");
	if (cli->store != NULL &&
	    !history_jobs(cli->store, NULL, &jobs, &n, err))
		goto out;
	for (i = 0; i < n; i++)
		map_put(&states, jobs[i].name, &jobs[i]);
	list_print(cli, &view, &states);
	status = 0;
out:
	map_release(&states);
	history_jobs_release(jobs, n);
	out_release(&view.out);
	return status;
}

const struct cmd cmd_list = {
	.name = "list",
	.help = "show the jobs, when they are due and how they went",
	.needs = NEEDS_JOBFILE | MAY_STORE,
	.run = cmd_list_run,
};
