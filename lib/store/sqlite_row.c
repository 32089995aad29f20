#include <stdlib.h>
#include <string.h>

#include "lib/store/sqlite.h"

/*
 * Rows are small: what is usual takes no byte beside its type. Instants are
 * kept as distances from the instant in the id, durations and their like are
 * NULL where there is none, and names that come again and again are numbers.
 */

static const char *const kind_name[] = { "cron", "interval", "handler",
	"exec" };

/* In the order of SQLITE_LIVE_COLUMNS and a claim, counted from 0. */
enum {
	COL_JOB,
	COL_ID,
	COL_STATUS,
	COL_DURATION,
	COL_REST,
	COL_START,
	COL_LATE,
	COL_TRIGGER,
	COL_REASON,
	COL_ATTEMPT,
	COL_EXIT_CODE,
	COL_SIGNAL,
	COL_WORKER,
	COL_USER_US,
	COL_SYSTEM_US,
	COL_MAX_RSS,
	COL_OUTPUT_BYTES,
	COL_COUNT,
	COL_FENCE,
	COL_KIND,
	COL_ERROR,
	COL_METADATA,
	COL_ATTEMPTS,
	COL_RETRY_AT,
	COL_OWNER,
	COL_LEADER = COL_OWNER + 3,
	COL_CLAIM = COL_LEADER + 3,
};

void
sqlite_bind_ulid(sqlite3_stmt *stmt, int at, const struct ulid *id)
{
	sqlite3_bind_blob(stmt, at, id->b, sizeof id->b, SQLITE_STATIC);
}

void
sqlite_bind_ms(sqlite3_stmt *stmt, int at, int64_t ms)
{
	if (ms == CLOCK_NONE)
		sqlite3_bind_null(stmt, at);
	else
		sqlite3_bind_int64(stmt, at, ms);
}

void
sqlite_bind_unless(sqlite3_stmt *stmt, int at, int64_t value, int64_t none)
{
	if (value == none)
		sqlite3_bind_null(stmt, at);
	else
		sqlite3_bind_int64(stmt, at, value);
}

void
sqlite_bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	if (text == NULL)
		sqlite3_bind_null(stmt, at);
	else
		sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
}

void
sqlite_bind_kind(sqlite3_stmt *stmt, int at, const char *kind)
{
	size_t i;

	for (i = 0; kind != NULL && i < ARRAY_LEN(kind_name); i++)
		if (strcmp(kind, kind_name[i]) == 0) {
			sqlite3_bind_int(stmt, at, (int)i);
			return;
		}
	sqlite_bind_text(stmt, at, kind);
}

static void
bind_instants(sqlite3_stmt *stmt, const struct record *r)
{
	int64_t made = ulid_time_ms(&r->id), from = made;

	if (r->started_ms != CLOCK_NONE) {
		sqlite3_bind_int64(
		    stmt, COL_START + 1, sqlite_less(r->started_ms, made));
		from = r->started_ms;
	} else {
		sqlite3_bind_null(stmt, COL_START + 1);
	}
	if (r->duration_ms > 0)
		from = sqlite_plus(from, r->duration_ms);
	sqlite_bind_unless(stmt, COL_DURATION + 1, r->duration_ms, -1);
	if (r->completed_ms != CLOCK_NONE)
		sqlite3_bind_int64(
		    stmt, COL_REST + 1, sqlite_less(r->completed_ms, from));
	else
		sqlite3_bind_null(stmt, COL_REST + 1);
	if (r->scheduled_ms != CLOCK_NONE)
		sqlite3_bind_int64(
		    stmt, COL_LATE + 1, sqlite_less(made, r->scheduled_ms));
	else
		sqlite3_bind_null(stmt, COL_LATE + 1);
}

