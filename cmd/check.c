/*
 * wjobs check: every error and warning of a jobfile at once, and of a good one
 * each job's schedule in plain words with its next fires.
 */
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/out.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "lib/store/history.h"
#include "lib/time/duration.h"

#define CHECK_FIRES 3
#define CHECK_PAGE  5000 /* jobs that a table gathers before it is printed */

struct check {
	struct cli *cli;
	struct out out;
	bool no_env;
	int64_t now_ms;
	size_t warnings;
};

/* What is printed of one job. */
struct check_row {
	const struct job *job;
	const char *schedule;
	int64_t next_ms[CHECK_FIRES];
	size_t n;
};

enum check_column {
	CHECK_JOB,
	CHECK_KIND,
	CHECK_SCHEDULE,
	CHECK_CRON,
	CHECK_INTERVAL,
	CHECK_TIMEZONE,
	CHECK_ENABLED,
	CHECK_NEXT,
};

static struct field_value
check_get(const void *data, const struct field *field)
{
	const struct check_row *row = data;
	const struct job *job = row->job;

	switch ((enum check_column)field->id) {
	case CHECK_JOB:
		return field_text(job->name);
	case CHECK_KIND:
		return field_text(job_kind_name(job->kind));
	case CHECK_SCHEDULE:
		return field_text(row->schedule);
	case CHECK_CRON:
		return field_list((const char *const *)job->cron);
	case CHECK_INTERVAL:
		return job->kind == JOB_INTERVAL
		    ? field_span(job->when.interval_ms)
		    : field_null();
	case CHECK_TIMEZONE:
		return field_text(zone_name(job->when.zone));
	case CHECK_ENABLED:
		return field_bool(job->enabled);
	case CHECK_NEXT:
		return (struct field_value){
			.kind = FIELD_TIMES,
			.times = row->next_ms,
			.len = row->n,
			.zone = job->when.zone,
		};
	}
	return field_null();
}

static const struct field fields[] = {
	{ "job", check_get, .id = CHECK_JOB },
	{ "kind", check_get, .id = CHECK_KIND },
	{ "schedule", check_get, .id = CHECK_SCHEDULE },
	{ "cron", check_get, .id = CHECK_CRON },
	{ "interval", check_get, .id = CHECK_INTERVAL },
	{ "timezone", check_get, .id = CHECK_TIMEZONE },
	{ "enabled", check_get, .id = CHECK_ENABLED },
	{ "next", check_get, .id = CHECK_NEXT },
};

/* A job that is not enabled has no next fires, nor has a handler. */
static void
check_fires(const struct check *check, struct check_row *row)
{
	int64_t t = check->now_ms;

	row->n = 0;
	if (row->job->kind == JOB_HANDLER || !row->job->enabled)
		return;
	for (; row->n < CHECK_FIRES; row->n++) {
		t = when_next(&row->job->when, t);
		if (t == WHEN_NEVER)
			break;
		row->next_ms[row->n] = t;
	}
}

static struct table *
check_table(void)
{
	struct table *table = table_new();

	table_column(table, "JOB", TABLE_LEFT);
	table_column(table, "NEXT", TABLE_LEFT);
	table_column(table, "SCHEDULE", TABLE_LEFT);
	return table;
}

/* A line for each fire; the job and its schedule stand in the first. */
static void
check_lines(
    const struct check *check, struct table *table, const struct check_row *row)
{
	const struct zone *zone = row->job->when.zone;
	char buf[STAMP_TEXT_SIZE];
	size_t i;

	table_row(table);
	table_cell(table, TABLE_BOLD, "%s", row->job->name);
	table_cell(table, row->n != 0 ? TABLE_PLAIN : TABLE_DIM, "%s",
	    row->n != 0 ? out_human(&check->out, row->next_ms[0], zone, buf)
		: row->job->kind == JOB_HANDLER ? "-"
						: "disabled");
	table_cell(table, TABLE_PLAIN, "%s", row->schedule);
	for (i = 1; i < row->n; i++) {
		table_row(table);
		table_cell(table, TABLE_PLAIN, "%s", "");
		table_cell(table, TABLE_DIM, "%s",
		    out_human(&check->out, row->next_ms[i], zone, buf));
	}
}

