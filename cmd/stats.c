/*
 * wjobs stats: counters, least and greatest cover all time, as the store keeps
 * them; percentiles, and everything with --since, look at the runs kept.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/out.h"
#include "cmd/past.h"
#include "lib/base/clock.h"
#include "lib/base/map.h"
#include "lib/store/history.h"
#include "lib/time/duration.h"

#define STATS_WIDE 120 /* from this width on there is room for all */

struct stats {
	const char *job;
	const struct zone *zone;
	int64_t successful, failed, skipped, cancelled, lost;
	int64_t last_execution_ms, last_success_ms, last_failure_ms;
	const char *last_error;
	/* In milliseconds; below 0: none. */
	double average_ms;
	int64_t min_ms, max_ms, p50_ms, p95_ms;
};

enum stats_column {
	STATS_JOB,
	STATS_TOTAL,
	STATS_SUCCESSFUL,
	STATS_FAILED,
	STATS_SKIPPED,
	STATS_CANCELLED,
	STATS_LOST,
	STATS_LAST_EXECUTION,
	STATS_LAST_SUCCESS,
	STATS_LAST_FAILURE,
	STATS_LAST_ERROR,
	STATS_AVERAGE,
	STATS_MIN,
	STATS_MAX,
	STATS_P50,
	STATS_P95,
	STATS_FAILURE_RATE,
};

static double
stats_failure_rate(const struct stats *stats)
{
	int64_t bad = stats->failed + stats->lost;
	int64_t ran = bad + stats->successful;

	return ran == 0 ? 0 : (double)bad / (double)ran;
}

static int64_t
stats_total(const struct stats *stats)
{
	return stats->successful + stats->failed + stats->skipped +
	    stats->cancelled + stats->lost;
}

static struct field_value
stats_get(const void *row, const struct field *field)
{
	const struct stats *stats = row;

	switch ((enum stats_column)field->id) {
	case STATS_JOB:
		return field_text(stats->job);
	case STATS_TOTAL:
		return field_int(stats_total(stats));
	case STATS_SUCCESSFUL:
		return field_int(stats->successful);
	case STATS_FAILED:
		return field_int(stats->failed);
	case STATS_SKIPPED:
		return field_int(stats->skipped);
	case STATS_CANCELLED:
		return field_int(stats->cancelled);
	case STATS_LOST:
		return field_int(stats->lost);
	case STATS_LAST_EXECUTION:
		return field_time(stats->last_execution_ms, stats->zone);
	case STATS_LAST_SUCCESS:
		return field_time(stats->last_success_ms, stats->zone);
	case STATS_LAST_FAILURE:
		return field_time(stats->last_failure_ms, stats->zone);
	case STATS_LAST_ERROR:
		return field_text(stats->last_error);
	case STATS_AVERAGE:
		return stats->average_ms < 0
		    ? field_null()
		    : field_real(stats->average_ms / 1000);
	case STATS_MIN:
		return field_span(stats->min_ms);
	case STATS_MAX:
		return field_span(stats->max_ms);
	case STATS_P50:
		return field_span(stats->p50_ms);
	case STATS_P95:
		return field_span(stats->p95_ms);
	case STATS_FAILURE_RATE:
		return field_real(stats_failure_rate(stats));
	}
	return field_null();
}

static const struct field fields[] = {
	{ "job", stats_get, .id = STATS_JOB },
	{ "total", stats_get, .id = STATS_TOTAL },
	{ "successful", stats_get, .id = STATS_SUCCESSFUL },
	{ "failed", stats_get, .id = STATS_FAILED },
	{ "skipped", stats_get, .id = STATS_SKIPPED },
	{ "cancelled", stats_get, .id = STATS_CANCELLED },
	{ "lost", stats_get, .id = STATS_LOST },
	{ "last_execution", stats_get, .id = STATS_LAST_EXECUTION },
	{ "last_success", stats_get, .id = STATS_LAST_SUCCESS },
	{ "last_failure", stats_get, .id = STATS_LAST_FAILURE },
	{ "last_error", stats_get, .id = STATS_LAST_ERROR },
	{ "average_duration", stats_get, .id = STATS_AVERAGE },
	{ "min_duration", stats_get, .id = STATS_MIN },
	{ "max_duration", stats_get, .id = STATS_MAX },
	{ "p50_duration", stats_get, .id = STATS_P50 },
	{ "p95_duration", stats_get, .id = STATS_P95 },
	{ "failure_rate", stats_get, .id = STATS_FAILURE_RATE },
};

/* The nearest rank: the least value that p percent do not exceed. */
static int64_t
stats_percentile(const struct history_sample *sample, size_t p)
{
	return sample->n == 0
	    ? -1
	    : sample->duration_ms[(sample->n * p + 99) / 100 - 1];
}

