#include "cmd/attempts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/time/duration.h"

enum attempts_column {
	ATTEMPT_NUMBER,
	ATTEMPT_BEGAN,
	ATTEMPT_DURATION,
	ATTEMPT_EXIT_CODE,
	ATTEMPT_SIGNAL,
	ATTEMPT_REASON,
	ATTEMPT_ERROR,
};

static struct field_value
attempts_get(const void *data, const struct field *field)
{
	const struct attempts_row *row = data;

	switch ((enum attempts_column)field->id) {
	case ATTEMPT_NUMBER:
		return field_int(row->number);
	case ATTEMPT_BEGAN:
		return field_time(row->began_ms, row->zone);
	case ATTEMPT_DURATION:
		return field_span(row->duration_ms);
	case ATTEMPT_EXIT_CODE:
		return row->exit_code < 0 ? field_null()
					  : field_int(row->exit_code);
	case ATTEMPT_SIGNAL:
		return row->signal == 0 ? field_null() : field_int(row->signal);
	case ATTEMPT_REASON:
		return field_text(
		    strcmp(row->reason, "-") == 0 ? NULL : row->reason);
	case ATTEMPT_ERROR:
		break;
	}
	return field_text(row->error[0] == '\0' ? NULL : row->error);
}

const struct field attempts_field[ATTEMPTS_FIELDS] = {
	{ "attempt", attempts_get, .id = ATTEMPT_NUMBER },
	{ "started_at", attempts_get, .id = ATTEMPT_BEGAN },
	{ "duration", attempts_get, .id = ATTEMPT_DURATION },
	{ "exit_code", attempts_get, .id = ATTEMPT_EXIT_CODE },
	{ "signal", attempts_get, .id = ATTEMPT_SIGNAL },
	{ "reason", attempts_get, .id = ATTEMPT_REASON },
	{ "error", attempts_get, .id = ATTEMPT_ERROR },
};

/* A line of record.h's form. False where it is none. */
static bool
attempts_parse_line(struct attempts_row *row, const char *line)
{
	long long began, duration, exit_code, signal;
	int reason = 0, error = 0;

	if (sscanf(line, "%lld\t%lld\t%lld\t%lld\t%n%*[^\t]\t%n", &began,
		&duration, &exit_code, &signal, &reason, &error) < 4 ||
	    error == 0)
		return false;
	*row = (struct attempts_row){
		.began_ms = began,
		.duration_ms = duration,
		.exit_code = exit_code,
		.signal = signal,
		.reason = mem_strndup(
		    line + reason, (size_t)(error - reason - 1)),
		.error = mem_strdup(line + error),
	};
	return true;
}

void
attempts_parse(struct attempts *attempts, const struct record *record,
    const struct zone *zone)
{
	char *copy = mem_strdup(record->attempts), *rest = copy, *line;
	struct attempts_row row;

	*attempts = (struct attempts){ 0 };
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (!attempts_parse_line(&row, line))
			continue;
		row.number = (int64_t)attempts->n + 1;
		row.zone = zone;
		attempts->row = mem_grow(
		    attempts->row, attempts->n + 1, sizeof *attempts->row);
		attempts->row[attempts->n++] = row;
	}
	free(copy);
}

void
attempts_release(struct attempts *attempts)
{
	size_t i;

	for (i = 0; i < attempts->n; i++) {
		free(attempts->row[i].reason);
		free(attempts->row[i].error);
	}
	free(attempts->row);
	*attempts = (struct attempts){ 0 };
}

void
attempts_describe(const struct attempts_row *row, struct str *out)
{
	char span[DURATION_TEXT_SIZE];

	str_add(out, row->error[0] != '\0' ? row->error : "completed");
	if (row->duration_ms >= 0)
		str_addf(
		    out, ", after %s", duration_human(row->duration_ms, span));
}
