/*
 * wjobs queue: what the queue holds, how much that is, and emptying parts of
 * it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/out.h"
#include "cmd/past.h"
#include "cmd/shelf.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#define QUEUE_WIDE 110 /* from this width on there is room for all */
#define QUEUE_ID   16  /* letters of an id, below it */
#define QUEUE_SOME 100 /* cancelled at a time */

struct view {
	struct cli *cli;
	struct shelf shelf;
	struct out out;
	struct queue_filter filter;
	bool counts;
	const struct zone
	    *zone; /* of handlers that the jobfile does not have */
	struct table *table;
	bool is_wide;
};

/* The work as fields */

struct queue_row {
	const struct work *work;
	const struct zone *zone;
};

enum queue_column {
	QUEUE_ROW_ID,
	QUEUE_ROW_HANDLER,
	QUEUE_ROW_STATE,
	QUEUE_ROW_PRIORITY,
	QUEUE_ROW_ATTEMPT,
	QUEUE_ROW_CREATED,
	QUEUE_ROW_DUE,
	QUEUE_ROW_ERROR,
};

static struct field_value
queue_get(const void *data, const struct field *field)
{
	const struct queue_row *row = data;
	const struct work *work = row->work;

	switch ((enum queue_column)field->id) {
	case QUEUE_ROW_ID:
		return field_id(&work->id);
	case QUEUE_ROW_HANDLER:
		return field_text(work->record.job);
	case QUEUE_ROW_STATE:
		return field_text(work_state_name(work->state));
	case QUEUE_ROW_PRIORITY:
		return field_int(work->priority);
	case QUEUE_ROW_ATTEMPT:
		return work->attempts == 0 ? field_null()
					   : field_int(work->attempts);
	case QUEUE_ROW_CREATED:
		return field_time(work->created_ms, row->zone);
	case QUEUE_ROW_DUE:
		return field_time(work->due_ms, row->zone);
	case QUEUE_ROW_ERROR:
		return field_text(work->record.error);
	}
	return field_null();
}

static const struct field work_field[] = {
	{ "id", queue_get, .id = QUEUE_ROW_ID },
	{ "handler", queue_get, .id = QUEUE_ROW_HANDLER },
	{ "state", queue_get, .id = QUEUE_ROW_STATE },
	{ "priority", queue_get, .id = QUEUE_ROW_PRIORITY },
	{ "attempt", queue_get, .id = QUEUE_ROW_ATTEMPT },
	{ "created_at", queue_get, .id = QUEUE_ROW_CREATED },
	{ "due_at", queue_get, .id = QUEUE_ROW_DUE },
	{ "error", queue_get, .id = QUEUE_ROW_ERROR },
};

static struct field_value
queue_get_count(const void *data, const struct field *field)
{
	const struct queue_counts *counts = data;

	return field_int(counts->by_state[field->id]);
}

/* The table as people read it */

static enum table_colour
queue_colour(enum work_state state)
{
	switch (state) {
	case WORK_RUNNING:
		return TABLE_BOLD;
	case WORK_BURIED:
		return TABLE_RED;
	case WORK_DONE:
		return TABLE_GREEN;
	case WORK_DELAYED:
	case WORK_CANCELLED:
		return TABLE_YELLOW;
	case WORK_READY:
	case WORK_STATES:
		break;
	}
	return TABLE_PLAIN;
}

static struct table *
queue_table(bool is_wide)
{
	struct table *table = table_new();

	table_column(table, "ID", TABLE_LEFT);
	table_column(table, "HANDLER", TABLE_LEFT);
	table_column(table, "STATE", TABLE_LEFT);
	table_column(table, "PRIORITY", TABLE_RIGHT);
	table_column(table, "ATTEMPT", TABLE_RIGHT);
	if (is_wide)
		table_column(table, "CREATED", TABLE_LEFT);
	table_column(table, "DUE", TABLE_LEFT);
	table_column(table, "ERROR", TABLE_LEFT);
	return table;
}

static void
queue_cell_time(
    const struct view *view, const struct queue_row *row, int64_t ms)
{
	char time[STAMP_TEXT_SIZE];

	table_cell(view->table, TABLE_PLAIN, "%s",
	    view->is_wide ? out_human(&view->out, ms, row->zone, time)
			  : out_short(&view->out, ms, row->zone, time));
}

