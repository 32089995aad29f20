#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/store/sqlite.h"

/*
 * What a scheduler finds: the runs of dead owners. Each row of live is read
 * first and then dealt with, since rows may not change under a cursor.
 */

struct found {
	struct record *record;
	size_t n;
};

static int
read_live(struct sqlite *sq, struct found *found)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_LIVE_ALL);
	struct record row;
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_null(stmt, 1);
	sqlite3_bind_null(stmt, 2);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (!sqlite_read_row(sq, stmt, &row)) {
			rc = SQLITE_CORRUPT;
			break;
		}
		found->record = mem_grow(
		    found->record, found->n + 1, sizeof *found->record);
		record_copy(&found->record[found->n++], &row);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int
mark_lost(struct sqlite *sq, struct record *record, int64_t now_ms)
{
	record->status = RECORD_LOST;
	record->reason = RECORD_CRASH;
	record->completed_ms = now_ms;
	record->retry_at_ms = CLOCK_NONE;
	free(record->error);
	record->error = mem_printf("the wjobs that ran it (pid %lld) is gone",
	    (long long)record->owner.pid);
	return sqlite_end(sq, record);
}

static int
adopt(struct sqlite *sq, struct record *record, const struct identity *self)
{
	int rc;
	int64_t job = sqlite_job_put(sq, record->job, record->kind, &rc);
	int64_t worker = 0;
	sqlite3_stmt *stmt;

	record->owner = *self;
	if (rc == SQLITE_OK)
		worker = sqlite_worker_put(sq, record->worker, &rc);
	if (rc != SQLITE_OK)
		return rc;
	if ((stmt = sqlite_stmt(sq, SQL_LIVE_PUT)) == NULL)
		return sqlite3_errcode(sq->db);
	sqlite_bind_live(stmt, job, worker, record);
	return sqlite_run(stmt);
}

static void
push_record(struct record **list, size_t *n, struct record *record)
{
	*list = mem_grow(*list, *n + 1, sizeof **list);
	(*list)[(*n)++] = *record;
	record_init(record); /* the list's from here */
}

/* One row whose owner is dead. A run without a leader never ran. */
static int
settle(struct sqlite *sq, struct record *record, const struct identity *self,
    int64_t now_ms, struct store_start *start)
{
	bool is_pending = record->status == RECORD_PENDING;
	int rc;

	if (!is_pending &&
	    (record->leader.pid == 0 || !identity_is_alive(&record->leader))) {
		start->lost++;
		return mark_lost(sq, record, now_ms);
	}
	if (self == NULL)
		return SQLITE_OK;
	if ((rc = adopt(sq, record, self)) != SQLITE_OK)
		return rc;
	if (is_pending)
		push_record(&start->pending, &start->n_pending, record);
	else
		push_record(&start->alive, &start->n_alive, record);
	return rc;
}

static int
read_jobs(struct sqlite *sq, struct store_start *start)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_WATERMARKS);
	struct store_job *job;
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(stmt, 0);

		if (name == NULL)
			continue;
		start->job = mem_grow(
		    start->job, start->jobs + 1, sizeof *start->job);
		job = &start->job[start->jobs++];
		job->name = mem_strdup(name);
		job->watermark_ms = sqlite_read_ms(stmt, 1);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int
take_over_all(struct sqlite *sq, const struct identity *self, int64_t now_ms,
    struct found *found, struct store_start *start)
{
	size_t i;
	int rc = read_live(sq, found);

	/* oldest first, so that the newest is a job's last run */
	for (i = found->n; rc == SQLITE_OK && i-- > 0;)
		if (!identity_is_alive(&found->record[i].owner))
			rc = settle(sq, &found->record[i], self, now_ms, start);
	if (rc == SQLITE_OK && self != NULL)
		rc = sqlite_prune_all(sq);
	if (rc == SQLITE_OK)
		rc = sqlite_prune_old(sq, now_ms);
	if (rc == SQLITE_OK)
		rc = read_jobs(sq, start);
	return rc;
}

bool
sqlite_take_over(struct store *store, const struct identity *self,
    int64_t now_ms, struct store_start *start, struct err *err)
{
	struct sqlite *sq = (struct sqlite *)store;
	struct found found = { 0 };
	size_t i;
	int rc;

	if (!sqlite_is_ours(sq, err))
		return false;
	rc = sqlite_begin(sq);
	if (rc == SQLITE_OK)
		rc = take_over_all(sq, self, now_ms, &found, start);
	if (rc == SQLITE_OK)
		rc = sqlite_do(sq, SQL_COMMIT);
	for (i = 0; i < found.n; i++)
		record_release(&found.record[i]);
	free(found.record);
	if (rc == SQLITE_OK)
		return true;
	sqlite_err(sq, rc, "take over", err);
	sqlite_undo(sq);
	return false;
}
