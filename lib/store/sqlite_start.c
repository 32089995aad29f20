#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/store/sqlite.h"

/*
 * What a scheduler finds: the runs of dead owners. It is read first, and then
 * written; where that cannot be just now, with the first batch that can.
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

/* A run without a leader never ran, or its end was not seen. */
static bool
is_lost(const struct record *record)
{
	return record->status != RECORD_PENDING &&
	    (record->leader.pid == 0 || !identity_is_alive(&record->leader));
}

static void
become_lost(struct record *record, int64_t now_ms)
{
	record->status = RECORD_LOST;
	record->reason = RECORD_CRASH;
	record->completed_ms = now_ms;
	record->retry_at_ms = CLOCK_NONE;
	free(record->error);
	record->error = mem_printf("the wjobs that ran it (pid %lld) is gone",
	    (long long)record->owner.pid);
}

static void
release_found(struct found *found)
{
	size_t i;

	for (i = 0; i < found->n; i++)
		record_release(&found->record[i]);
	free(found->record);
	*found = (struct found){ 0 };
}

/* Those whose owner is dead, oldest first: the newest is a job's last run. */
static int
read_dead(struct sqlite *sq, struct found *found)
{
	struct found all = { 0 };
	size_t i;
	int rc = read_live(sq, &all);

	for (i = all.n; rc == SQLITE_OK && i-- > 0;)
		if (!identity_is_alive(&all.record[i].owner)) {
			found->record = mem_grow(
			    found->record, found->n + 1, sizeof *found->record);
			found->record[found->n++] = all.record[i];
			record_init(&all.record[i]);
		}
	release_found(&all);
	return rc;
}

static int
settle(struct sqlite *sq, struct found *found, const struct identity *self,
    int64_t now_ms)
{
	size_t i;
	int rc = SQLITE_OK;

	for (i = 0; rc == SQLITE_OK && i < found->n; i++) {
		struct record *record = &found->record[i];

		if (is_lost(record)) {
			become_lost(record, now_ms);
			rc = sqlite_end(sq, record, NULL);
		} else if (self != NULL) {
			record->owner = *self;
			sqlite_adopt_lock(sq, record);
			rc = sqlite_put_live(sq, record, CLOCK_NONE);
		}
	}
	return rc;
}

static void
push_record(struct record **list, size_t *n, const struct record *record,
    const struct identity *self)
{
	*list = mem_grow(*list, *n + 1, sizeof **list);
	record_copy(&(*list)[*n], record);
	(*list)[(*n)++].owner = *self;
}

static void
tell_lost(struct record *record, const struct identity *self, int64_t now_ms,
    struct store_start *start)
{
	start->lost++;
	if (self == NULL)
		return;
	become_lost(record, now_ms);
	store_start_add_gone(start, record);
}

static void
tell(const struct found *found, const struct identity *self, int64_t now_ms,
    struct store_start *start)
{
	size_t i;

	for (i = 0; i < found->n; i++) {
		struct record *record = &found->record[i];

		if (is_lost(record))
			tell_lost(record, self, now_ms, start);
		else if (self == NULL)
			continue;
		else if (record->status == RECORD_PENDING)
			push_record(
			    &start->pending, &start->n_pending, record, self);
		else
			push_record(
			    &start->alive, &start->n_alive, record, self);
	}
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
		if (sqlite_read_ms(stmt, 2) > job->watermark_ms)
			job->watermark_ms = sqlite_read_ms(stmt, 2);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int
read_start(struct sqlite *sq, const struct identity *self, int64_t now_ms,
    struct store_start *start, bool *has_dead)
{
	struct found dead = { 0 };
	int rc = sqlite_do(sq, SQL_SNAPSHOT);

	if (rc == SQLITE_OK)
		rc = read_dead(sq, &dead);
	if (rc == SQLITE_OK)
		rc = read_jobs(sq, start);
	tell(&dead, self, now_ms, start);
	*has_dead = dead.n > 0;
	release_found(&dead);
	if (!sqlite3_get_autocommit(sq->db))
		sqlite_do(sq, SQL_COMMIT);
	return rc;
}

static int
write_take_over(struct sqlite *sq, const struct identity *self, int64_t now_ms)
{
	struct found dead = { 0 };
	int rc = read_dead(sq, &dead);

	if (rc == SQLITE_OK)
		rc = settle(sq, &dead, self, now_ms);
	release_found(&dead);
	if (rc == SQLITE_OK && self != NULL)
		rc = sqlite_prune_all(sq);
	return rc == SQLITE_OK ? sqlite_prune_old(sq, now_ms) : rc;
}

int
sqlite_pay_take_over(struct sqlite *sq)
{
	return write_take_over(sq, &sq->self, sq->take_over_ms);
}

/* Not now, but later perhaps. */
static bool
may_pass(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_READONLY:
		return true;
	}
	return false;
}

bool
sqlite_take_over(struct store *store, const struct identity *self,
    int64_t now_ms, struct store_start *start, struct err *err)
{
	struct sqlite *sq = (struct sqlite *)store;
	bool has_dead;
	int rc;

	if (!sqlite_is_ours(sq, err))
		return false;
	rc = read_start(sq, self, now_ms, start, &has_dead);
	if (rc != SQLITE_OK)
		return sqlite_err(sq, rc, "take over", err);
	if (self == NULL && !has_dead)
		return true;
	rc = sqlite_begin(sq);
	if (rc == SQLITE_OK)
		rc = write_take_over(sq, self, now_ms);
	if (rc == SQLITE_OK)
		rc = sqlite_do(sq, SQL_COMMIT);
	if (rc == SQLITE_OK)
		return true;
	if (!may_pass(rc)) {
		sqlite_err(sq, rc, "take over", err);
		sqlite_undo(sq);
		return false;
	}
	sqlite_undo(sq);
	sq->owes_take_over = self != NULL;
	if (self != NULL)
		sq->self = *self;
	sq->take_over_ms = now_ms;
	return true;
}