void
sqlite_bind_run(
    sqlite3_stmt *stmt, int64_t job, int64_t worker, const struct record *r)
{
	sqlite3_bind_int64(stmt, COL_JOB + 1, job);
	sqlite_bind_ulid(stmt, COL_ID + 1, &r->id);
	sqlite3_bind_int(stmt, COL_STATUS + 1, (int)r->status);
	bind_instants(stmt, r);
	sqlite3_bind_int(stmt, COL_TRIGGER + 1, (int)r->trigger);
	sqlite3_bind_int(stmt, COL_REASON + 1, (int)r->reason);
	sqlite3_bind_int(stmt, COL_ATTEMPT + 1, r->attempt);
	sqlite_bind_unless(stmt, COL_EXIT_CODE + 1, r->exit_code, -1);
	sqlite_bind_unless(stmt, COL_SIGNAL + 1, r->signal, 0);
	sqlite_bind_unless(stmt, COL_WORKER + 1, worker, 0);
	sqlite_bind_unless(stmt, COL_USER_US + 1, r->user_us, -1);
	sqlite_bind_unless(stmt, COL_SYSTEM_US + 1, r->system_us, -1);
	sqlite_bind_unless(stmt, COL_MAX_RSS + 1, r->max_rss_kb, -1);
	sqlite3_bind_int64(stmt, COL_OUTPUT_BYTES + 1, r->output_bytes);
	sqlite3_bind_int64(stmt, COL_COUNT + 1, r->count);
	sqlite3_bind_int64(stmt, COL_FENCE + 1, (int64_t)r->fence);
	sqlite_bind_kind(stmt, COL_KIND + 1, r->kind);
	sqlite_bind_text(stmt, COL_ERROR + 1, r->error);
	sqlite_bind_text(stmt, COL_METADATA + 1, r->metadata);
	sqlite_bind_text(stmt, COL_ATTEMPTS + 1, r->attempts);
}

void
sqlite_bind_identity(sqlite3_stmt *stmt, int at, const struct identity *id)
{
	sqlite_bind_unless(stmt, at, id->pid, 0);
	sqlite_bind_unless(stmt, at + 1, (int64_t)id->start_ticks, 0);
	sqlite_bind_text(
	    stmt, at + 2, id->boot_id[0] != '\0' ? id->boot_id : NULL);
}

void
sqlite_bind_live(sqlite3_stmt *stmt, int64_t job, int64_t worker,
    const struct record *r, int64_t claim_ms)
{
	sqlite_bind_run(stmt, job, worker, r);
	sqlite_bind_ms(stmt, COL_RETRY_AT + 1, r->retry_at_ms);
	sqlite_bind_identity(stmt, COL_OWNER + 1, &r->owner);
	sqlite_bind_identity(stmt, COL_LEADER + 1, &r->leader);
	sqlite_bind_ms(stmt, COL_CLAIM + 1, claim_ms);
}

bool
sqlite_read_ulid(sqlite3_stmt *stmt, int at, struct ulid *id)
{
	const void *blob = sqlite3_column_blob(stmt, at);

	if (blob == NULL || sqlite3_column_bytes(stmt, at) != sizeof id->b)
		return false;
	memcpy(id->b, blob, sizeof id->b);
	return true;
}

int64_t
sqlite_read_ms(sqlite3_stmt *stmt, int at)
{
	if (sqlite3_column_type(stmt, at) == SQLITE_NULL)
		return CLOCK_NONE;
	return sqlite3_column_int64(stmt, at);
}

const char *
sqlite_kind_name(sqlite3_stmt *stmt, int at)
{
	int64_t i;

	if (sqlite3_column_type(stmt, at) != SQLITE_INTEGER)
		return (const char *)sqlite3_column_text(stmt, at);
	i = sqlite3_column_int64(stmt, at);
	return i >= 0 && i < (int64_t)ARRAY_LEN(kind_name) ? kind_name[i]
							   : NULL;
}

int64_t
sqlite_read_or(sqlite3_stmt *stmt, int at, int64_t none)
{
	if (sqlite3_column_type(stmt, at) == SQLITE_NULL)
		return none;
	return sqlite3_column_int64(stmt, at);
}

static char *
read_text(sqlite3_stmt *stmt, int at)
{
	return (char *)sqlite3_column_text(stmt, at);
}

