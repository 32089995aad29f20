#ifndef WJOBS_RECORD_H
#define WJOBS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/base/ulid.h"
#include "lib/process/identity.h"

/*
 * The record of one run: what history keeps, and what `history --json` prints.
 * Instants are milliseconds since the epoch, CLOCK_NONE where there is none;
 * spans are milliseconds unless named otherwise.
 */
enum record_status {
	RECORD_PENDING, /* waits for its next attempt, at retry_at_ms */
	RECORD_RUNNING,
	RECORD_COMPLETED,
	RECORD_FAILED,
	RECORD_SKIPPED,
	RECORD_CANCELLED,
	RECORD_LOST,
	RECORD_STATUSES
};

enum record_trigger {
	RECORD_SCHEDULE,
	RECORD_CATCH_UP,
	RECORD_IMMEDIATE,
	RECORD_REBOOT,
	RECORD_MANUAL,
	RECORD_TRIGGER,
	RECORD_QUEUE,
	RECORD_TRIGGERS
};

/* Why it did not go well, or was not run. */
enum record_reason {
	RECORD_NO_REASON,
	RECORD_EXIT,
	RECORD_SIGNAL,
	RECORD_TIMEOUT,
	RECORD_SPAWN,
	RECORD_OUTPUT,
	RECORD_OVERLAP,
	RECORD_LATE,
	RECORD_MISSED,
	RECORD_PAUSED,
	RECORD_LOCK,
	RECORD_STORE,
	RECORD_SHUTDOWN,
	RECORD_LOST_LEASE,
	RECORD_SUPERSEDED,
	RECORD_CANCELLED_BY_USER,
	RECORD_CRASH,
	RECORD_REASONS
};

struct record {
	struct ulid id;
	char *job;  /* owned, as all texts here; NULL where there is none */
	char *kind; /* "cron", "interval", "handler", "exec" */
	enum record_status status;
	enum record_trigger trigger;
	enum record_reason reason;
	int attempt; /* the last one's number, from 1; 0: none was made */
	int64_t scheduled_ms, started_ms, completed_ms;
	int64_t duration_ms; /* of the last attempt; -1: none */
	int64_t retry_at_ms; /* while pending */
	int exit_code;       /* -1: none */
	int signal;          /* 0: none */
	char *error; /* one line: "exit status 3", "timed out after 5m" */
	char *worker;
	uint64_t fence;
	int64_t user_us, system_us; /* -1: unknown */
	int64_t max_rss_kb;         /* -1: unknown */
	int64_t output_bytes;       /* all that was written, kept or not */
	int64_t count;              /* over 1: stands for several skips */
	char *metadata;             /* lines of "key=value", or NULL */
	/*
	 * Of a run that was tried more than once, a line each attempt, with
	 * tabs: when it began, how long it lasted (ms, -1: it did not begin),
	 * exit code or -1, signal or 0, reason or -, error.
	 */
	char *attempts;
	struct identity owner;  /* the wjobs that runs it */
	struct identity leader; /* the job's own process, while it runs */
	/* What was kept of its output; read by history_find and _last only. */
	char *head, *tail;
	size_t head_len, tail_len;
};

void record_init(struct record *record); /* all "none" */
void record_release(struct record *record);
void record_copy(struct record *to, const struct record *from);
/* The instant it stands for: scheduled, else started, else completed. */
int64_t record_instant_ms(const struct record *record);

/* Names as JSON has them; NULL for RECORD_NO_REASON. One table a kind. */
const char *record_status_name(enum record_status status);
const char *record_trigger_name(enum record_trigger trigger);
const char *record_reason_name(enum record_reason reason);
/* False where there is no status of that name. */
bool record_status_find(const char *name, enum record_status *status);
static inline bool
record_status_is_final(enum record_status status)
{
	return status != RECORD_PENDING && status != RECORD_RUNNING;
}

#endif