static void
stats_of_all_time(struct stats *stats, const struct history_job *state)
{
	int64_t ran = state->successful + state->failed;

	stats->successful = state->successful;
	stats->failed = state->failed;
	stats->skipped = state->skipped;
	stats->cancelled = state->cancelled;
	stats->lost = state->lost;
	if (state->has_last)
		stats->last_execution_ms = state->last_started_ms;
	stats->last_success_ms = state->last_success_ms;
	stats->last_failure_ms = state->last_failure_ms;
	stats->last_error = state->last_error;
	stats->min_ms = state->min_duration_ms;
	stats->max_ms = state->max_duration_ms;
	if (ran > 0)
		stats->average_ms = state->total_duration_ms / (double)ran;
}

static void
stats_of_sample(struct stats *stats, const struct history_sample *sample)
{
	double total_ms = 0;
	size_t i;

	stats->successful = sample->by_status[RECORD_COMPLETED];
	stats->failed = sample->by_status[RECORD_FAILED];
	stats->skipped = sample->by_status[RECORD_SKIPPED];
	stats->cancelled = sample->by_status[RECORD_CANCELLED];
	stats->lost = sample->by_status[RECORD_LOST];
	stats->last_execution_ms = sample->last_execution_ms;
	stats->last_success_ms = sample->last_success_ms;
	stats->last_failure_ms = sample->last_failure_ms;
	stats->last_error = sample->last_error;
	if (sample->n == 0)
		return;
	for (i = 0; i < sample->n; i++)
		total_ms += (double)sample->duration_ms[i];
	stats->average_ms = total_ms / (double)sample->n;
	stats->min_ms = sample->duration_ms[0];
	stats->max_ms = sample->duration_ms[sample->n - 1];
}

static struct table *
stats_table(bool is_wide)
{
	static const char *const title[] = { "TOTAL", "OK", "FAILED", "SKIPPED",
		"LOST", "RATE", "P50", "P95" };
	struct table *table = table_new();
	size_t i;

	table_column(table, "JOB", TABLE_LEFT);
	for (i = 0; i < ARRAY_LEN(title); i++)
		table_column(table, title[i], TABLE_RIGHT);
	if (!is_wide)
		return table;
	table_column(table, "CANCELLED", TABLE_RIGHT);
	table_column(table, "AVERAGE", TABLE_RIGHT);
	table_column(table, "MAX", TABLE_RIGHT);
	table_column(table, "LAST SUCCESS", TABLE_LEFT);
	table_column(table, "LAST ERROR", TABLE_LEFT);
	return table;
}

static void
stats_cell_count(struct table *table, int64_t n, enum table_colour colour)
{
	table_cell(table, n == 0 ? TABLE_DIM : colour, "%lld", (long long)n);
}

static void
stats_cell_span(struct table *table, int64_t ms)
{
	char span[DURATION_TEXT_SIZE];

	table_cell(
	    table, TABLE_PLAIN, "%s", ms < 0 ? "-" : duration_human(ms, span));
}

struct view {
	struct cli *cli;
	struct out out;
	const struct zone *zone;
	int64_t since_ms; /* CLOCK_NONE: all time */
	struct table *table;
	bool is_wide;
};

static void
stats_table_wide(const struct view *view, const struct stats *stats)
{
	char time[STAMP_TEXT_SIZE];

	stats_cell_count(view->table, stats->cancelled, TABLE_YELLOW);
	stats_cell_span(view->table, (int64_t)stats->average_ms);
	stats_cell_span(view->table, stats->max_ms);
	table_cell(view->table, TABLE_PLAIN, "%s",
	    out_human(&view->out, stats->last_success_ms, stats->zone, time));
	table_cell(view->table, TABLE_PLAIN, "%s",
	    stats->last_error != NULL ? stats->last_error : "");
}

static void
stats_table_row(const struct view *view, const struct stats *stats)
{
	struct table *table = view->table;

	table_row(table);
	table_cell(table, TABLE_BOLD, "%s", stats->job);
	stats_cell_count(table, stats_total(stats), TABLE_PLAIN);
	stats_cell_count(table, stats->successful, TABLE_GREEN);
	stats_cell_count(table, stats->failed, TABLE_RED);
	stats_cell_count(table, stats->skipped, TABLE_YELLOW);
	stats_cell_count(table, stats->lost, TABLE_RED);
	table_cell(
	    table, TABLE_PLAIN, "%.1f%%", 100 * stats_failure_rate(stats));
	stats_cell_span(table, stats->p50_ms);
	stats_cell_span(table, stats->p95_ms);
	if (view->is_wide)
		stats_table_wide(view, stats);
}

