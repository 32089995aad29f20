/*
 * wjobs health: which jobs are well and which are not, by the store alone, so
 * that it is seen when the scheduler is down; and the same for Nagios and what
 * reads its plugins.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/out.h"
#include "cmd/past.h"
#include "cmd/survey.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/time/duration.h"

#define HEALTH_WINDOW_MS (INT64_C(24) * 60 * 60 * 1000)
#define HEALTH_NAMED     10 /* jobs that a line for Nagios names */

/* The statuses of the guidelines for Nagios' plugins. */
enum { NAGIOS_OK, NAGIOS_WARNING, NAGIOS_CRITICAL, NAGIOS_UNKNOWN };

struct view {
	struct cli *cli;
	struct out out;
	struct survey survey;
	const struct zone *zone;
	const char *rate; /* as written */
	bool nagios;
	struct table *table;
	size_t jobs, by_state[MONITOR_STATES], named;
	bool is_full;
	struct str sick; /* for Nagios: "backup failing (exit status 3), ..." */
};

static size_t
health_count_sick(const struct view *view)
{
	size_t n = 0;
	int i;

	for (i = 0; i < MONITOR_STATES; i++)
		if (!monitor_is_healthy((enum monitor_state)i))
			n += view->by_state[i];
	return n;
}

/* Rows */

static struct table *
health_table(void)
{
	struct table *table = table_new();

	table_column(table, "JOB", TABLE_LEFT);
	table_column(table, "STATE", TABLE_LEFT);
	table_column(table, "SINCE", TABLE_LEFT);
	table_column(table, "REASON", TABLE_LEFT);
	return table;
}

static void
health_table_row(const struct view *view, const struct monitor_row *row)
{
	bool is_quiet = row->since_ms == CLOCK_NONE && row->reason == NULL;
	char time[STAMP_TEXT_SIZE];

	table_row(view->table);
	table_cell(view->table, TABLE_BOLD, "%s",
	    row->job != NULL ? row->job : "(pool)");
	table_cell(view->table,
	    !row->healthy  ? TABLE_RED
		: is_quiet ? TABLE_GREEN
			   : TABLE_YELLOW,
	    "%s", row->state);
	table_cell(view->table, TABLE_PLAIN, "%s",
	    row->since_ms == CLOCK_NONE
		? "-"
		: out_human(&view->out, row->since_ms, row->zone, time));
	table_cell(view->table, TABLE_PLAIN, "%s",
	    row->reason != NULL ? row->reason : "");
}

/* What divides a status line from its figures may not stand in its text. */
static void
health_name_sick(struct view *view, const struct monitor_row *row)
{
	struct str text = { 0 };
	size_t i;

	if (row->healthy || view->named++ >= HEALTH_NAMED)
		return;
	str_addf(&text, "%s%s %s", view->sick.len > 0 ? ", " : "", row->job,
	    row->state);
	if (row->reason != NULL)
		str_addf(&text, " (%s)", row->reason);
	for (i = 0; i < text.len; i++)
		if (text.s[i] == '|')
			text.s[i] = '/';
	str_add_visible(&view->sick, str_text(&text), text.len, false);
	str_release(&text);
}

static void
health_print(struct view *view, const struct monitor_row *row)
{
	if (view->nagios)
		health_name_sick(view, row);
	else if (out_is_machine(&view->out))
		out_row(&view->out, row);
	else
		health_table_row(view, row);
}

/* What a handler's work does belongs to what is said of it. */
static char *
health_reason(const struct view *view, const char *reason,
    const struct survey_queue *queue)
{
	int64_t now = view->survey.now_ms;
	char span[DURATION_TEXT_SIZE];
	struct str text = { 0 };

	if (reason != NULL)
		str_add(&text, reason);
	if (queue->buried > 0)
		str_addf(&text, "%s%lld buried", text.len > 0 ? "; " : "",
		    (long long)queue->buried);
	if (queue->ready > 0)
		str_addf(&text, "%s%lld ready", text.len > 0 ? "; " : "",
		    (long long)queue->ready);
	if (queue->waiting_ms != CLOCK_NONE && queue->waiting_ms < now)
		str_addf(&text, ", the oldest for %s",
		    duration_human(now - queue->waiting_ms, span));
	return text.len > 0 ? str_take(&text) : NULL;
}

