/*
 * wjobs why: what decided about one instant of a job. The records say what
 * became of it, the schedule whether it is an instant at all; where neither
 * tells, what the store knows of the time around it.
 */
#include "cmd/why.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/str.h"

static const char *const decisions[WHY_DECISIONS] = {
	[WHY_UNKNOWN] = "unknown",
	[WHY_NOT_DUE] = "not_due",
	[WHY_DISABLED] = "disabled",
	[WHY_AHEAD] = "ahead",
	[WHY_OPEN] = "open",
	[WHY_SKIPPED] = "skipped",
	[WHY_CANCELLED] = "cancelled",
	[WHY_LOST] = "lost",
	[WHY_WAITING] = "waiting",
	[WHY_RUNNING] = "running",
	[WHY_RAN] = "ran",
};

void
why_add(struct why *why, char *text)
{
	why->line = mem_grow(why->line, why->lines + 1, sizeof *why->line);
	why->line[why->lines++] = text;
}

void
why_decide(struct why *why, enum why_decision decision, const char *reason)
{
	free(why->reason);
	why->decision = decision;
	why->reason = reason != NULL ? mem_strdup(reason) : NULL;
}

const char *
why_time(const struct why *why, int64_t ms, char buf[STAMP_TEXT_SIZE])
{
	return out_human(&why->out, ms, why->zone, buf);
}

/* What it prints */

struct row {
	const struct why *why;
	const char *detail;
};

enum why_column {
	WHY_JOB,
	WHY_TIME,
	WHY_DUE,
	WHY_DECISION,
	WHY_REASON,
	WHY_RUN,
	WHY_STATUS,
	WHY_WORK,
	WHY_STATE,
	WHY_PREVIOUS,
	WHY_NEXT,
	WHY_DETAIL,
};

static struct field_value
why_get_record(const struct why *why, const struct field *field)
{
	switch (field->id) {
	case WHY_RUN:
		return why->has_record ? field_id(&why->record.id)
				       : field_null();
	case WHY_STATUS:
		return why->has_record
		    ? field_text(record_status_name(why->record.status))
		    : field_null();
	case WHY_WORK:
		return why->has_work ? field_id(&why->work) : field_null();
	default:
		return field_text(why->work_state);
	}
}

static struct field_value
why_get(const void *data, const struct field *field)
{
	const struct row *row = data;
	const struct why *why = row->why;

	switch ((enum why_column)field->id) {
	case WHY_JOB:
		return field_text(why->name);
	case WHY_TIME:
		return field_time(why->at_ms, why->zone);
	case WHY_DUE:
		return why->job != NULL ? field_bool(why->is_due)
					: field_null();
	case WHY_DECISION:
		return field_text(decisions[why->decision]);
	case WHY_REASON:
		return field_text(why->reason);
	case WHY_PREVIOUS:
		return field_time(why->prev_ms, why->zone);
	case WHY_NEXT:
		return field_time(why->next_ms, why->zone);
	case WHY_DETAIL:
		return field_text(row->detail);
	case WHY_RUN:
	case WHY_STATUS:
	case WHY_WORK:
	case WHY_STATE:
		break;
	}
	return why_get_record(why, field);
}

static const struct field fields[] = {
	{ "job", why_get, .id = WHY_JOB },
	{ "time", why_get, .id = WHY_TIME },
	{ "due", why_get, .id = WHY_DUE },
	{ "decision", why_get, .id = WHY_DECISION },
	{ "reason", why_get, .id = WHY_REASON },
	{ "run", why_get, .id = WHY_RUN },
	{ "status", why_get, .id = WHY_STATUS },
	{ "work", why_get, .id = WHY_WORK },
	{ "state", why_get, .id = WHY_STATE },
	{ "previous", why_get, .id = WHY_PREVIOUS },
	{ "next", why_get, .id = WHY_NEXT },
	{ "detail", why_get, .id = WHY_DETAIL },
};

static void
why_print_line(const char *text)
{
	struct str line = { 0 };

	str_add_visible(&line, text, strlen(text), false);
	puts(str_text(&line));
	str_release(&line);
}

