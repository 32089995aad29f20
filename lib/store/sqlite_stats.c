#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/sqlite.h"

/*
 * What is known of jobs. Counters are kept in their rows, which a listing
 * reads; only percentiles look at the runs.
 */

/* In the order of SQL_JOBS_ALL. */
enum {
	JOB_ID,
	JOB_NAME,
	JOB_KIND,
	JOB_WATERMARK,
	JOB_LAST,
	JOB_SUCCESS,
	JOB_FAILURE,
	JOB_SUCCESSFUL,
	JOB_FAILED,
	JOB_SKIPPED,
	JOB_CANCELLED,
	JOB_LOST,
	JOB_TOTAL,
	JOB_SHORTEST,
	JOB_LONGEST,
	JOB_STRIP,
};

static int64_t
read_span(sqlite3_stmt *stmt, int at)
{
	if (sqlite3_column_type(stmt, at) == SQLITE_NULL)
		return -1;
	return sqlite3_column_int64(stmt, at);
}

/* Ten results of three bits each, the newest lowest. */
static void
read_strip(uint64_t bits, struct history_job *job)
{
	int i;

	for (i = HISTORY_STRIP - 1; i >= 0; i--) {
		unsigned mark = (unsigned)(bits >> (3 * i) & 7);

		if (mark > 0 && mark <= RECORD_STATUSES)
			job->strip[job->strip_len++] = (enum record_status)(
			    mark - 1);
	}
}

static void
read_job_row(sqlite3_stmt *stmt, struct history_job *job)
{
	const char *name = (const char *)sqlite3_column_text(stmt, JOB_NAME);

	*job = (struct history_job){
		.name = mem_strdup(name != NULL ? name : ""),
		.kind = mem_strdup(sqlite_kind_name(stmt, JOB_KIND)),
		.watermark_ms = sqlite_read_ms(stmt, JOB_WATERMARK),
		.last_started_ms = CLOCK_NONE,
		.last_completed_ms = CLOCK_NONE,
		.last_duration_ms = -1,
		.last_success_ms = CLOCK_NONE,
		.last_failure_ms = CLOCK_NONE,
		.successful = sqlite3_column_int64(stmt, JOB_SUCCESSFUL),
		.failed = sqlite3_column_int64(stmt, JOB_FAILED),
		.skipped = sqlite3_column_int64(stmt, JOB_SKIPPED),
		.cancelled = sqlite3_column_int64(stmt, JOB_CANCELLED),
		.lost = sqlite3_column_int64(stmt, JOB_LOST),
		.min_duration_ms = read_span(stmt, JOB_SHORTEST),
		.max_duration_ms = read_span(stmt, JOB_LONGEST),
		.total_duration_ms = (double)sqlite3_column_int64(
		    stmt, JOB_TOTAL),
	};
	read_strip((uint64_t)sqlite3_column_int64(stmt, JOB_STRIP), job);
}

/* A run that is never pruned, borrowed until the next one. */
static int
find_kept(struct sqlite *sq, sqlite3_stmt *row, int at, struct record *record,
    bool *found)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_RUN_ONE);
	struct ulid id;
	int rc;

	*found = false;
	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	if (!sqlite_read_ulid(row, at, &id))
		return SQLITE_OK;
	sqlite3_bind_int64(stmt, 1, sqlite3_column_int64(row, JOB_ID));
	sqlite_bind_ulid(stmt, 2, &id);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*found = sqlite_read_row(sq, stmt, record);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int
read_last_runs(struct sqlite *sq, sqlite3_stmt *row, struct history_job *job)
{
	struct record run;
	bool found;
	int rc = find_kept(sq, row, JOB_LAST, &run, &found);

	if (rc == SQLITE_OK && found) {
		job->has_last = true;
		job->last_id = run.id;
		job->last_status = run.status;
		job->last_started_ms = run.started_ms;
		job->last_completed_ms = run.completed_ms;
		job->last_duration_ms = run.duration_ms;
	}
	if (rc == SQLITE_OK)
		rc = find_kept(sq, row, JOB_SUCCESS, &run, &found);
	if (rc == SQLITE_OK && found)
		job->last_success_ms = run.completed_ms;
	if (rc == SQLITE_OK)
		rc = find_kept(sq, row, JOB_FAILURE, &run, &found);
	if (rc == SQLITE_OK && found) {
		job->last_failure_ms = run.completed_ms;
		job->last_error = mem_strdup(run.error);
	}
	return rc;
}

static int
count_live(struct sqlite *sq, int64_t id, struct history_job *job)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_LIVE_COUNT);
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, id);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		int64_t status = sqlite3_column_int64(stmt, 0);
		int n = sqlite3_column_int(stmt, 1);

		if (status == RECORD_RUNNING)
			job->running = n;
		else if (status == RECORD_PENDING)
			job->pending = n;
		if (sqlite_read_ms(stmt, 2) > job->watermark_ms)
			job->watermark_ms = sqlite_read_ms(stmt, 2);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int
