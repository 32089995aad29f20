#include "lib/store/record_field.h"

enum record_column {
	RECORD_FIELD_ID,
	RECORD_FIELD_JOB,
	RECORD_FIELD_KIND,
	RECORD_FIELD_STATUS,
	RECORD_FIELD_TRIGGER,
	RECORD_FIELD_REASON,
	RECORD_FIELD_ATTEMPT,
	RECORD_FIELD_SCHEDULED,
	RECORD_FIELD_STARTED,
	RECORD_FIELD_COMPLETED,
	RECORD_FIELD_DURATION,
	RECORD_FIELD_EXIT,
	RECORD_FIELD_SIGNAL,
	RECORD_FIELD_ERROR,
	RECORD_FIELD_WORKER,
	RECORD_FIELD_FENCE,
	RECORD_FIELD_USER,
	RECORD_FIELD_SYSTEM,
	RECORD_FIELD_RSS,
	RECORD_FIELD_OUTPUT,
	RECORD_FIELD_COUNT,
	RECORD_FIELD_METADATA,
};

/* Microseconds as seconds; below 0 is unknown. */
static struct field_value
record_field_seconds(int64_t us)
{
	return us < 0 ? field_null() : field_real((double)us / 1e6);
}

static struct field_value
record_field_known(int64_t number, int64_t none)
{
	return number == none ? field_null() : field_int(number);
}

static struct field_value
record_field_metadata(const char *text)
{
	if (text == NULL || text[0] == '\0')
		return field_null();
	return (struct field_value){ .kind = FIELD_PAIRS, .is.text = text };
}

static struct field_value
record_field_get(const void *data, const struct field *field)
{
	const struct record_row *row = data;
	const struct record *record = row->record;

	switch ((enum record_column)field->id) {
	case RECORD_FIELD_ID:
		return field_id(&record->id);
	case RECORD_FIELD_JOB:
		return field_text(record->job);
	case RECORD_FIELD_KIND:
		return field_text(record->kind);
	case RECORD_FIELD_STATUS:
		return field_text(record_status_name(record->status));
	case RECORD_FIELD_TRIGGER:
		return field_text(record_trigger_name(record->trigger));
	case RECORD_FIELD_REASON:
		return field_text(record_reason_name(record->reason));
	case RECORD_FIELD_ATTEMPT:
		return record_field_known(record->attempt, 0);
	case RECORD_FIELD_SCHEDULED:
		return field_time(record->scheduled_ms, row->zone);
	case RECORD_FIELD_STARTED:
		return field_time(record->started_ms, row->zone);
	case RECORD_FIELD_COMPLETED:
		return field_time(record->completed_ms, row->zone);
	case RECORD_FIELD_DURATION:
		return field_span(record->duration_ms);
	case RECORD_FIELD_EXIT:
		return record_field_known(record->exit_code, -1);
	case RECORD_FIELD_SIGNAL:
		return record_field_known(record->signal, 0);
	case RECORD_FIELD_ERROR:
		return field_text(record->error);
	case RECORD_FIELD_WORKER:
		return field_text(record->worker);
	case RECORD_FIELD_FENCE:
		return field_int((int64_t)record->fence);
	case RECORD_FIELD_USER:
		return record_field_seconds(record->user_us);
	case RECORD_FIELD_SYSTEM:
		return record_field_seconds(record->system_us);
	case RECORD_FIELD_RSS:
		return record_field_known(record->max_rss_kb, -1);
	case RECORD_FIELD_OUTPUT:
		return field_int(record->output_bytes);
	case RECORD_FIELD_COUNT:
		return field_int(record->count);
	case RECORD_FIELD_METADATA:
		return record_field_metadata(record->metadata);
	}
	return field_null();
}

const struct field record_field[RECORD_FIELDS] = {
	{ "id", record_field_get, .id = RECORD_FIELD_ID },
	{ "job", record_field_get, .id = RECORD_FIELD_JOB },
	{ "kind", record_field_get, .id = RECORD_FIELD_KIND },
	{ "status", record_field_get, .id = RECORD_FIELD_STATUS },
	{ "trigger", record_field_get, .id = RECORD_FIELD_TRIGGER },
	{ "reason", record_field_get, .id = RECORD_FIELD_REASON },
	{ "attempt", record_field_get, .id = RECORD_FIELD_ATTEMPT },
	{ "scheduled_at", record_field_get, .id = RECORD_FIELD_SCHEDULED },
	{ "started_at", record_field_get, .id = RECORD_FIELD_STARTED },
	{ "completed_at", record_field_get, .id = RECORD_FIELD_COMPLETED },
	{ "duration", record_field_get, .id = RECORD_FIELD_DURATION },
	{ "exit_code", record_field_get, .id = RECORD_FIELD_EXIT },
	{ "signal", record_field_get, .id = RECORD_FIELD_SIGNAL },
	{ "error", record_field_get, .id = RECORD_FIELD_ERROR },
	{ "worker", record_field_get, .id = RECORD_FIELD_WORKER },
	{ "fence", record_field_get, .id = RECORD_FIELD_FENCE },
	{ "user_time", record_field_get, .id = RECORD_FIELD_USER },
	{ "system_time", record_field_get, .id = RECORD_FIELD_SYSTEM },
	{ "max_rss", record_field_get, .id = RECORD_FIELD_RSS },
	{ "output_bytes", record_field_get, .id = RECORD_FIELD_OUTPUT },
	{ "count", record_field_get, .id = RECORD_FIELD_COUNT },
	{ "metadata", record_field_get, .id = RECORD_FIELD_METADATA },
};
