/*
 * wjobs show: a job with the effective value of every key and its state, or a
 * run with its whole record (show_run). A job's keys come from the jobfile's own table,
 * so the table of fields is made at run time: what is typed, then the keys.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/out.h"
#include "cmd/past.h"
#include "cmd/show_run.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/time/duration.h"

#define SHOW_FIRES 3

struct setting {
	char *key, *value;
	bool is_default;
};

struct shown {
	const char *name;
	const struct job *job;           /* NULL: not in the jobfile */
	const struct history_job *state; /* NULL: not in the store */
	const struct zone *zone;
	struct str schedule; /* in plain words */
	int64_t fire_ms[SHOW_FIRES];
	size_t fires;
	struct setting *setting;
	struct field *key; /* a field for each setting */
	size_t n;
};

enum show_column {
	SHOW_JOB,
	SHOW_KIND,
	SHOW_ENABLED,
	SHOW_PAUSED,
	SHOW_SCHEDULE,
	SHOW_TIMEZONE,
	SHOW_NEXT,
	SHOW_NEXT_FIRES,
	SHOW_RUNNING,
	SHOW_LAST_STATUS,
	SHOW_LAST_RUN,
	SHOW_LAST_DURATION,
	SHOW_LAST_ID,
	SHOW_LAST_SUCCESS,
	SHOW_LAST_FAILURE,
	SHOW_LAST_ERROR,
	SHOW_SETTINGS,
};

static struct field_value
show_get_last(const struct shown *shown, const struct field *field)
{
	const struct history_job *state = shown->state;

	if (!state->has_last)
		return field_null();
	switch (field->id) {
	case SHOW_LAST_STATUS:
		return field_text(record_status_name(state->last_status));
	case SHOW_LAST_RUN:
		return field_time(state->last_started_ms, shown->zone);
	case SHOW_LAST_DURATION:
		return field_span(state->last_duration_ms);
	default:
		return field_id(&state->last_id);
	}
}

/* What the store knows. */
static struct field_value
show_get_state(const void *row, const struct field *field)
{
	const struct shown *shown = row;
	const struct history_job *state = shown->state;

	if (state == NULL)
		return field->id == SHOW_RUNNING ? field_int(0) : field_null();
	switch (field->id) {
	case SHOW_RUNNING:
		return field_int(state->running);
	case SHOW_LAST_SUCCESS:
		return field_time(state->last_success_ms, shown->zone);
	case SHOW_LAST_FAILURE:
		return field_time(state->last_failure_ms, shown->zone);
	case SHOW_LAST_ERROR:
		return field_text(state->last_error);
	default:
		return show_get_last(shown, field);
	}
}

static struct field_value
show_get_kind(const struct shown *shown)
{
	if (shown->job != NULL)
		return field_text(job_kind_name(shown->job->kind));
	return field_text(shown->state->kind);
}

/* What the jobfile knows, and what follows from it. */
static struct field_value
show_get(const void *row, const struct field *field)
{
	const struct shown *shown = row;
	const struct job *job = shown->job;

	if (field->id == SHOW_JOB)
		return field_text(shown->name);
	if (field->id == SHOW_KIND)
		return show_get_kind(shown);
	if (job == NULL)
		return field_null();
	switch (field->id) {
	case SHOW_ENABLED:
		return field_bool(job->enabled);
	case SHOW_PAUSED:
		return field_bool(false);
	case SHOW_SCHEDULE:
		return field_text(str_text(&shown->schedule));
	case SHOW_TIMEZONE:
		return field_text(zone_name(shown->zone));
	case SHOW_NEXT:
		return shown->fires == 0
		    ? field_null()
		    : field_time(shown->fire_ms[0], shown->zone);
	case SHOW_NEXT_FIRES:
		return (struct field_value){ .kind = FIELD_TIMES,
			.times = shown->fire_ms,
			.len = shown->fires,
			.zone = shown->zone };
	default:
		return (struct field_value){
			.kind = FIELD_TREE, .tree = shown->key, .len = shown->n
		};
	}
}