static void
check_print(struct check *check)
{
	const struct jobfile *file = &check->cli->jobfile;
	bool is_machine = out_is_machine(&check->out);
	struct table *table = check_table();
	struct str words = { 0 };
	size_t i;

	for (i = 0; i < file->n + file->handlers; i++) {
		struct check_row row = {
			.job = i < file->n ? &file->job[i]
					   : &file->handler[i - file->n],
		};

		str_clear(&words);
		job_describe(row.job, &words);
		row.schedule = str_text(&words);
		check_fires(check, &row);
		if (is_machine)
			out_row(&check->out, &row);
		else
			check_lines(check, table, &row);
		if (!is_machine && (i + 1) % CHECK_PAGE == 0) {
			out_table(table);
			table_free(table);
			table = check_table();
		}
	}
	out_table(table);
	table_free(table);
	str_release(&words);
}

/* Those without a line were told when the file was read. */
static void
check_warnings(struct check *check)
{
	const struct errlist *list = &check->cli->warnings;
	char line[sizeof list->item->file + sizeof list->item->msg + 32];
	size_t i;

	for (i = 0; i < list->len; i++) {
		if (list->item[i].line == 0)
			continue;
		err_format(&list->item[i], line, sizeof line);
		cli_note(check->cli, "warning: %s", line);
	}
	if (list->dropped != 0)
		cli_note(check->cli, "and %zu more warnings", list->dropped);
	check->warnings += list->len + list->dropped;
}

/* The job usually takes longer than the time between two of its fires. */
static void
check_duration(struct check *check, const struct history_job *past)
{
	const struct job *job = map_find(
	    &check->cli->jobfile.names, past->name);
	char usual[DURATION_TEXT_SIZE], gap[DURATION_TEXT_SIZE];
	int64_t runs = past->successful + past->failed, usual_ms, gap_ms;

	if (job == NULL || job->kind == JOB_HANDLER || runs == 0)
		return;
	usual_ms = (int64_t)(past->total_duration_ms / (double)runs);
	gap_ms = when_gap_ms(&job->when, check->now_ms);
	if (usual_ms <= gap_ms)
		return;
	check->warnings++;
	cli_note(check->cli,
	    "warning: %s:%d:%d: jobs.%s: it usually takes %s, and is due each "
	    "%s",
	    job->place.file, job->place.line, job->place.col, job->name,
	    duration_human(usual_ms, usual), duration_human(gap_ms, gap));
}

/*
 * What the past says of the schedules. Without a store there is no past, and
 * one that cannot be read is no fault of the jobfile.
 */
static void
check_durations(struct check *check)
{
	struct cli *cli = check->cli;
	struct history_job *past = NULL;
	struct err err;
	size_t n = 0, i;

	if (!cli_find_place(cli, &err) || cli_store_is_memory(cli) ||
	    !cli_open_store(cli, &err) || cli->store == NULL ||
	    !history_jobs(cli->store, NULL, &past, &n, &err))
		return;
	for (i = 0; i < n; i++)
		check_duration(check, &past[i]);
	history_jobs_release(past, n);
}

static void
check_summary(const struct check *check)
{
	size_t jobs = check->cli->jobfile.n;
	size_t handlers = check->cli->jobfile.handlers;

	if (out_is_machine(&check->out) || check->cli->quiet)
		return;
	printf("\n%zu job%s, ", jobs, jobs == 1 ? "" : "s");
	if (handlers != 0)
		printf("%zu handler%s, ", handlers, handlers == 1 ? "" : "s");
	printf("no errors, %zu warning%s\n", check->warnings,
	    check->warnings == 1 ? "" : "s");
}

static int
cmd_check_run(struct cli *cli, int argc, char **argv, struct err *err)
{
	struct check check = { .cli = cli };
	const struct opt opts[] = {
		{ 0, "no-env", OPT_FLAG, { .flag = &check.no_env }, NULL,
		    .help = "a ${VAR} that is not set is no error" },
		OUT_OPTS(check.out),
		{ 0 },
	};
	int status = CMD_FAILED;

	if (!cli_begin(cli, opts, &argc, &argv, err))
		return cli->status;
	check.now_ms = clock_now_ms();
	if (out_begin(&check.out, fields, ARRAY_LEN(fields), err) &&
	    cli_load_jobfile(cli, check.no_env ? JOBFILE_NO_ENV : 0, err)) {
		check_warnings(&check);
		check_durations(&check);
		check_print(&check);
		check_summary(&check);
		status = 0;
	}
	out_release(&check.out);
	return status;
}

const struct cmd cmd_check = {
	.name = "check",
	.help = "find every error of a jobfile, and tell when its jobs fire",
	.run = cmd_check_run,
};