read_jobs(
    struct sqlite *sq, const char *name, struct history_job **jobs, size_t *n)
{
	sqlite3_stmt *stmt = sqlite_stmt(
	    sq, name != NULL ? SQL_JOBS_ONE : SQL_JOBS_ALL);
	struct history_job *job;
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	if (name != NULL)
		sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		*jobs = mem_grow(*jobs, *n + 1, sizeof **jobs);
		job = &(*jobs)[(*n)++];
		read_job_row(stmt, job);
		rc = read_last_runs(sq, stmt, job);
		if (rc == SQLITE_OK)
			rc = count_live(
			    sq, sqlite3_column_int64(stmt, JOB_ID), job);
		if (rc != SQLITE_OK)
			break;
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

bool
sqlite_jobs(struct store *store, const char *job, struct history_job **jobs,
    size_t *n, struct err *err)
{
	struct sqlite *sq = (struct sqlite *)store;
	struct history_job *list = NULL;
	size_t len = 0;
	int rc;

	if (!sqlite_is_ours(sq, err))
		return false;
	rc = sqlite_do(sq, SQL_SNAPSHOT);
	if (rc == SQLITE_OK)
		rc = read_jobs(sq, job, &list, &len);
	if (rc != SQLITE_OK)
		sqlite_err(sq, rc, "read", err);
	if (!sqlite3_get_autocommit(sq->db))
		sqlite_do(sq, SQL_COMMIT);
	if (rc != SQLITE_OK) {
		history_jobs_release(list, len);
		return false;
	}
	*jobs = list;
	*n = len;
	return true;
}

/* In the order of SQL_SAMPLE. */
enum {
	SAMPLE_ID,
	SAMPLE_STATUS,
	SAMPLE_DURATION,
	SAMPLE_REST,
	SAMPLE_START,
	SAMPLE_COUNT,
	SAMPLE_ERROR,
};

static void
raise_to(int64_t *value, int64_t other)
{
	if (*value < other)
		*value = other;
}

static void
sample_failure(sqlite3_stmt *stmt, int64_t end, struct history_sample *sample)
{
	if (end <= sample->last_failure_ms)
		return;
	sample->last_failure_ms = end;
	free(sample->last_error);
	sample->last_error = mem_strdup(
	    (const char *)sqlite3_column_text(stmt, SAMPLE_ERROR));
}

static bool
sample_row(sqlite3_stmt *stmt, int64_t since_ms, struct history_sample *sample)
{
	int64_t status = sqlite3_column_int64(stmt, SAMPLE_STATUS);
	int64_t duration = read_span(stmt, SAMPLE_DURATION);
	bool has_start = sqlite3_column_type(stmt, SAMPLE_START) != SQLITE_NULL;
	struct ulid id;
	int64_t start, end;

	if (!sqlite_read_ulid(stmt, SAMPLE_ID, &id) || status < 0 ||
	    status >= RECORD_STATUSES)
		return false;
	start = sqlite_plus(
	    ulid_time_ms(&id), sqlite3_column_int64(stmt, SAMPLE_START));
	end = sqlite_plus(sqlite_plus(start, duration > 0 ? duration : 0),
	    sqlite3_column_int64(stmt, SAMPLE_REST));
	if (since_ms != CLOCK_NONE && end < since_ms)
		return true;
	sample->by_status[status] = sqlite_plus(sample->by_status[status],
	    sqlite3_column_int64(stmt, SAMPLE_COUNT));
	if (has_start)
		raise_to(&sample->last_execution_ms, start);
	if (status == RECORD_COMPLETED)
		raise_to(&sample->last_success_ms, end);
	else if (status == RECORD_FAILED || status == RECORD_LOST)
		sample_failure(stmt, end, sample);
	if (duration < 0 ||
	    (status != RECORD_COMPLETED && status != RECORD_FAILED))
		return true;
	sample->duration_ms = mem_grow(
	    sample->duration_ms, sample->n + 1, sizeof *sample->duration_ms);
	sample->duration_ms[sample->n++] = duration;
	return true;
}

static int
by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int
sample_runs(struct sqlite *sq, int64_t job, int64_t since_ms,
    struct history_sample *sample)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_SAMPLE);
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
		if (!sample_row(stmt, since_ms, sample)) {
			rc = SQLITE_CORRUPT;
			break;
		}
	sqlite3_reset(stmt);
	if (sample->n > 0)
		qsort(sample->duration_ms, sample->n,
		    sizeof *sample->duration_ms, by_size);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

bool
sqlite_sample(struct store *store, const char *job, int64_t since_ms,
    struct history_sample *sample, struct err *err)
{
	struct sqlite *sq = (struct sqlite *)store;
	struct history_sample result = { .last_execution_ms = CLOCK_NONE,
		.last_success_ms = CLOCK_NONE,
		.last_failure_ms = CLOCK_NONE };
	int64_t id;
	int rc;

	if (!sqlite_is_ours(sq, err))
		return false;
	id = sqlite_job_find(sq, job, &rc);
	if (rc == SQLITE_OK && id != 0)
		rc = sample_runs(sq, id, since_ms, &result);
	if (rc != SQLITE_OK) {
		history_sample_release(&result);
		return sqlite_err(sq, rc, "read", err);
	}
	*sample = result;
	return true;
}