static struct field_value
show_get_setting(const void *row, const struct field *field)
{
	const struct shown *shown = row;

	return field_text(shown->setting[field->id].value);
}

static const struct field job_fields[] = {
	{ "job", show_get, .id = SHOW_JOB },
	{ "kind", show_get, .id = SHOW_KIND },
	{ "enabled", show_get, .id = SHOW_ENABLED },
	{ "paused", show_get, .id = SHOW_PAUSED },
	{ "schedule", show_get, .id = SHOW_SCHEDULE },
	{ "timezone", show_get, .id = SHOW_TIMEZONE },
	{ "next", show_get, .id = SHOW_NEXT },
	{ "next_fires", show_get, .id = SHOW_NEXT_FIRES },
	{ "running", show_get_state, .id = SHOW_RUNNING },
	{ "last_status", show_get_state, .id = SHOW_LAST_STATUS },
	{ "last_run", show_get_state, .id = SHOW_LAST_RUN },
	{ "last_duration", show_get_state, .id = SHOW_LAST_DURATION },
	{ "last_id", show_get_state, .id = SHOW_LAST_ID },
	{ "last_success", show_get_state, .id = SHOW_LAST_SUCCESS },
	{ "last_failure", show_get_state, .id = SHOW_LAST_FAILURE },
	{ "last_error", show_get_state, .id = SHOW_LAST_ERROR },
	{ "settings", show_get, .id = SHOW_SETTINGS },
};

static void
show_add_setting(
    void *data, const char *key, const char *value, bool is_default)
{
	struct shown *shown = data;
	size_t n = shown->n;

	shown->setting = mem_grow(
	    shown->setting, n + 1, sizeof *shown->setting);
	shown->setting[n] = (struct setting){ mem_strdup(key),
		mem_strdup(value), is_default };
	shown->key = mem_grow(shown->key, n + 1, sizeof *shown->key);
	shown->key[n] = (struct field){ shown->setting[n].key, show_get_setting,
		.id = (int)n };
	shown->n++;
}

static void
show_prepare(struct shown *shown, const struct cli *cli)
{
	int64_t at_ms = clock_now_ms();

	if (shown->job == NULL)
		return;
	jobfile_show(&cli->jobfile, shown->job, show_add_setting, shown);
	job_describe(shown->job, &shown->schedule);
	while (shown->job->kind != JOB_HANDLER && shown->job->enabled &&
	    shown->fires < SHOW_FIRES) {
		at_ms = when_next(&shown->job->when, at_ms);
		if (at_ms == WHEN_NEVER)
			break;
		shown->fire_ms[shown->fires++] = at_ms;
	}
}

static void
show_release(struct shown *shown)
{
	size_t i;

	for (i = 0; i < shown->n; i++) {
		free(shown->setting[i].key);
		free(shown->setting[i].value);
	}
	free(shown->setting);
	free(shown->key);
	str_release(&shown->schedule);
}

/* The typed fields and, where -o names them, the keys one by one. */
static struct field *
show_fields(const struct shown *shown, size_t *n)
{
	size_t typed = ARRAY_LEN(job_fields), i;
	struct field *field = mem_zalloc(typed + shown->n, sizeof *field);

	memcpy(field, job_fields, sizeof job_fields);
	for (i = 0; i < shown->n; i++) {
		field[typed + i] = shown->key[i];
		field[typed + i].only_named = true;
	}
	*n = typed + shown->n;
	return field;
}

static void
show_pair(struct table *table, const char *key, const char *value)
{
	table_row(table);
	table_cell(table, TABLE_DIM, "%s", key);
	table_cell(table, TABLE_PLAIN, "%s", value);
}

static struct table *
show_table(void)
{
	struct table *table = table_new();

	table_column(table, "KEY", TABLE_LEFT);
	table_column(table, "VALUE", TABLE_LEFT);
	return table;
}

static void
show_job_state(
    struct table *table, const struct out *out, const struct shown *shown)
{
	const struct history_job *state = shown->state;
	char time[STAMP_TEXT_SIZE], span[DURATION_TEXT_SIZE];

