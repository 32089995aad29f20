/*
 * wjobs next: what will fire and when. The jobs' next instants stand in a heap,
 * so that any number of jobs is merged in order of time, and printing stops
 * where the caller asked.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/out.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/time/duration.h"

#define NEXT_COUNT 10    /* fires printed unless told */
#define NEXT_PAGE  10000 /* rows that a table gathers before it is printed */

/* A schedule, and the next instant of it that is not printed yet. */
struct feed {
	const char *job; /* NULL: an expression */
	const struct when *when;
	const struct zone *zone; /* in which its times are written */
	int64_t at_ms;
	size_t order; /* of those at one instant, as in the jobfile */
};

struct next {
	struct out out;
	const char *from, *until, *timezone;
	int64_t count; /* 0: not told */
	int64_t now_ms, from_ms, until_ms;
	const struct zone *zone; /* --timezone, or NULL */
	struct feed *heap;
	size_t len;
	struct when own; /* of an expression */
};

enum next_column { NEXT_JOB, NEXT_TIME, NEXT_EPOCH, NEXT_ZONE };

static struct field_value
next_get(const void *row, const struct field *field)
{
	const struct feed *feed = row;

	switch ((enum next_column)field->id) {
	case NEXT_JOB:
		return field_text(feed->job);
	case NEXT_TIME:
		return field_time(feed->at_ms, feed->zone);
	case NEXT_EPOCH:
		return field_real((double)feed->at_ms / 1000);
	case NEXT_ZONE:
		return field_text(zone_name(feed->zone));
	}
	return field_null();
}

static const struct field fields[] = {
	{ "job", next_get, .id = NEXT_JOB },
	{ "time", next_get, .id = NEXT_TIME },
	{ "epoch", next_get, .id = NEXT_EPOCH },
	{ "zone", next_get, .id = NEXT_ZONE },
};