static bool
health_job(struct view *view, const char *name, const struct job *job,
    const struct history_job *state, struct err *err)
{
	struct monitor_verdict verdict;
	struct monitor_facts facts;
	struct survey_queue queue;
	struct monitor_row row;
	char *reason;

	if (!survey_job(&view->survey, name, job, state, &facts, &queue, err))
		return false;
	monitor_judge(&facts, &verdict);
	reason = health_reason(view, verdict.reason, &queue);
	row = (struct monitor_row){ .job = name,
		.zone = past_zone(view->cli, name, view->zone),
		.healthy = monitor_is_healthy(verdict.state),
		.state = monitor_state_name(verdict.state),
		.reason = reason,
		.since_ms = verdict.since_ms };
	view->jobs++;
	view->by_state[verdict.state]++;
	health_print(view, &row);
	free(reason);
	monitor_verdict_release(&verdict);
	return true;
}

/*
 * A pool that is full is in the way of what is due; what waits for it for too
 * long is overdue, so that this says why, and makes nobody ill itself.
 */
static void
health_pool(struct view *view)
{
	int size = view->cli->jobfile.pool_size;
	struct monitor_row row = {
		.healthy = true, .zone = view->zone, .state = "full"
	};
	struct str reason = { 0 };

	if (!view->cli->has_jobfile ||
	    !survey_pool_is_full(&view->survey, size, &row.since_ms))
		return;
	view->is_full = true;
	str_addf(&reason, "pool.size is %d, and as many run", size);
	row.reason = str_text(&reason);
	health_print(view, &row);
	str_release(&reason);
}

/* Which jobs */

static bool
health_named(struct view *view, int argc, char **argv, struct err *err)
{
	struct past_job *found = mem_zalloc((size_t)argc, sizeof *found);
	bool ok = true;
	int i;

	/* an unknown name is told before anything is printed */
	for (i = 0; ok && i < argc; i++)
		ok = past_need_job(view->cli, argv[i], &found[i], err);
	if (ok)
		ok = survey_begin(
		    &view->survey, argc == 1 ? argv[0] : NULL, err);
	for (i = 0; ok && i < argc; i++)
		ok = health_job(
		    view, argv[i], found[i].job, found[i].state, err);
	for (i = 0; i < argc; i++)
		past_job_release(&found[i]);
	free(found);
	return ok;
}

static bool
health_list(struct view *view, const struct job *list, size_t n,
    const struct map *states, struct err *err)
{
	bool ok = true;
	size_t i;

	for (i = 0; ok && i < n; i++)
		ok = health_job(view, list[i].name, &list[i],
		    map_find(states, list[i].name), err);
	return ok;
}

/* The jobfile's; where there is none, all that the store knows. */
static bool
health_all(struct view *view, struct err *err)
{
	const struct jobfile *file = &view->cli->jobfile;
	struct history_job *jobs = NULL;
	struct map states = { 0 };
	size_t n = 0, i;
	bool ok = view->cli->store == NULL ||
	    history_jobs(view->cli->store, NULL, &jobs, &n, err);

	for (i = 0; i < n; i++)
		map_put(&states, jobs[i].name, &jobs[i]);
	ok = ok && survey_begin(&view->survey, NULL, err);
	if (ok && view->cli->has_jobfile)
		ok = health_list(view, file->job, file->n, &states, err) &&
		    health_list(
			view, file->handler, file->handlers, &states, err);
	for (i = 0; ok && !view->cli->has_jobfile && i < n; i++)
		ok = health_job(view, jobs[i].name, NULL, &jobs[i], err);
	if (ok)
		health_pool(view);
	map_release(&states);
	history_jobs_release(jobs, n);
	return ok;
}

/* For Nagios */

static int
nagios_status(const struct view *view)
{
	size_t sick = health_count_sick(view);

	if (sick > view->by_state[MONITOR_STUCK])
		return NAGIOS_CRITICAL;
	return sick > 0 ? NAGIOS_WARNING : NAGIOS_OK;
}

static int
nagios_print(const struct view *view)
{
	static const char *const word[] = { "OK", "WARNING", "CRITICAL" };
	size_t sick = health_count_sick(view);
	int status = nagios_status(view), i;

	printf("WJOBS %s - ", word[status]);
	if (sick > 0)
		printf("%zu of %zu not healthy: %s", sick, view->jobs,
		    str_text(&view->sick));
	else
		printf("%zu healthy", view->jobs);
	if (view->named > HEALTH_NAMED)
		printf(" and %zu more", view->named - HEALTH_NAMED);
	printf("%s | jobs=%zu;;;0 unhealthy=%zu;;;0",
	    view->is_full ? "; the pool is full" : "", view->jobs, sick);
	for (i = 0; i < MONITOR_STATES; i++)
		printf(" %s=%zu;;;0", monitor_state_name((enum monitor_state)i),
		    view->by_state[i]);
	putchar('\n');
	return status;
}

