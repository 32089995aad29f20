/*
 * monitor JOBFILE <LINES: verdicts over facts, one a line. A line is key=value
 * pairs: job, of the jobfile; the times now, started (of the last run), success,
 * failure, first, live, attempt and watermark; the durations p95 and longest;
 * strip, the last results with commas between; rate, ran and bad; paused.
 * Prints the state and the instant after which the job is overdue, or never.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/engine/monitor.h"
#include "lib/jobfile/jobfile.h"
#include "lib/time/duration.h"
#include "lib/time/stamp.h"

static const struct jobfile *file;

static int64_t
monitor_time(const char *text)
{
	struct err err;
	int64_t ms = 0;

	if (!stamp_parse(text, (struct place){ 0 }, file->zone, 0, STAMP_BACK,
		&ms, &err)) {
		fprintf(stderr, "monitor: %s\n", err.msg);
		exit(2);
	}
	return ms;
}

static int64_t
monitor_span(const char *text)
{
	struct err err;
	int64_t ms = 0;

	if (!duration_parse(text, (struct place){ 0 }, &ms, &err)) {
		fprintf(stderr, "monitor: %s\n", err.msg);
		exit(2);
	}
	return ms;
}

static void
monitor_strip(struct history_job *state, char *text)
{
	char *save, *word;

	for (word = strtok_r(text, ",", &save); word != NULL;
	     word = strtok_r(NULL, ",", &save))
		if (!record_status_find(
			word, &state->strip[state->strip_len++]))
			exit(2);
}

static bool
monitor_set_time(struct monitor_facts *facts, struct history_job *state,
    const char *key, const char *value)
{
	const struct {
		const char *name;
		int64_t *ms;
	} times[] = {
		{ "now", &facts->now_ms },
		{ "started", &state->last_started_ms },
		{ "success", &state->last_success_ms },
		{ "failure", &state->last_failure_ms },
		{ "watermark", &state->watermark_ms },
		{ "first", &facts->first_ms },
		{ "live", &facts->live_started_ms },
		{ "attempt", &facts->attempt_ms },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(times); i++)
		if (strcmp(times[i].name, key) == 0) {
			*times[i].ms = monitor_time(value);
			return true;
		}
	return false;
}

static void
monitor_set(struct monitor_facts *facts, struct history_job *state,
    const char *key, char *value)
{
	if (strcmp(key, "job") == 0)
		facts->job = map_find(&file->names, value);
	else if (strcmp(key, "p95") == 0)
		facts->p95_ms = monitor_span(value);
	else if (strcmp(key, "longest") == 0)
		state->max_duration_ms = monitor_span(value);
	else if (strcmp(key, "strip") == 0)
		monitor_strip(state, value);
	else if (strcmp(key, "rate") == 0)
		facts->max_rate = strtod(value, NULL);
	else if (strcmp(key, "ran") == 0)
		facts->ran = strtoll(value, NULL, 10);
	else if (strcmp(key, "bad") == 0)
		facts->bad = strtoll(value, NULL, 10);
	else if (strcmp(key, "paused") == 0)
		facts->is_paused = true;
	else if (!monitor_set_time(facts, state, key, value))
		exit(2);
}

static void
monitor_line(char *line)
{
	struct history_job state = {
		.watermark_ms = CLOCK_NONE,
		.last_started_ms = CLOCK_NONE,
		.last_success_ms = CLOCK_NONE,
		.last_failure_ms = CLOCK_NONE,
		.max_duration_ms = -1,
	};
	struct monitor_facts facts = {
		.state = &state,
		.live_started_ms = CLOCK_NONE,
		.attempt_ms = CLOCK_NONE,
		.first_ms = CLOCK_NONE,
		.failing_ms = CLOCK_NONE,
		.p95_ms = -1,
		.max_rate = MONITOR_BY_LAST,
	};
	struct monitor_verdict verdict;
	char *save, *word, *value, text[STAMP_TEXT_SIZE];
	int64_t deadline;

	for (word = strtok_r(line, " \n", &save); word != NULL;
	     word = strtok_r(NULL, " \n", &save)) {
		value = strchr(word, '=');
		if (value == NULL)
			exit(2);
		*value = '\0';
		monitor_set(&facts, &state, word, value + 1);
	}
	state.has_last = state.last_started_ms != CLOCK_NONE;
	monitor_judge(&facts, &verdict);
	deadline = monitor_deadline_ms(&facts);
	printf("%s %s\n", monitor_state_name(verdict.state),
	    deadline == CLOCK_NEVER
		? "never"
		: stamp_rfc3339(deadline, file->zone, text));
	monitor_verdict_release(&verdict);
}

int
main(int argc, char **argv)
{
	struct errlist errors = { 0 }, warnings = { 0 };
	struct jobfile loaded;
	char line[1024];

	if (argc != 2 ||
	    !jobfile_load(argv[1], 0, &loaded, &errors, &warnings)) {
		fprintf(stderr, "monitor: %s\n",
		    errors.len > 0 ? errors.item[0].msg : "which jobfile?");
		return 2;
	}
	file = &loaded;
	while (fgets(line, sizeof line, stdin) != NULL)
		monitor_line(line);
	jobfile_release(&loaded);
	errlist_release(&errors);
	errlist_release(&warnings);
	return 0;
}