static void
queue_table_row(const struct view *view, const struct queue_row *row)
{
	const struct work *work = row->work;
	char id[ULID_LEN + 1];

	ulid_format(&work->id, id);
	table_row(view->table);
	table_cell(view->table, TABLE_DIM, "%.*s",
	    view->is_wide ? ULID_LEN : QUEUE_ID, id);
	table_cell(view->table, TABLE_BOLD, "%s",
	    work->record.job != NULL ? work->record.job : "-");
	table_cell(view->table, queue_colour(work->state), "%s",
	    work_state_name(work->state));
	table_cell(view->table, TABLE_PLAIN, "%d", work->priority);
	table_cell(view->table, TABLE_PLAIN, "%d", work->attempts);
	if (view->is_wide)
		queue_cell_time(view, row, work->created_ms);
	queue_cell_time(view, row, work->due_ms);
	table_cell(view->table, TABLE_PLAIN, "%s",
	    work->record.error != NULL ? work->record.error : "");
}

static bool
queue_each(void *data, const struct work *work)
{
	struct view *view = data;
	struct queue_row row = { work,
		past_zone(view->cli, work->record.job, view->zone) };

	if (out_is_machine(&view->out))
		out_row(&view->out, &row);
	else
		queue_table_row(view, &row);
	return !ferror(stdout);
}

static bool
queue_print(struct view *view, struct err *err)
{
	bool ok;

	if (!out_begin(&view->out, work_field, ARRAY_LEN(work_field), err))
		return false;
	view->zone = cli_zone(view->cli, err);
	if (view->zone == NULL ||
	    !shelf_open(&view->shelf, view->cli, SHELF_READ, err))
		return false;
	if (view->shelf.store == NULL)
		return true;
	view->is_wide = out_is_wide(QUEUE_WIDE);
	view->table = queue_table(view->is_wide);
	ok = queue_list(
	    view->shelf.store, &view->filter, queue_each, view, err);
	out_table(view->table);
	table_free(view->table);
	return ok;
}

/* How much there is of it */

static int64_t
queue_wanted(const struct view *view, const struct queue_counts *counts)
{
	return view->filter.has_state
	    ? counts->by_state[view->filter.state]
	    : counts->by_state[WORK_READY] + counts->by_state[WORK_DELAYED];
}

static bool
queue_print_counts(struct view *view, struct err *err)
{
	struct field field[WORK_STATES];
	struct queue_counts counts = { { 0 } };
	int i;

	for (i = 0; i < WORK_STATES; i++)
		field[i] = (struct field){ work_state_name((enum work_state)i),
			queue_get_count, .id = i };
	if (!out_begin(&view->out, field, WORK_STATES, err) ||
	    !shelf_open(&view->shelf, view->cli, SHELF_READ, err))
		return false;
	if (view->shelf.store != NULL &&
	    !queue_count(view->shelf.store, view->filter.handler, &counts, err))
		return false;
	if (out_is_machine(&view->out))
		out_row(&view->out, &counts);
	else
		printf("%lld\n", (long long)queue_wanted(view, &counts));
	return true;
}

/* Emptying it */

struct queue_some {
	struct work work[QUEUE_SOME];
	size_t n;
};

static bool
queue_gather(void *data, const struct work *work)
{
	struct queue_some *some = data;

	work_copy(&some->work[some->n++], work);
	return some->n < QUEUE_SOME;
}

/* History lies elsewhere, and is to be told of each. */
static bool
queue_cancel_some(
    struct view *view, struct queue_some *some, size_t *n, struct err *err)
{
	struct store_op *op[QUEUE_SOME];
	bool ok;
	size_t i;

	for (i = 0; i < some->n; i++) {
		op[i] = shelf_op_new(&view->shelf, WORK_CANCEL);
		op[i]->work->work.id = some->work[i].id;
	}
	ok = shelf_apply(&view->shelf, op, some->n, err);
	for (i = 0; i < some->n; i++) {
		if (ok && op[i]->result == CLAIM_GRANTED) {
			++*n;
			if (op[i]->work->work.state != WORK_RUNNING)
				shelf_tell_cancelled(
				    &view->shelf, &some->work[i]);
		}
		store_op_free(op[i]);
		work_release(&some->work[i]);
	}
	return ok;
}