static void
why_print_lines(const struct why *why)
{
	char time[STAMP_TEXT_SIZE], *first, *p;
	size_t i;

	first = mem_printf("%s at %s: %s%s%s", why->name,
	    why_time(why, why->at_ms, time), decisions[why->decision],
	    why->reason != NULL ? ", " : "",
	    why->reason != NULL ? why->reason : "");
	for (p = first + strlen(why->name); *p != '\0'; p++)
		if (*p == '_')
			*p = ' ';
	why_print_line(first);
	free(first);
	for (i = 0; i < why->lines; i++)
		why_print_line(why->line[i]);
}

static void
why_print(const struct why *why)
{
	struct str detail = { 0 };
	size_t i;

	if (!out_is_machine(&why->out)) {
		why_print_lines(why);
		return;
	}
	for (i = 0; i < why->lines; i++)
		str_addf(&detail, "%s%s", i > 0 ? "\n" : "", why->line[i]);
	out_row(&why->out,
	    &(struct row){ why, detail.len > 0 ? str_text(&detail) : NULL });
	str_release(&detail);
}

/* The command */

static bool
why_need_schedule(const struct why *why, struct err *err)
{
	const char *kind = job_kind_name(JOB_HANDLER);
	bool is_handler = why->job != NULL
	    ? why->job->kind == JOB_HANDLER
	    : why->state->kind != NULL && strcmp(why->state->kind, kind) == 0;

	if (!is_handler)
		return true;
	return err_set(err, ERR_NOT_FOUND,
	    "'%s' is a handler, which is never due: wjobs queue", why->name);
}

static bool
why_decide_all(struct why *why, struct err *err)
{
	if (why->job != NULL)
		why_schedule_look(why);
	if (!why_record_find(why, err))
		return false;
	if (why->job != NULL && why->is_due)
		why_schedule_say_gap(why);
	if (why->has_record)
		return why_record_say(why, err);
	if (why->job != NULL && !why->is_due) {
		why_schedule_say(why);
		return why_record_say_before(why, err);
	}
	if (why->job != NULL && !why->job->enabled) {
		why_decide(why, WHY_DISABLED, NULL);
		why_say(why,
		    "enabled: false, so that it is never due; "
		    "nothing was recorded for it");
	} else if (why->job != NULL && why_schedule_is_ahead(why)) {
		why_schedule_say_ahead(why);
	} else {
		return why_silence_say(why, err);
	}
	return true;
}

static bool
why_go(struct why *why, const char *time, struct err *err)
{
	struct past_job found = { 0 };
	bool ok;

	ok = past_need_job(why->cli, why->name, &found, err);
	why->job = found.job;
	why->state = found.state;
	ok = ok && why_need_schedule(why, err);
	why->zone = ok ? cli_zone(why->cli, err) : NULL;
	if (why->zone != NULL) {
		why->zone = past_zone(why->cli, why->name, why->zone);
		ok = cli_parse_time("TIME", time, why->zone, why->now_ms,
			 STAMP_BACK, &why->at_ms, err) &&
		    why_decide_all(why, err);
		if (ok)
			why_print(why);
	}
	ok = ok && why->zone != NULL;
	past_job_release(&found);
	return ok;
}

static void
why_release(struct why *why)
{
	size_t i;

	for (i = 0; i < why->lines; i++)
		free(why->line[i]);
	free(why->line);
	free(why->reason);
	free(why->work_state);
	record_release(&why->record);
	out_release(&why->out);
}

static int
cmd_why_run(struct cli *cli, int argc, char **argv, struct err *err)
{
	struct why why = {
		.cli = cli, .prev_ms = CLOCK_NONE, .next_ms = CLOCK_NONE
	};
	const struct opt opts[] = {
		OUT_OPTS(why.out),
		{ 0 },
	};
	bool ok;

	if (!cli_begin(cli, opts, &argc, &argv, err))
		return cli->status;
	record_init(&why.record);
	why.now_ms = clock_now_ms();
	why.name = argv[0];
	ok = out_begin(&why.out, fields, ARRAY_LEN(fields), err) &&
	    why_go(&why, argv[1], err);
	why_release(&why);
	return ok ? 0 : CMD_FAILED;
}

const struct cmd cmd_why = {
	.name = "why",
	.operands = "JOB TIME",
	.help = "tell what decided about one instant of a job",
	.needs = MAY_JOBFILE | NEEDS_STORE,
	.min_operands = 2,
	.max_operands = 2,
	.run = cmd_why_run,
};
