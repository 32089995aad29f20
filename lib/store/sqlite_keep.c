#include <stdlib.h>
#include <string.h>

#include "lib/store/sqlite_work.h"

/*
 * How much there is in the queue, which a put must know at once, and how much
 * is kept of what has ended. Counts are changed in memory and written once, at
 * the end of the transaction.
 */
#define AT_ONCE 100
/* So many more than are kept may lie there, so that not each end drops one. */
#define SLACK 50

void
sqlite_work_moved(struct sqlite *sq, enum work_state from, enum work_state to)
{
	if (from != WORK_STATES)
		sq->moved[from]--;
	if (to != WORK_STATES)
		sq->moved[to]++;
}

int
sqlite_work_counts(struct sqlite *sq, int64_t n[WORK_STATES + 1])
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_QUEUE_COUNT);
	int rc, i;

	memset(n, 0, (WORK_STATES + 1) * sizeof *n);
	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	rc = sqlite3_step(stmt);
	for (i = 0; rc == SQLITE_ROW && i <= WORK_STATES; i++)
		n[i] = sqlite3_column_int64(stmt, i) + sq->moved[i];
	sqlite3_reset(stmt);
	if (rc == SQLITE_DONE)
		return SQLITE_CORRUPT;
	return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

int
sqlite_work_settle(struct sqlite *sq)
{
	static const int64_t none[WORK_STATES + 1];
	sqlite3_stmt *stmt;
	int i, rc;

	if (memcmp(sq->moved, none, sizeof none) == 0)
		return SQLITE_OK;
	if ((stmt = sqlite_stmt(sq, SQL_QUEUE_MOVED)) == NULL)
		return sqlite3_errcode(sq->db);
	for (i = 0; i <= WORK_STATES; i++)
		sqlite3_bind_int64(stmt, i + 1, sq->moved[i]);
	rc = sqlite_run(stmt);
	memset(sq->moved, 0, sizeof sq->moved);
	return rc;
}

static int
run_with_id(struct sqlite *sq, enum sqlite_sql which, const struct ulid *id)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, which);

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite_bind_ulid(stmt, 1, id);
	return sqlite_run(stmt);
}

static int
run_with_seq(struct sqlite *sq, enum sqlite_sql which, int64_t seq)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, which);

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, seq);
	return sqlite_run(stmt);
}

int
sqlite_work_drop_outcome(struct sqlite *sq, const struct sqlite_work *row)
{
	const struct ulid *run = &row->work.record.id;
	int rc = run_with_id(sq, SQL_OUTCOME_DROP, run);

	if (rc != SQLITE_OK || !row->has_output)
		return rc;
	sq->moved[WORK_STATES]--;
	return run_with_id(sq, SQL_OUTCOME_FORGET, run);
}

int
sqlite_work_forget(struct sqlite *sq, const struct sqlite_work *row)
{
	int rc = sqlite_work_drop_outcome(sq, row);

	if (rc == SQLITE_OK)
		rc = run_with_seq(sq, SQL_PAYLOAD_DROP, row->seq);
	if (rc == SQLITE_OK)
		rc = run_with_seq(sq, SQL_WORK_DROP, row->seq);
	sqlite_work_moved(sq, row->work.state, WORK_STATES);
	return rc;
}

/* Those that ended before, the oldest, most at a time. */
static int
forget_oldest(struct sqlite *sq, enum sqlite_sql which, int64_t before_ms,
    int64_t most, size_t *n)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, which);
	struct sqlite_work *rows = NULL;
	size_t i;
	int rc;

	*n = 0;
	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, before_ms);
	sqlite3_bind_int64(stmt, 2, most);
	rc = sqlite_work_gather(sq, stmt, &rows, n);
	for (i = 0; rc == SQLITE_OK && i < *n; i++)
		rc = sqlite_work_forget(sq, &rows[i]);
	sqlite_work_free(rows, *n);
	return rc;
}

/* The output of the oldest; what history keeps of it stays there. */
static int
mute_oldest(struct sqlite *sq, int64_t most)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_OUTCOME_OUTPUTS);
	struct ulid id[AT_ONCE];
	int n = 0, i, rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, most < AT_ONCE ? most : AT_ONCE);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW && n < AT_ONCE)
		if (!sqlite_read_ulid(stmt, 0, &id[n++]))
			break;
	sqlite3_reset(stmt);
	rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
	for (i = 0; rc == SQLITE_OK && i < n; i++) {
		rc = run_with_id(sq, SQL_OUTCOME_MUTE, &id[i]);
		sq->moved[WORK_STATES]--;
		if (rc == SQLITE_OK)
			rc = run_with_id(sq, SQL_OUTCOME_FORGET, &id[i]);
	}
	return rc;
}

int
sqlite_work_prune(struct sqlite *sq)
{
	int64_t n[WORK_STATES + 1], over, buried, outputs;
	size_t dropped;
	int rc = sqlite_work_counts(sq, n);

	if (rc != SQLITE_OK)
		return rc;
	over = n[WORK_DONE] + n[WORK_CANCELLED] - WORK_KEPT;
	buried = n[WORK_BURIED] - WORK_BURIED_KEPT;
	if (over > SLACK)
		rc = forget_oldest(sq, SQL_WORK_OLD, INT64_MAX, over, &dropped);
	if (rc == SQLITE_OK && buried > SLACK)
		rc = forget_oldest(
		    sq, SQL_WORK_OLD_BURIED, INT64_MAX, buried, &dropped);
	if (rc == SQLITE_OK)
		rc = sqlite_work_counts(sq, n);
	outputs = n[WORK_STATES] - WORK_KEPT_OUTPUTS;
	if (rc == SQLITE_OK && outputs > SLACK)
		rc = mute_oldest(sq, outputs);
	return rc;
}

int
sqlite_work_prune_old(struct sqlite *sq, int64_t now_ms, bool *is_more)
{
	size_t over = 0, buried = 0;
	int rc = forget_oldest(sq, SQL_WORK_OLD,
	    sqlite_less(now_ms, WORK_KEPT_MS), AT_ONCE, &over);

	if (rc == SQLITE_OK)
		rc = forget_oldest(sq, SQL_WORK_OLD_BURIED,
		    sqlite_less(now_ms, WORK_BURIED_MS), AT_ONCE, &buried);
	if (over == AT_ONCE || buried == AT_ONCE)
		*is_more = true;
	return rc;
}
