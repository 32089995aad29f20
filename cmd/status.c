#include <stdio.h>

#include "cmd/alive.h"
#include "cmd/cmd.h"
#include "cmd/out.h"
#include "lib/base/clock.h"

/* The instances of a store that are alive. It needs no scheduler here. */

/* From here on, an instance's clock is worth a colour. */
#define STATUS_OFFSET_WARN_MS 1000
#define STATUS_OFFSET_BAD_MS  30000

struct status_row {
	const struct instance *instance;
	const struct zone *zone;
};

enum status_column {
	STATUS_WORKER,
	STATUS_KIND,
	STATUS_HOST,
	STATUS_PID,
	STATUS_SINCE,
	STATUS_OFFSET,
	STATUS_VERSION,
	STATUS_RUNS,
};

static struct field_value
status_get_run(const void *data, const struct field *field)
{
	const struct instance_run *run = data;

	return field->id == 0 ? field_id(&run->id) : field_text(run->job);
}

static const struct field run_field[] = {
	{ "id", status_get_run, .id = 0 },
	{ "job", status_get_run, .id = 1 },
};

static const char *
status_kind(const struct instance *instance)
{
	return instance->kind == SESSION_FILTER
	    ? "command"
	    : instance_kind_name(instance->kind);
}

static struct field_value
status_get(const void *data, const struct field *field)
{
	const struct status_row *row = data;
	const struct instance *in = row->instance;

	switch ((enum status_column)field->id) {
	case STATUS_WORKER:
		return field_text(in->worker);
	case STATUS_KIND:
		return field_text(status_kind(in));
	case STATUS_HOST:
		return field_text(in->host);
	case STATUS_PID:
		return field_int(in->process.pid);
	case STATUS_SINCE:
		return field_time(in->since_ms, row->zone);
	case STATUS_OFFSET:
		return in->has_offset ? field_real((double)in->offset_ms / 1e3)
				      : field_null();
	case STATUS_VERSION:
		return field_text(in->version);
	case STATUS_RUNS:
		return (struct field_value){ .kind = FIELD_ROWS,
			.rows = in->run,
			.n = in->runs,
			.size = sizeof *in->run,
			.tree = run_field,
			.len = ARRAY_LEN(run_field) };
	}
	return field_null();
}

static const struct field fields[] = {
	{ "worker", status_get, .id = STATUS_WORKER },
	{ "kind", status_get, .id = STATUS_KIND },
	{ "host", status_get, .id = STATUS_HOST },
	{ "pid", status_get, .id = STATUS_PID },
	{ "since", status_get, .id = STATUS_SINCE },
	{ "clock_offset", status_get, .id = STATUS_OFFSET },
	{ "version", status_get, .id = STATUS_VERSION },
	{ "running", status_get, .id = STATUS_RUNS },
};

/* The table */

static struct table *
status_table(void)
{
	struct table *table = table_new();

	table_column(table, "WORKER", TABLE_LEFT);
	table_column(table, "HOST", TABLE_LEFT);
	table_column(table, "PID", TABLE_RIGHT);
	table_column(table, "SINCE", TABLE_LEFT);
	table_column(table, "CLOCK", TABLE_RIGHT);
	table_column(table, "RUNNING", TABLE_LEFT);
	return table;
}

static void
status_cell_clock(struct table *table, const struct instance *in)
{
	int64_t off = in->offset_ms < 0 ? -in->offset_ms : in->offset_ms;

	if (!in->has_offset)
		table_cell(table, TABLE_DIM, "-");
	else
		table_cell(table,
		    off > STATUS_OFFSET_BAD_MS        ? TABLE_RED
			: off > STATUS_OFFSET_WARN_MS ? TABLE_YELLOW
						      : TABLE_PLAIN,
		    "%+.3fs", (double)in->offset_ms / 1e3);
}

static void
status_table_row(
    struct table *table, const struct out *out, const struct status_row *row)
{
	const struct instance *in = row->instance;
	char since[STAMP_TEXT_SIZE];
	size_t i;

	table_row(table);
	table_cell(
	    table, TABLE_BOLD, "%s", in->worker != NULL ? in->worker : "-");
	table_cell(table, TABLE_PLAIN, "%s", in->host != NULL ? in->host : "-");
	table_cell(table, TABLE_PLAIN, "%lld", (long long)in->process.pid);
	table_cell(table, TABLE_PLAIN, "%s",
	    out_human(out, in->since_ms, row->zone, since));
	status_cell_clock(table, in);
	table_cell(table, in->runs != 0 ? TABLE_PLAIN : TABLE_DIM, "%s",
	    in->runs != 0 ? in->run[0].job : "-");
	for (i = 1; i < in->runs; i++)
		table_more(table, TABLE_PLAIN, ", %s", in->run[i].job);
	if (in->kind == SESSION_FILTER)
		table_more(table, TABLE_DIM, " (by hand)");
	else if (in->kind == SESSION_WORKER)
		table_more(table, TABLE_DIM, " (queue only)");
}

static void
status_print(const struct out *out, const struct instance *list, size_t n,
    const struct zone *zone)
{
	struct table *table = status_table();
	size_t i;

	for (i = 0; i < n && !ferror(stdout); i++) {
		struct status_row row = { &list[i], zone };

		if (out_is_machine(out))
			out_row(out, &row);
		else
			status_table_row(table, out, &row);
	}
	out_table(table);
	table_free(table);
}

static int
cmd_status_run(struct cli *cli, int argc, char **argv, struct err *err)
{
	struct out out = { 0 };
	bool all = false;
	const struct opt opts[] = {
		{ 'a', "all", OPT_FLAG, { .flag = &all }, NULL,
		    .help = "the instances of all hosts that use the store" },
		OUT_OPTS(out),
		{ 0 },
	};
	struct instance *list = NULL;
	const struct zone *zone;
	int status = CMD_FAILED;
	size_t n = 0;

	if (!cli_begin(cli, opts, &argc, &argv, err))
		return cli->status;
	if (!all) {
		err_set(err, ERR_USAGE,
		    "say --all: a scheduler cannot be asked by itself yet");
		return CMD_FAILED;
	}
	if (out_begin(&out, fields, ARRAY_LEN(fields), err) &&
	    (zone = cli_zone(cli, err)) != NULL &&
	    alive_list(cli, &list, &n, err)) {
		status_print(&out, list, n, zone);
		status = 0;
	}
	instances_release(list, n);
	out_release(&out);
	return status;
}

const struct cmd cmd_status = {
	.name = "status",
	.help = "show the instances that are alive, and what each runs",
	.needs = MAY_JOBFILE,
	.run = cmd_status_run,
};