static void
read_instants(sqlite3_stmt *stmt, struct record *r)
{
	int64_t made = ulid_time_ms(&r->id), from = made;

	if (sqlite3_column_type(stmt, COL_START) != SQLITE_NULL) {
		from = sqlite_plus(made, sqlite3_column_int64(stmt, COL_START));
		r->started_ms = from;
	}
	r->duration_ms = sqlite_read_or(stmt, COL_DURATION, -1);
	if (r->duration_ms > 0)
		from = sqlite_plus(from, r->duration_ms);
	if (sqlite3_column_type(stmt, COL_REST) != SQLITE_NULL)
		r->completed_ms = sqlite_plus(
		    from, sqlite3_column_int64(stmt, COL_REST));
	if (sqlite3_column_type(stmt, COL_LATE) != SQLITE_NULL)
		r->scheduled_ms = sqlite_less(
		    made, sqlite3_column_int64(stmt, COL_LATE));
}

static bool
read_enums(sqlite3_stmt *stmt, struct record *r)
{
	int64_t status = sqlite3_column_int64(stmt, COL_STATUS);
	int64_t trigger = sqlite3_column_int64(stmt, COL_TRIGGER);
	int64_t reason = sqlite3_column_int64(stmt, COL_REASON);

	if (status < 0 || status >= RECORD_STATUSES || trigger < 0 ||
	    trigger >= RECORD_TRIGGERS || reason < 0 ||
	    reason >= RECORD_REASONS)
		return false;
	r->status = (enum record_status)status;
	r->trigger = (enum record_trigger)trigger;
	r->reason = (enum record_reason)reason;
	return true;
}

void
sqlite_read_identity(sqlite3_stmt *stmt, int at, struct identity *id)
{
	const char *boot = read_text(stmt, at + 2);
	size_t len = boot != NULL ? strlen(boot) : 0;

	id->pid = sqlite3_column_int64(stmt, at);
	id->start_ticks = (uint64_t)sqlite3_column_int64(stmt, at + 1);
	if (len < sizeof id->boot_id && len > 0)
		memcpy(id->boot_id, boot, len + 1);
}

bool
sqlite_read_row(struct sqlite *sq, sqlite3_stmt *stmt, struct record *r)
{
	int64_t worker;

	record_init(r);
	if (!sqlite_read_ulid(stmt, COL_ID, &r->id) || !read_enums(stmt, r))
		return false;
	r->job = (char *)sqlite_job_name(
	    sq, sqlite3_column_int64(stmt, COL_JOB));
	if (r->job == NULL)
		return false;
	read_instants(stmt, r);
	r->attempt = sqlite3_column_int(stmt, COL_ATTEMPT);
	r->exit_code = (int)sqlite_read_or(stmt, COL_EXIT_CODE, -1);
	r->signal = sqlite3_column_int(stmt, COL_SIGNAL);
	worker = sqlite_read_or(stmt, COL_WORKER, 0);
	if (worker != 0)
		r->worker = (char *)sqlite_worker_name(sq, worker);
	r->user_us = sqlite_read_or(stmt, COL_USER_US, -1);
	r->system_us = sqlite_read_or(stmt, COL_SYSTEM_US, -1);
	r->max_rss_kb = sqlite_read_or(stmt, COL_MAX_RSS, -1);
	r->output_bytes = sqlite3_column_int64(stmt, COL_OUTPUT_BYTES);
	r->count = sqlite3_column_int64(stmt, COL_COUNT);
	r->fence = (uint64_t)sqlite3_column_int64(stmt, COL_FENCE);
	r->kind = (char *)sqlite_kind_name(stmt, COL_KIND);
	r->error = read_text(stmt, COL_ERROR);
	r->metadata = read_text(stmt, COL_METADATA);
	r->attempts = read_text(stmt, COL_ATTEMPTS);
	if (sqlite3_column_count(stmt) <= COL_RETRY_AT)
		return true;
	r->retry_at_ms = sqlite_read_ms(stmt, COL_RETRY_AT);
	sqlite_read_identity(stmt, COL_OWNER, &r->owner);
	sqlite_read_identity(stmt, COL_LEADER, &r->leader);
	return true;
}
