#include "cmd/past.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/base/ulid.h"

const struct zone *
past_zone(const struct cli *cli, const char *job, const struct zone *fallback)
{
	const struct job *found;

	if (job == NULL || !cli->has_jobfile)
		return fallback;
	found = map_find(&cli->jobfile.names, job);
	return found != NULL ? found->when.zone : fallback;
}

void
past_job_release(struct past_job *found)
{
	if (found->state != NULL)
		history_jobs_release(found->state, 1);
	*found = (struct past_job){ 0 };
}

bool
past_find_job(struct cli *cli, const char *name, struct past_job *found,
    bool *is_known, struct err *err)
{
	struct history_job *state = NULL;
	size_t n = 0;

	if (cli->store != NULL &&
	    !history_jobs(cli->store, name, &state, &n, err))
		return false;
	if (n == 0) {
		history_jobs_release(state, n);
		state = NULL;
	}
	found->state = state;
	found->job = cli->has_jobfile ? map_find(&cli->jobfile.names, name)
				      : NULL;
	*is_known = found->state != NULL || found->job != NULL;
	return true;
}

/* All names known, borrowed from the jobfile and from jobs. */
static bool
past_not_found(
    struct cli *cli, const char *what, const char *name, struct err *err)
{
	const struct jobfile *file = &cli->jobfile;
	size_t n = 0, in_file = 0, i;
	struct history_job *jobs = NULL;
	const char **names, *near;

	if (cli->store != NULL &&
	    !history_jobs(cli->store, NULL, &jobs, &n, err))
		return false;
	names = mem_zalloc(file->n + file->handlers + n, sizeof *names);
	for (i = 0; cli->has_jobfile && i < file->n; i++)
		names[in_file++] = file->job[i].name;
	for (i = 0; cli->has_jobfile && i < file->handlers; i++)
		names[in_file++] = file->handler[i].name;
	for (i = 0; i < n; i++)
		names[in_file + i] = jobs[i].name;
	near = str_nearest(name, names, in_file + n);
	if (near != NULL)
		err_set(err, ERR_NOT_FOUND, "no %s '%s', did you mean '%s'?",
		    what, name, near);
	else
		err_set(err, ERR_NOT_FOUND, "no %s '%s'", what, name);
	free(names);
	history_jobs_release(jobs, n);
	return false;
}

bool
past_need_job(
    struct cli *cli, const char *name, struct past_job *found, struct err *err)
{
	bool is_known;

	if (!past_find_job(cli, name, found, &is_known, err))
		return false;
	return is_known || past_not_found(cli, "job", name, err);
}

void
past_found_release(struct past_found *found)
{
	past_job_release(&found->job);
	if (found->is_run)
		future_release(&found->future);
	shelf_close(&found->shelf);
	*found = (struct past_found){ 0 };
}

/*
 * Where the queue is in a scheduler's memory there is history alone, or not
 * even that.
 */
static bool
past_find_run(struct cli *cli, const char *text, struct past_found *found,
    struct err *err)
{
	if (shelf_is_memory(cli))
		found->shelf.cli = cli;
	else if (!shelf_open(&found->shelf, cli, SHELF_READ, err))
		return false;
	return future_find(
	    &found->shelf, text, &found->future, &found->is_run, err);
}

bool
past_find(struct cli *cli, const char *text, struct past_found *found,
    struct err *err)
{
	struct ulid low, high;
	bool is_known;

	if (!past_find_job(cli, text, &found->job, &is_known, err))
		return false;
	if (is_known)
		return true;
	if (ulid_range(text, &low, &high) &&
	    !past_find_run(cli, text, found, err))
		return false;
	return found->is_run || past_not_found(cli, "job or run", text, err);
}

enum table_colour
past_colour(enum record_status status)
{
	switch (status) {
	case RECORD_COMPLETED:
		return TABLE_GREEN;
	case RECORD_FAILED:
	case RECORD_LOST:
		return TABLE_RED;
	case RECORD_SKIPPED:
	case RECORD_CANCELLED:
		return TABLE_YELLOW;
	case RECORD_PENDING:
	case RECORD_RUNNING:
		return TABLE_BOLD;
	case RECORD_STATUSES:
		break;
	}
	return TABLE_PLAIN;
}

/*
 * A block a run where colours tell them apart, else a letter: a dot for what
 * went well, so that the rest stands out.
 */
void
past_strip(struct table *table, const enum record_status *status, int len)
{
	static const char letter[RECORD_STATUSES + 1] = {
		[RECORD_PENDING] = 'p',
		[RECORD_RUNNING] = 'r',
		[RECORD_COMPLETED] = '.',
		[RECORD_FAILED] = 'F',
		[RECORD_SKIPPED] = 's',
		[RECORD_CANCELLED] = 'c',
		[RECORD_LOST] = 'L',
		[RECORD_STATUSES] = '?',
	};
	bool has_blocks = out_has_colour() && table_can_utf8();
	int i;

	table_cell(table, TABLE_PLAIN, "%s", "");
	for (i = 0; i < len; i++) {
		if (has_blocks)
			table_more(table, past_colour(status[i]), "\u25a0");
		else /* NOLINTNEXTLINE: the letters cover the enum */
			table_more(table, past_colour(status[i]), "%c",
			    letter[status[i]]);
	}
}

void
past_detail(const struct record *record, struct str *text)
{
	const char *reason = record_reason_name(record->reason);

	if (record->error != NULL || reason != NULL)
		str_add(text, record->error != NULL ? record->error : reason);
	if (record->attempt > 1)
		str_addf(text, "%sattempt %d", text->len > 0 ? ", " : "",
		    record->attempt);
	if (record->count > 1)
		str_addf(text, "%s%lld times", text->len > 0 ? ", " : "",
		    (long long)record->count);
}

int64_t
past_duration_ms(const struct record *record, int64_t now_ms)
{
	if (record->duration_ms >= 0)
		return record->duration_ms;
	if (record->status != RECORD_RUNNING ||
	    record->started_ms == CLOCK_NONE || record->started_ms > now_ms)
		return -1;
	return now_ms - record->started_ms;
}
