#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/out.h"
#include "cmd/past.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "lib/store/history.h"
#include "lib/time/duration.h"

#define HISTORY_COUNT 20  /* runs shown unless told */
#define HISTORY_WIDE  110 /* from this width on there is room for all */
#define HISTORY_ID    16  /* letters of an id, below it */

struct view {
	struct out out;
	struct cli *cli;
	const struct zone *zone; /* of jobs that the jobfile does not have */
	int64_t now_ms;
	struct table *table;
	bool is_wide;
};

static void
history_table_row(const struct view *view, const struct record_row *row)
{
	const struct record *record = row->record;
	char id[ULID_LEN + 1], time[STAMP_TEXT_SIZE], span[DURATION_TEXT_SIZE];
	int64_t at_ms = record_instant_ms(record);
	int64_t duration_ms = past_duration_ms(record, view->now_ms);
	struct str detail = { 0 };

	ulid_format(&record->id, id);
	past_detail(record, &detail);
	table_row(view->table);
	table_cell(view->table, TABLE_PLAIN, "%s",
	    view->is_wide ? out_human(&view->out, at_ms, row->zone, time)
			  : out_short(&view->out, at_ms, row->zone, time));
	table_cell(view->table, TABLE_BOLD, "%s",
	    record->job != NULL ? record->job : "-");
	table_cell(view->table, past_colour(record->status), "%s",
	    record_status_name(record->status));
	table_cell(view->table, TABLE_PLAIN, "%s",
	    duration_ms < 0 ? "-" : duration_human(duration_ms, span));
	if (view->is_wide)
		table_cell(view->table, TABLE_DIM, "%s",
		    record_trigger_name(record->trigger));
	table_cell(view->table, TABLE_DIM, "%.*s",
	    view->is_wide ? ULID_LEN : HISTORY_ID, id);
	table_cell(view->table, TABLE_PLAIN, "%s", str_text(&detail));
	str_release(&detail);
}

static bool
history_each(void *data, const struct record *record)
{
	struct view *view = data;
	struct record_row row = { record,
		past_zone(view->cli, record->job, view->zone) };

	if (out_is_machine(&view->out))
		out_row(&view->out, &row);
	else
		history_table_row(view, &row);
	return !ferror(stdout);
}

static struct table *
history_table(bool is_wide)
{
	struct table *table = table_new();

	table_column(table, "TIME", TABLE_LEFT);
	table_column(table, "JOB", TABLE_LEFT);
	table_column(table, "STATUS", TABLE_LEFT);
	table_column(table, "TOOK", TABLE_RIGHT);
	if (is_wide)
		table_column(table, "TRIGGER", TABLE_LEFT);
	table_column(table, "ID", TABLE_LEFT);
	table_column(table, "DETAIL", TABLE_LEFT);
	return table;
}

static bool
history_parse_status(
    const char *text, struct history_filter *filter, struct err *err)
{
	const char *names[RECORD_STATUSES], *near;
	int i;

	if (text == NULL)
		return true;
	filter->has_status = record_status_find(text, &filter->status);
	if (filter->has_status)
		return true;
	for (i = 0; i < RECORD_STATUSES; i++)
		names[i] = record_status_name((enum record_status)i);
	near = str_nearest(text, names, RECORD_STATUSES);
	return err_set(err, ERR_USAGE,
	    "--status: '%s' is not one of pending, running, completed, "
	    "failed, skipped, cancelled, lost%s%s%s",
	    text, near != NULL ? "; did you mean '" : "",
	    near != NULL ? near : "", near != NULL ? "'?" : "");
}

static bool
history_parse_times(struct view *view, const char *since, const char *until,
    struct history_filter *filter, struct err *err)
{
	const struct zone *zone = past_zone(view->cli, filter->job, view->zone);

	filter->since_ms = CLOCK_NONE;
	filter->until_ms = CLOCK_NEVER;
	if (since != NULL &&
	    !cli_parse_time("--since", since, zone, view->now_ms, STAMP_BACK,
		&filter->since_ms, err))
		return false;
	return until == NULL ||
	    cli_parse_time("--until", until, zone, view->now_ms, STAMP_BACK,
		&filter->until_ms, err);
}

static bool
history_need_job(struct cli *cli, const char *name, struct err *err)
{
	struct past_job found = { 0 };
	bool ok;

	if (name == NULL ||
	    (cli->has_jobfile && map_find(&cli->jobfile.names, name) != NULL))
		return true; /* with no question to the store */
	ok = past_need_job(cli, name, &found, err);
	past_job_release(&found);
	return ok;
}

static bool
history_print(
    struct view *view, const struct history_filter *filter, struct err *err)
{
	bool ok;

	if (view->cli->store == NULL)
		return true;
	view->is_wide = out_is_wide(HISTORY_WIDE);
	view->table = history_table(view->is_wide);
	ok = history_list(view->cli->store, filter, history_each, view, err);
	out_table(view->table);
	table_free(view->table);
	return ok;
}

static int
cmd_history_run(struct cli *cli, int argc, char **argv, struct err *err)
{
	struct view view = { .cli = cli };
	struct history_filter filter = { 0 };
	const char *since = NULL, *until = NULL, *status = NULL;
	int64_t count = HISTORY_COUNT;
	const struct opt opts[] = {
		{ 'n', "count", OPT_INT, { .number = &count }, "N",
		    .help = "show N runs, 20 unless told", .min = 1,
		    .max = INT_MAX },
		{ 0, "since", OPT_TIME, { .text = &since }, "TIME",
		    .help = "those due at TIME or later" },
		{ 0, "until", OPT_TIME, { .text = &until }, "TIME",
		    .help = "those due at TIME or earlier" },
		{ 0, "status", OPT_TEXT, { .text = &status }, "STATUS",
		    .help = "those that are running, failed, skipped, ..." },
		OUT_OPTS(view.out),
		{ 0 },
	};
	bool ok;

	if (!cli_begin(cli, opts, &argc, &argv, err))
		return cli->status;
	view.now_ms = clock_now_ms();
	filter.limit = (int)count;
	filter.job = argv[0];
	view.zone = cli_zone(cli, err);
	ok = view.zone != NULL &&
	    out_begin(&view.out, record_field, RECORD_FIELDS, err) &&
	    history_parse_status(status, &filter, err) &&
	    history_parse_times(&view, since, until, &filter, err) &&
	    history_need_job(cli, filter.job, err) &&
	    history_print(&view, &filter, err);
	out_release(&view.out);
	return ok ? 0 : CMD_FAILED;
}

const struct cmd cmd_history = {
	.name = "history",
	.operands = "[JOB]",
	.help = "show the runs of all jobs, or of one, newest first",
	.needs = MAY_JOBFILE | NEEDS_STORE,
	.max_operands = 1,
	.run = cmd_history_run,
};