	if (state == NULL)
		return;
	if (state->running > 0 || state->pending > 0) {
		table_row(table);
		table_cell(table, TABLE_DIM, "running");
		table_cell(table, TABLE_BOLD, "%d", state->running);
		if (state->pending > 0)
			table_more(table, TABLE_PLAIN,
			    ", %d waiting to be retried", state->pending);
	}
	if (state->has_last) {
		table_row(table);
		table_cell(table, TABLE_DIM, "last run");
		table_cell(table, TABLE_PLAIN, "%s ",
		    out_human(out, state->last_started_ms, shown->zone, time));
		table_more(table, past_colour(state->last_status), "%s",
		    record_status_name(state->last_status));
		if (state->last_duration_ms >= 0)
			table_more(table, TABLE_PLAIN, " in %s",
			    duration_human(state->last_duration_ms, span));
	}
	show_pair(table, "last success",
	    out_human(out, state->last_success_ms, shown->zone, time));
	show_pair(table, "last failure",
	    out_human(out, state->last_failure_ms, shown->zone, time));
	if (state->last_error != NULL)
		show_pair(table, "last error", state->last_error);
	table_row(table);
	table_cell(table, TABLE_DIM, "runs");
	past_strip(table, state->strip, state->strip_len);
}

static void
show_job_table(const struct out *out, const struct shown *shown)
{
	struct table *table = show_table();
	char time[STAMP_TEXT_SIZE];
	size_t i;

	show_pair(table, "job", shown->name);
	if (shown->job == NULL)
		show_pair(table, "schedule", "not in the jobfile");
	else
		show_pair(table, "schedule", str_text(&shown->schedule));
	for (i = 0; i < shown->fires; i++)
		show_pair(table, i == 0 ? "next" : "",
		    out_human(out, shown->fire_ms[i], shown->zone, time));
	show_job_state(table, out, shown);
	for (i = 0; i < shown->n; i++) {
		const struct setting *setting = &shown->setting[i];

		table_row(table);
		table_cell(table, TABLE_DIM, "%s", setting->key);
		table_cell(table, setting->is_default ? TABLE_DIM : TABLE_BOLD,
		    "%s%s", setting->value != NULL ? setting->value : "-",
		    setting->is_default && setting->value != NULL ? " (default)"
								  : "");
	}
	out_table(table);
	table_free(table);
}

static bool
show_job(struct cli *cli, struct out *out, const char *name,
    const struct past_job *found, struct err *err)
{
	struct shown shown = {
		.name = name, .job = found->job, .state = found->state
	};
	struct field *field;
	bool ok;
	size_t n;

	shown.zone = found->job != NULL ? found->job->when.zone
					: cli_zone(cli, err);
	if (shown.zone == NULL)
		return false;
	show_prepare(&shown, cli);
	field = show_fields(&shown, &n);
	ok = out_begin(out, field, n, err);
	if (ok && out_is_machine(out))
		out_row(out, &shown);
	else if (ok)
		show_job_table(out, &shown);
	free(field);
	show_release(&shown);
	return ok;
}

static int
cmd_show_run(struct cli *cli, int argc, char **argv, struct err *err)
{
	struct out out = { 0 };
	struct past_found found = { 0 };
	const struct opt opts[] = {
		OUT_OPTS(out),
		{ 0 },
	};
	bool ok;

	if (!cli_begin(cli, opts, &argc, &argv, err))
		return cli->status;
	if (cli_store_is_memory(cli))
		cli_note(cli, "results are in the scheduler's memory alone");
	ok = past_find(cli, argv[0], &found, err) &&
	    (found.is_run ? show_run(cli, &out, &found.future, err)
			  : show_job(cli, &out, argv[0], &found.job, err));
	past_found_release(&found);
	out_release(&out);
	return ok ? 0 : CMD_FAILED;
}

const struct cmd cmd_show = {
	.name = "show",
	.operands = "JOB | ID",
	.help = "show a job's settings and state, or all of a run or work",
	.needs = MAY_JOBFILE | MAY_STORE,
	.min_operands = 1,
	.max_operands = 1,
	.run = cmd_show_run,
};
