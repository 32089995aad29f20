/*
 * wjobs logs: what a run wrote, as it was kept, or while it is being written.
 * On a terminal control characters are made visible; into a pipe or a file the
 * bytes go as they are.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/follow.h"
#include "cmd/out.h"
#include "cmd/output.h"
#include "cmd/past.h"
#include "lib/base/str.h"
#include "lib/store/history.h"

struct view {
	struct cli *cli;
	struct out out;
	struct output output;
	bool is_following, is_raw;
};

enum logs_column {
	LOGS_ID,
	LOGS_JOB,
	LOGS_STATUS,
	LOGS_BYTES,
	LOGS_OMITTED,
	LOGS_OUTPUT,
};

struct logs_row {
	const struct record *record;
	struct str output; /* head and tail */
};

static struct field_value
logs_get(const void *data, const struct field *field)
{
	const struct logs_row *row = data;

	switch ((enum logs_column)field->id) {
	case LOGS_ID:
		return field_id(&row->record->id);
	case LOGS_JOB:
		return field_text(row->record->job);
	case LOGS_STATUS:
		return field_text(record_status_name(row->record->status));
	case LOGS_BYTES:
		return field_int(row->record->output_bytes);
	case LOGS_OMITTED:
		return field_int(output_omitted(row->record));
	case LOGS_OUTPUT:
		return field_bytes(str_text(&row->output), row->output.len);
	}
	return field_null();
}

static const struct field fields[] = {
	{ "id", logs_get, .id = LOGS_ID },
	{ "job", logs_get, .id = LOGS_JOB },
	{ "status", logs_get, .id = LOGS_STATUS },
	{ "output_bytes", logs_get, .id = LOGS_BYTES },
	{ "omitted_bytes", logs_get, .id = LOGS_OMITTED },
	{ "output", logs_get, .id = LOGS_OUTPUT },
};

static void
logs_print(struct view *view, const struct record *record)
{
	struct logs_row row = { .record = record };

	if (out_is_machine(&view->out)) {
		str_addn(&row.output, record->head, record->head_len);
		str_addn(&row.output, record->tail, record->tail_len);
		out_row(&view->out, &row);
		str_release(&row.output);
	} else if (record->status != RECORD_RUNNING ||
	    !follow_peek(&view->output, &record->id)) {
		output_record(&view->output, record);
	}
}

/* A job's newest run. */
static bool
logs_find_last(struct cli *cli, const char *name, struct past_found *found,
    struct err *err)
{
	struct future *future = &found->future;

	if (cli->store == NULL)
		return true;
	work_init(&future->work);
	record_init(&future->record);
	if (!history_last(
		cli->store, name, &future->record, &future->has_record, err))
		return false;
	found->is_run = future->has_record;
	return true;
}

/*
 * Of a history in a scheduler's memory nothing can be read, but of work whose
 * queue lies elsewhere.
 */
static bool
logs_find(struct cli *cli, const char *name, struct past_found *found,
    struct err *err)
{
	if (!cli_store_is_memory(cli))
		return past_find(cli, name, found, err);
	if (!shelf_is_memory(cli)) {
		if (past_find(cli, name, found, err) && found->is_run)
			return true;
		if (err->code != ERR_NONE && err->code != ERR_NOT_FOUND)
			return false;
	}
	return cli_open_store(cli, err);
}

static bool
logs_of(struct view *view, const char *name, struct past_found *found,
    struct err *err)
{
	struct cli *cli = view->cli;

	if (!logs_find(cli, name, found, err))
		return false;
	if (view->is_following)
		return found->is_run ? follow_run(&view->output, &found->shelf,
					   &found->future, err)
				     : follow_job(&view->output, name, err);
	if (!found->is_run && !logs_find_last(cli, name, found, err))
		return false;
	if (found->is_run)
		logs_print(view, future_record(&found->future));
	else
		cli_note(cli, "'%s' has not run yet", name);
	return true;
}

static bool
logs_begin(struct view *view, struct err *err)
{
	view->output.cli = view->cli;
	view->output.is_visible = !view->is_raw && isatty(STDOUT_FILENO);
	if (!out_begin(&view->out, fields, ARRAY_LEN(fields), err))
		return false;
	if (view->is_following && out_is_machine(&view->out))
		return err_set(err, ERR_USAGE,
		    "-F prints output as it comes, and neither --json nor "
		    "-o");
	return true;
}

static int
cmd_logs_run(struct cli *cli, int argc, char **argv, struct err *err)
{
	struct view view = { .cli = cli };
	struct past_found found = { 0 };
	bool ok;
	const struct opt opts[] = {
		{ 'F', "follow", OPT_FLAG, { .flag = &view.is_following }, NULL,
		    .help = "follow the run to its end, the job for ever" },
		{ 0, "raw", OPT_FLAG, { .flag = &view.is_raw }, NULL,
		    .help = "control characters as they are, also on a "
			    "terminal" },
		OUT_OPTS(view.out),
		{ 0 },
	};

	if (!cli_begin(cli, opts, &argc, &argv, err))
		return cli->status;
	ok = logs_begin(&view, err) && logs_of(&view, argv[0], &found, err);
	past_found_release(&found);
	output_release(&view.output);
	out_release(&view.out);
	return ok ? 0 : CMD_FAILED;
}

const struct cmd cmd_logs = {
	.name = "logs",
	.operands = "JOB | ID",
	.help = "print what a run, work, or a job's last run wrote",
	.needs = MAY_JOBFILE | MAY_STORE,
	.min_operands = 1,
	.max_operands = 1,
	.run = cmd_logs_run,
};