/* One job, which the store may not know. */
static bool
stats_print(struct view *view, const char *name,
    const struct history_job *state, struct err *err)
{
	struct stats stats = {
		.job = name,
		.zone = past_zone(view->cli, name, view->zone),
		.last_execution_ms = CLOCK_NONE,
		.last_success_ms = CLOCK_NONE,
		.last_failure_ms = CLOCK_NONE,
		.average_ms = -1,
		.min_ms = -1,
		.max_ms = -1,
		.p50_ms = -1,
		.p95_ms = -1,
	};
	struct history_sample sample = { 0 };

	if (state != NULL) {
		if (!history_sample(
			view->cli->store, name, view->since_ms, &sample, err))
			return false;
		if (view->since_ms == CLOCK_NONE)
			stats_of_all_time(&stats, state);
		else
			stats_of_sample(&stats, &sample);
		stats.p50_ms = stats_percentile(&sample, 50);
		stats.p95_ms = stats_percentile(&sample, 95);
	}
	if (out_is_machine(&view->out))
		out_row(&view->out, &stats);
	else
		stats_table_row(view, &stats);
	history_sample_release(&sample);
	return true;
}

static bool
stats_one(struct view *view, const char *name, struct err *err)
{
	struct past_job found = { 0 };
	bool ok = past_need_job(view->cli, name, &found, err) &&
	    stats_print(view, name, found.state, err);

	past_job_release(&found);
	return ok;
}

static bool
stats_list(struct view *view, const struct job *list, size_t n,
    const struct map *states, struct err *err)
{
	bool ok = true;
	size_t i;

	for (i = 0; ok && i < n; i++)
		ok = stats_print(
		    view, list[i].name, map_find(states, list[i].name), err);
	return ok;
}

/*
 * The jobfile's jobs in its order, its handlers, then what only the store
 * knows.
 */
static bool
stats_all(struct view *view, struct err *err)
{
	const struct jobfile *file = &view->cli->jobfile;
	struct history_job *jobs = NULL;
	struct map states = { 0 };
	size_t n = 0, i;
	bool ok = view->cli->store == NULL ||
	    history_jobs(view->cli->store, NULL, &jobs, &n, err);

	for (i = 0; i < n; i++)
		map_put(&states, jobs[i].name, &jobs[i]);
	if (ok && view->cli->has_jobfile)
		ok = stats_list(view, file->job, file->n, &states, err) &&
		    stats_list(
			view, file->handler, file->handlers, &states, err);
	for (i = 0; ok && i < n; i++) {
		if (!view->cli->has_jobfile ||
		    map_find(&file->names, jobs[i].name) == NULL)
			ok = stats_print(view, jobs[i].name, &jobs[i], err);
	}
	map_release(&states);
	history_jobs_release(jobs, n);
	return ok;
}

static bool
stats_parse_since(
    struct view *view, const char *since, const char *job, struct err *err)
{
	view->since_ms = CLOCK_NONE;
	view->zone = cli_zone(view->cli, err);
	if (view->zone == NULL)
		return false;
	return since == NULL ||
	    cli_parse_time("--since", since,
		past_zone(view->cli, job, view->zone), clock_now_ms(),
		STAMP_BACK, &view->since_ms, err);
}

static int
cmd_stats_run(struct cli *cli, int argc, char **argv, struct err *err)
{
	struct view view = { .cli = cli };
	const char *since = NULL;
	const struct opt opts[] = {
		{ 0, "since", OPT_TIME, { .text = &since }, "TIME",
		    .help = "of the runs kept that were due since TIME" },
		OUT_OPTS(view.out),
		{ 0 },
	};
	bool ok;

	if (!cli_begin(cli, opts, &argc, &argv, err))
		return cli->status;
	view.is_wide = out_is_wide(STATS_WIDE);
	view.table = stats_table(view.is_wide);
	ok = out_begin(&view.out, fields, ARRAY_LEN(fields), err) &&
	    stats_parse_since(&view, since, argv[0], err) &&
	    (argv[0] != NULL ? stats_one(&view, argv[0], err)
			     : stats_all(&view, err));
	out_table(view.table);
	table_free(view.table);
	out_release(&view.out);
	return ok ? 0 : CMD_FAILED;
}

const struct cmd cmd_stats = {
	.name = "stats",
	.operands = "[JOB]",
	.help = "count how the runs of each job ended, and how long they took",
	.needs = MAY_JOBFILE | NEEDS_STORE,
	.max_operands = 1,
	.run = cmd_stats_run,
};