/* It reads standard output alone, and takes each other status for its own. */
static int
nagios_unknown(const struct err *err)
{
	char text[sizeof err->file + sizeof err->msg + 32];
	struct str line = { 0 };
	char *p;

	err_format(err, text, sizeof text);
	for (p = text; *p != '\0'; p++)
		if (*p == '|')
			*p = '/';
	str_add_visible(&line, text, strlen(text), false);
	printf("WJOBS UNKNOWN - %s\n", str_text(&line));
	str_release(&line);
	return NAGIOS_UNKNOWN;
}

/* The command line */

/* "0.05" or "5%". */
static bool
health_parse_rate(const char *text, double *rate, struct err *err)
{
	static const char digits[] = "0123456789";
	size_t n = strspn(text, digits);
	bool is_percent;
	double x;

	if (n > 0 && text[n] == '.')
		n += 1 + strspn(text + n + 1, digits);
	is_percent = text[n] == '%';
	if (n == 0 || n > 20 || text[n - 1] == '.' ||
	    text[is_percent ? n + 1 : n] != '\0')
		return err_set(err, ERR_USAGE,
		    "--max-failure-rate: '%s' is not a rate such as 0.05 or "
		    "5%%",
		    text);
	x = strtod(text, NULL) / (is_percent ? 100 : 1);
	if (x > 1)
		return err_set(err, ERR_USAGE,
		    "--max-failure-rate: '%s' is more than all", text);
	*rate = x;
	return true;
}

static bool
health_prepare(struct view *view, struct err *err)
{
	struct survey *survey = &view->survey;

	survey->cli = view->cli;
	survey->now_ms = clock_now_ms();
	survey->max_rate = MONITOR_BY_LAST;
	if (view->rate != NULL &&
	    !health_parse_rate(view->rate, &survey->max_rate, err))
		return false;
	if (view->rate == NULL && survey->window_ms != 0)
		return err_set(
		    err, ERR_USAGE, "--window is that of --max-failure-rate");
	if (survey->window_ms == 0)
		survey->window_ms = HEALTH_WINDOW_MS;
	if (!out_begin(&view->out, monitor_field, MONITOR_FIELDS, err))
		return false;
	if (view->nagios && out_is_machine(&view->out))
		return err_set(
		    err, ERR_USAGE, "--nagios has a form of its own");
	view->zone = cli_zone(view->cli, err);
	return view->zone != NULL;
}

static bool
health_go(struct view *view, int argc, char **argv, struct err *err)
{
	bool ok;

	if (!health_prepare(view, err))
		return false;
	if (!view->nagios)
		view->table = health_table();
	ok = argc > 0 ? health_named(view, argc, argv, err)
		      : health_all(view, err);
	if (view->table != NULL)
		out_table(view->table);
	return ok;
}

static int
health_end(struct view *view, bool ok, const struct err *err)
{
	int status = CMD_FAILED;

	if (!ok && view->nagios)
		status = nagios_unknown(err);
	else if (ok && view->nagios)
		status = nagios_print(view);
	else if (ok)
		status = health_count_sick(view) > 0 ? 1 : 0;
	table_free(view->table);
	survey_end(&view->survey);
	out_release(&view->out);
	str_release(&view->sick);
	return status;
}

static int
cmd_health_run(struct cli *cli, int argc, char **argv, struct err *err)
{
	struct view view = { .cli = cli };
	const struct opt opts[] = {
		{ 0, "max-failure-rate", OPT_TEXT, { .text = &view.rate },
		    "RATE",
		    .help = "failing is who fails more often, of 0.05 or 5%" },
		{ 0, "nagios", OPT_FLAG, { .flag = &view.nagios }, NULL,
		    .help = "print one line, and exit, as Nagios wants it" },
		{ 0, "window", OPT_DURATION, { .ms = &view.survey.window_ms },
		    "DURATION",
		    .help = "the rate is that of so long; 1d unless told" },
		OUT_OPTS(view.out),
		{ 0 },
	};

	if (!cli_begin(cli, opts, &argc, &argv, err))
		return cli->status == CMD_FAILED ? health_end(&view, false, err)
						 : cli->status;
	return health_end(&view, health_go(&view, argc, argv, err), err);
}

const struct cmd cmd_health = {
	.name = "health",
	.operands = "[JOB...]",
	.help = "tell which jobs are well, and of the others why not",
	.needs = MAY_JOBFILE | NEEDS_STORE,
	.max_operands = CMD_MANY,
	.run = cmd_health_run,
};
