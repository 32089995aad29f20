#include "cmd/show_run.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/attempts.h"
#include "cmd/past.h"
#include "lib/base/str.h"
#include "lib/store/record_field.h"
#include "lib/time/duration.h"

/* What a run's record has beyond what `history` prints of it. */
enum {
	SHOW_WORK = RECORD_FIELDS,
	SHOW_STATE,
	SHOW_PRIORITY,
	SHOW_CRASHES,
	SHOW_CREATED,
	SHOW_DUE,
	SHOW_KEY,
	SHOW_RETRY_AT,
	SHOW_ATTEMPTS,
	SHOW_HEAD,
	SHOW_TAIL,
	SHOW_RUN_FIELDS
};

struct shown_run {
	struct record_row row;   /* first: what record_field takes */
	const struct work *work; /* NULL: the queue does not have it */
	struct attempts attempts;
};

static struct field_value
show_get_work(const void *data, const struct field *field)
{
	const struct shown_run *shown = data;
	const struct work *work = shown->work;

	if (work == NULL)
		return field_null();
	switch (field->id) {
	case SHOW_WORK:
		return field_id(&work->id);
	case SHOW_STATE:
		return field_text(work_state_name(work->state));
	case SHOW_PRIORITY:
		return field_int(work->priority);
	case SHOW_CRASHES:
		return field_int(work->crashes);
	case SHOW_CREATED:
		return field_time(work->created_ms, shown->row.zone);
	case SHOW_DUE:
		return field_time(work->due_ms, shown->row.zone);
	default:
		return field_text(work->key);
	}
}

static struct field_value
show_get_run(const void *data, const struct field *field)
{
	const struct shown_run *shown = data;
	const struct record_row *row = &shown->row;
	const struct record *record = row->record;

	switch (field->id) {
	case SHOW_ATTEMPTS:
		return shown->attempts.n == 0
		    ? field_null()
		    : (struct field_value){ .kind = FIELD_ROWS,
			      .tree = attempts_field,
			      .len = ATTEMPTS_FIELDS,
			      .rows = shown->attempts.row,
			      .n = shown->attempts.n,
			      .size = sizeof *shown->attempts.row };
	case SHOW_RETRY_AT:
		return record->status == RECORD_PENDING
		    ? field_time(record->retry_at_ms, row->zone)
		    : field_null();
	case SHOW_HEAD:
		return record->head == NULL
		    ? field_null()
		    : field_bytes(record->head, record->head_len);
	default:
		return record->tail == NULL
		    ? field_null()
		    : field_bytes(record->tail, record->tail_len);
	}
}

static const struct field more_field[] = {
	{ "work", show_get_work, .id = SHOW_WORK },
	{ "state", show_get_work, .id = SHOW_STATE },
	{ "priority", show_get_work, .id = SHOW_PRIORITY },
	{ "crashes", show_get_work, .id = SHOW_CRASHES },
	{ "created_at", show_get_work, .id = SHOW_CREATED },
	{ "due_at", show_get_work, .id = SHOW_DUE },
	{ "key", show_get_work, .id = SHOW_KEY },
	{ "retry_at", show_get_run, .id = SHOW_RETRY_AT },
	{ "attempts", show_get_run, .id = SHOW_ATTEMPTS },
	{ "output_head", show_get_run, .id = SHOW_HEAD },
	{ "output_tail", show_get_run, .id = SHOW_TAIL },
};
_Static_assert(
    RECORD_FIELDS + ARRAY_LEN(more_field) == SHOW_RUN_FIELDS, "a field each");

static void
show_run_fields(struct field field[SHOW_RUN_FIELDS])
{
	memcpy(field, record_field, sizeof record_field);
	memcpy(field + RECORD_FIELDS, more_field, sizeof more_field);
}

/* A field of a run as people read it. */
static void
show_run_cell(struct table *table, const struct out *out,
    const struct field_value *value, bool is_status,
    const struct record *record)
{
	char time[STAMP_TEXT_SIZE], span[DURATION_TEXT_SIZE];
	char id[ULID_LEN + 1];

	switch (value->kind) {
	case FIELD_ID:
		ulid_format(value->is.id, id);
		table_cell(table, TABLE_PLAIN, "%s", id);
		break;
	case FIELD_TEXT:
	case FIELD_PAIRS:
		table_cell(table,
		    is_status ? past_colour(record->status) : TABLE_PLAIN, "%s",
		    value->is.text);
		break;
	case FIELD_INT:
		table_cell(
		    table, TABLE_PLAIN, "%lld", (long long)value->is.number);
		break;
	case FIELD_REAL:
		table_cell(table, TABLE_PLAIN, "%s",
		    duration_human((int64_t)(value->is.real * 1000), span));
		break;
	case FIELD_TIME:
		table_cell(table, TABLE_PLAIN, "%s",
		    out_human(out, value->is.number, value->zone, time));
		break;
	case FIELD_NULL:
	case FIELD_BOOL:
	case FIELD_LIST:
	case FIELD_TIMES:
	case FIELD_TREE:
	case FIELD_ROWS:
		table_cell(table, TABLE_DIM, "-");
		break;
	}
}

static void
show_attempt(
    struct table *table, const struct out *out, const struct attempts_row *row)
{
	char time[STAMP_TEXT_SIZE];
	struct str text = { 0 };

	attempts_describe(row, &text);
	table_row(table);
	table_cell(table, TABLE_DIM, "attempt %lld", (long long)row->number);
	table_cell(table, TABLE_PLAIN, "%s  %s",
	    out_human(out, row->began_ms, row->zone, time), str_text(&text));
	str_release(&text);
}

static void
show_run_table(const struct out *out, const struct field *field,
    const struct shown_run *shown)
{
	struct table *table = table_new();
	size_t i;

	table_column(table, "KEY", TABLE_LEFT);
	table_column(table, "VALUE", TABLE_LEFT);
	for (i = 0; i < SHOW_ATTEMPTS; i++) {
		struct field_value value = field[i].get(shown, &field[i]);

		if (value.kind == FIELD_NULL)
			continue;
		table_row(table);
		table_cell(table, TABLE_DIM, "%s", field[i].name);
		show_run_cell(table, out, &value,
		    strcmp(field[i].name, "status") == 0, shown->row.record);
	}
	for (i = 0; i < shown->attempts.n; i++)
		show_attempt(table, out, &shown->attempts.row[i]);
	out_table(table);
	table_free(table);
}

bool
show_run(struct cli *cli, struct out *out, const struct future *future,
    struct err *err)
{
	const struct record *record = future_record(future);
	struct field field[SHOW_RUN_FIELDS];
	struct shown_run shown = { .row.record = record,
		.work = future->is_work ? &future->work : NULL };
	const struct zone *zone = cli_zone(cli, err);

	show_run_fields(field);
	if (zone == NULL || !out_begin(out, field, SHOW_RUN_FIELDS, err))
		return false;
	shown.row.zone = past_zone(cli, record->job, zone);
	attempts_parse(&shown.attempts, record, shown.row.zone);
	if (out_is_machine(out))
		out_row(out, &shown);
	else
		show_run_table(out, field, &shown);
	attempts_release(&shown.attempts);
	return true;
}