static bool
feed_is_before(const struct feed *a, const struct feed *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void
next_sink(struct next *next, size_t i)
{
	struct feed *heap = next->heap, moved = heap[i];
	size_t child;

	while ((child = 2 * i + 1) < next->len) {
		if (child + 1 < next->len &&
		    feed_is_before(&heap[child + 1], &heap[child]))
			child++;
		if (!feed_is_before(&heap[child], &moved))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = moved;
}

/* Without sorting: next_sort makes the heap once all are there. */
static void
next_add(struct next *next, const char *job, const struct when *when,
    const struct zone *zone)
{
	int64_t at_ms = when_next(when, next->from_ms);

	if (at_ms == WHEN_NEVER)
		return;
	next->heap = mem_grow(next->heap, next->len + 1, sizeof *next->heap);
	next->heap[next->len] = (struct feed){
		.job = job,
		.when = when,
		.zone = next->zone != NULL ? next->zone : zone,
		.at_ms = at_ms,
		.order = next->len,
	};
	next->len++;
}

static void
next_sort(struct next *next)
{
	size_t i;

	for (i = next->len / 2; i-- > 0;)
		next_sink(next, i);
}

/* Move the first schedule on to its next instant. */
static void
next_pop(struct next *next)
{
	struct feed *first = &next->heap[0];

	first->at_ms = when_next(first->when, first->at_ms);
	if (first->at_ms == WHEN_NEVER)
		*first = next->heap[--next->len];
	if (next->len > 0)
		next_sink(next, 0);
}

static struct table *
next_table(bool is_expression)
{
	struct table *table = table_new();

	table_column(table, "TIME", TABLE_LEFT);
	table_column(table, "IN", TABLE_LEFT);
	if (!is_expression)
		table_column(table, "JOB", TABLE_LEFT);
	table_column(table, "ZONE", TABLE_LEFT);
	return table;
}

static void
next_table_row(
    const struct next *next, struct table *table, const struct feed *feed)
{
	char time[STAMP_TEXT_SIZE], span[DURATION_TEXT_SIZE];
	int64_t left_ms = feed->at_ms - next->now_ms;

	table_row(table);
	table_cell(table, TABLE_PLAIN, "%s",
	    out_human(&next->out, feed->at_ms, feed->zone, time));
	if (left_ms >= 0)
		table_cell(
		    table, TABLE_DIM, "%s", duration_human(left_ms, span));
	else
		table_cell(
		    table, TABLE_DIM, "%s ago", duration_human(-left_ms, span));
	if (feed->job != NULL)
		table_cell(table, TABLE_BOLD, "%s", feed->job);
	table_cell(table, TABLE_DIM, "%s", zone_name(feed->zone));
}

/* Print the fires in order, until the count or the instant asked for. */
static void
next_print(struct next *next)
{
	bool is_bounded = next->count != 0 || next->until == NULL;
	int64_t left = next->count != 0 ? next->count : NEXT_COUNT;
	bool is_expression = next->own.zone != NULL;
	struct table *table = next_table(is_expression);
	int rows = 0;

	next_sort(next);
	for (; next->len > 0 && next->heap[0].at_ms <= next->until_ms &&
	     (!is_bounded || left > 0) && !ferror(stdout);
	     left--) {
		if (out_is_machine(&next->out))
			out_row(&next->out, &next->heap[0]);
		else
			next_table_row(next, table, &next->heap[0]);
		if (!out_is_machine(&next->out) && ++rows == NEXT_PAGE) {
			out_table(table);
			table_free(table);
			table = next_table(is_expression);
			rows = 0;
		}
		next_pop(next);
	}
	out_table(table);
	table_free(table);
}

/*
 * --timezone, --from and --until, which are read in the zone at hand: the one
 * asked for, else the job's or the file's.
 */
static bool
next_parse_times(struct next *next, const struct zone *zone, struct err *err)
{
	if (next->timezone != NULL) {
		zone = next->zone = zone_find(next->timezone, err);
		if (zone == NULL) {
			err->code = ERR_USAGE;
			return err_prefix(err, "--timezone");
		}
	}
	next->now_ms = clock_now_ms();
	next->from_ms = next->now_ms;
	next->until_ms = CLOCK_NEVER;
	if (next->from != NULL &&
	    !cli_parse_time("--from", next->from, zone, next->now_ms,
		STAMP_FORWARD, &next->from_ms, err))
		return false;
	return next->until == NULL ||
	    cli_parse_time("--until", next->until, zone, next->now_ms,
		STAMP_FORWARD, &next->until_ms, err);
}

/* What an expression says, in the system's zone unless told. */
static bool
next_add_expression(
    struct next *next, const struct cli *cli, const char *text, struct err *err)
{
	const struct zone *zone = next->timezone == NULL
	    ? zone_default(err)
	    : zone_find("UTC", err); /* until --timezone is read */
	struct cron_parsed parsed;

	if (zone == NULL || !next_parse_times(next, zone, err))
		return false;
	if (!cron_parse(text, "", (struct place){ 0 }, &parsed, err)) {
		err->code = ERR_USAGE;
		return false;
	}
	next->own.zone = next->zone != NULL ? next->zone : zone;
	switch (parsed.special) {
	case CRON_FIELDS:
		next->own.kind = WHEN_CRON;
		next->own.cron = mem_dup(&parsed.cron, sizeof parsed.cron);
		next->own.n = 1;
		break;
	case CRON_EVERY:
		next->own.kind = WHEN_INTERVAL;
		next->own.interval_ms = parsed.every_ms;
		break;
	case CRON_REBOOT:
		next->own.kind = WHEN_REBOOT;
		cli_note(cli, "'%s' is due at boot, not by the clock", text);
		break;
	}
	next_add(next, NULL, &next->own, next->own.zone);
	return true;
}

static bool
next_add_job(
    struct next *next, const struct cli *cli, const char *name, struct err *err)
{
	const struct job *job = jobfile_find(&cli->jobfile, name, err);

	if (job == NULL || !next_parse_times(next, job->when.zone, err))
		return false;
	if (!job->enabled)
		cli_note(cli, "'%s' is not enabled and never due", name);
	else
		next_add(next, job->name, &job->when, job->when.zone);
	return true;
}

static bool
next_add_all(struct next *next, const struct cli *cli, struct err *err)
{
	size_t i;

	if (!next_parse_times(next, cli->jobfile.zone, err))
		return false;
	for (i = 0; i < cli->jobfile.n; i++) {
		const struct job *job = &cli->jobfile.job[i];

		if (job->enabled)
			next_add(next, job->name, &job->when, job->when.zone);
	}
	return true;
}

static bool
next_is_expression(const char *text)
{
	return text[0] == '@' || strpbrk(text, " \t") != NULL;
}

static bool
next_add_what(
    struct next *next, struct cli *cli, const char *what, struct err *err)
{
	if (what != NULL && next_is_expression(what))
		return next_add_expression(next, cli, what, err);
	if (!cli_load_jobfile(cli, 0, err))
		return false;
	return what != NULL ? next_add_job(next, cli, what, err)
			    : next_add_all(next, cli, err);
}

static int
cmd_next_run(struct cli *cli, int argc, char **argv, struct err *err)
{
	struct next next = { 0 };
	const struct opt opts[] = {
		{ 'n', "count", OPT_INT, { .number = &next.count }, "N",
		    .help = "print N fires, 10 unless --until is given",
		    .min = 1, .max = INT64_MAX },
		{ 0, "from", OPT_TIME, { .text = &next.from }, "TIME",
		    .help = "those after TIME, not after now" },
		{ 0, "until", OPT_TIME, { .text = &next.until }, "TIME",
		    .help = "those up to TIME" },
		{ 0, "timezone", OPT_TEXT, { .text = &next.timezone }, "ZONE",
		    .help = "the zone of EXPR, and of the times written" },
		OUT_OPTS(next.out),
		{ 0 },
	};
	int status = CMD_FAILED;

	if (!cli_begin(cli, opts, &argc, &argv, err))
		return cli->status;
	if (out_begin(&next.out, fields, ARRAY_LEN(fields), err) &&
	    next_add_what(&next, cli, argv[0], err)) {
		next_print(&next);
		status = 0;
	}
	when_release(&next.own);
	free(next.heap);
	out_release(&next.out);
	return status;
}

const struct cmd cmd_next = {
	.name = "next",
	.operands = "[JOB | EXPR]",
	.help = "print when jobs, or a cron expression, will fire",
	.max_operands = 1,
	.run = cmd_next_run,
};