static bool
queue_cancel_all(struct view *view, size_t *n, struct err *err)
{
	struct queue_some *some = mem_zalloc(1, sizeof *some);
	bool ok = true;

	view->filter.limit = QUEUE_SOME;
	do {
		some->n = 0;
		ok = queue_list(view->shelf.store, &view->filter, queue_gather,
			 some, err) &&
		    (some->n == 0 || queue_cancel_some(view, some, n, err));
	} while (ok && some->n == QUEUE_SOME);
	free(some);
	return ok;
}

static bool
queue_forget_all(struct view *view, size_t *n, struct err *err)
{
	struct shelf_answer answer;

	do {
		struct store_op *op = shelf_op_new(&view->shelf, WORK_PURGE);

		op->work->work.state = view->filter.state;
		if (!shelf_do(&view->shelf, op, &answer, err))
			return false;
		*n += answer.n;
	} while (answer.is_more);
	return true;
}

static bool
queue_purge(struct view *view, struct err *err)
{
	size_t n = 0;
	bool ok = true;

	if (!view->filter.has_state)
		view->filter.state = WORK_BURIED;
	view->filter.has_state = true;
	if (view->filter.state == WORK_RUNNING)
		return err_set(err, ERR_USAGE,
		    "work that runs is not purged: wjobs cancel ends it");
	if (view->counts || view->filter.handler != NULL ||
	    out_is_machine(&view->out))
		return err_set(
		    err, ERR_USAGE, "purge takes no option but --state");
	if (!shelf_open(&view->shelf, view->cli, SHELF_CHANGE, err))
		return false;
	if (view->shelf.store != NULL)
		ok = !view->shelf.has_history &&
			!work_state_is_final(view->filter.state)
		    ? queue_cancel_all(view, &n, err)
		    : queue_forget_all(view, &n, err);
	/* what was purged before a failure is told all the same */
	if (ok || n > 0)
		printf("%zu\n", n);
	return ok;
}

/* The command line */

static bool
queue_parse_state(struct view *view, const char *text, struct err *err)
{
	const char *names[WORK_STATES], *near;
	int i;

	if (text == NULL)
		return true;
	view->filter.has_state = work_state_find(text, &view->filter.state);
	if (view->filter.has_state)
		return true;
	for (i = 0; i < WORK_STATES; i++)
		names[i] = work_state_name((enum work_state)i);
	near = str_nearest(text, names, WORK_STATES);
	return err_set(err, ERR_USAGE,
	    "--state: '%s' is not one of ready, delayed, running, buried, "
	    "done, cancelled%s%s%s",
	    text, near != NULL ? "; did you mean '" : "",
	    near != NULL ? near : "", near != NULL ? "'?" : "");
}

static bool
queue_go(struct view *view, const char *what, struct err *err)
{
	if (what == NULL)
		return view->counts ? queue_print_counts(view, err)
				    : queue_print(view, err);
	if (strcmp(what, "purge") == 0)
		return queue_purge(view, err);
	view->cli->is_misused = true;
	return err_set(err, ERR_USAGE, "unexpected argument '%s'", what);
}

static int
cmd_queue_run(struct cli *cli, int argc, char **argv, struct err *err)
{
	struct view view = { .cli = cli };
	const char *state = NULL;
	const struct opt opts[] = {
		{ 0, "count", OPT_FLAG, { .flag = &view.counts }, NULL,
		    .help =
			"print how much waits; with --json, of each state" },
		{ 0, "handler", OPT_TEXT, { .text = &view.filter.handler },
		    "HANDLER", .help = "the work of this handler alone" },
		{ 0, "state", OPT_TEXT, { .text = &state }, "STATE",
		    .help = "what is ready, delayed, running, buried, ..." },
		OUT_OPTS(view.out),
		{ 0 },
	};
	bool ok;

	if (!cli_begin(cli, opts, &argc, &argv, err))
		return cli->status;
	ok = queue_parse_state(&view, state, err) &&
	    queue_go(&view, argv[0], err);
	out_release(&view.out);
	shelf_close(&view.shelf);
	return ok ? 0 : CMD_FAILED;
}

const struct cmd cmd_queue = {
	.name = "queue",
	.operands = "[purge]",
	.help = "show the work that waits, runs or is buried; or purge some",
	.needs = MAY_JOBFILE,
	.max_operands = 1,
	.run = cmd_queue_run,
};
