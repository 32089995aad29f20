#include "lib/store/record.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

static const char *const status_name[RECORD_STATUSES] = {
	[RECORD_PENDING] = "pending",
	[RECORD_RUNNING] = "running",
	[RECORD_COMPLETED] = "completed",
	[RECORD_FAILED] = "failed",
	[RECORD_SKIPPED] = "skipped",
	[RECORD_CANCELLED] = "cancelled",
	[RECORD_LOST] = "lost",
};

static const char *const trigger_name[RECORD_TRIGGERS] = {
	[RECORD_SCHEDULE] = "schedule",
	[RECORD_CATCH_UP] = "catch_up",
	[RECORD_IMMEDIATE] = "immediate",
	[RECORD_REBOOT] = "reboot",
	[RECORD_MANUAL] = "manual",
	[RECORD_TRIGGER] = "trigger",
	[RECORD_QUEUE] = "queue",
};

static const char *const reason_name[RECORD_REASONS] = {
	[RECORD_EXIT] = "exit",
	[RECORD_SIGNAL] = "signal",
	[RECORD_TIMEOUT] = "timeout",
	[RECORD_SPAWN] = "spawn",
	[RECORD_OUTPUT] = "output",
	[RECORD_OVERLAP] = "overlap",
	[RECORD_LATE] = "late",
	[RECORD_MISSED] = "missed",
	[RECORD_PAUSED] = "paused",
	[RECORD_LOCK] = "lock",
	[RECORD_STORE] = "store",
	[RECORD_SHUTDOWN] = "shutdown",
	[RECORD_LOST_LEASE] = "lost_lease",
	[RECORD_SUPERSEDED] = "superseded",
	[RECORD_CANCELLED_BY_USER] = "cancelled",
	[RECORD_CRASH] = "crash",
};

void
record_init(struct record *record)
{
	*record = (struct record){
		.scheduled_ms = CLOCK_NONE,
		.started_ms = CLOCK_NONE,
		.completed_ms = CLOCK_NONE,
		.retry_at_ms = CLOCK_NONE,
		.duration_ms = -1,
		.exit_code = -1,
		.user_us = -1,
		.system_us = -1,
		.max_rss_kb = -1,
		.count = 1,
	};
}

void
record_release(struct record *record)
{
	free(record->job);
	free(record->kind);
	free(record->error);
	free(record->worker);
	free(record->metadata);
	free(record->attempts);
	free(record->head);
	free(record->tail);
	record_init(record);
}

void
record_copy(struct record *to, const struct record *from)
{
	*to = *from;
	to->job = mem_strdup(from->job);
	to->kind = mem_strdup(from->kind);
	to->error = mem_strdup(from->error);
	to->worker = mem_strdup(from->worker);
	to->metadata = mem_strdup(from->metadata);
	to->attempts = mem_strdup(from->attempts);
	if (from->head != NULL)
		to->head = mem_dup(from->head, from->head_len);
	if (from->tail != NULL)
		to->tail = mem_dup(from->tail, from->tail_len);
}

const char *
record_status_name(enum record_status status)
{
	return status_name[status];
}

const char *
record_trigger_name(enum record_trigger trigger)
{
	return trigger_name[trigger];
}

const char *
record_reason_name(enum record_reason reason)
{
	return reason_name[reason];
}

bool
record_status_find(const char *name, enum record_status *status)
{
	int i;

	for (i = 0; i < RECORD_STATUSES; i++)
		if (strcmp(status_name[i], name) == 0) {
			*status = (enum record_status)i;
			return true;
		}
	return false;
}

int64_t
record_instant_ms(const struct record *record)
{
	if (record->scheduled_ms != CLOCK_NONE)
		return record->scheduled_ms;
	if (record->started_ms != CLOCK_NONE)
		return record->started_ms;
	return record->completed_ms;
}
