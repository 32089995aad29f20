#include <stdlib.h>
#include <string.h>

#include "lib/store/sqlite_work.h"

/* What its user does to work: cancel it, take it out of its grave, purge it. */
#define AT_ONCE 1000

static int
end_cancelled(struct sqlite *sq, struct store_op *op, struct sqlite_work *row)
{
	return sqlite_work_give_up(sq, op, row, RECORD_CANCELLED,
	    RECORD_CANCELLED_BY_USER, "cancelled before it ran");
}

static int
tell(struct sqlite *sq, const struct sqlite_work *row)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_WORK_TOLD);

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, row->seq);
	return sqlite_run(stmt);
}

int
sqlite_work_cancel(struct sqlite *sq, struct store_op *op)
{
	struct sqlite_work row;
	bool is_found = false;
	int rc = sqlite_work_find(sq, &op->work->work.id, &row, &is_found);

	if (rc != SQLITE_OK || !is_found) {
		op->result = CLAIM_LOST;
		return rc;
	}
	op->work->work.state = row.work.state;
	if (work_state_is_final(row.work.state))
		op->result = CLAIM_LOST;
	else if (row.work.state == WORK_RUNNING)
		rc = tell(sq, &row);
	else
		rc = end_cancelled(sq, op, &row);
	sqlite_work_release(&row);
	return rc;
}

/* A new run, of which nothing is known but what was asked for. */
static int
renew(struct sqlite *sq, struct sqlite_work *row, const struct ulid *run)
{
	int rc = sqlite_work_drop_outcome(sq, row);

	return rc == SQLITE_OK
	    ? sqlite_work_note_wish(sq, row->handler, run, &row->work.record)
	    : rc;
}

static int
revive(struct sqlite *sq, struct work_op *op, struct sqlite_work *row,
    const struct ulid *run)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_WORK_REVIVED);
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, row->seq);
	sqlite_bind_ulid(stmt, 2, run);
	sqlite3_bind_int64(stmt, 3, clock_now_ms());
	rc = sqlite_run(stmt);
	sqlite_work_moved(sq, WORK_BURIED, WORK_READY);
	op->n++;
	return rc == SQLITE_OK ? renew(sq, row, run) : rc;
}

static int
revive_one(struct sqlite *sq, struct store_op *op)
{
	struct work_op *w = op->work;
	struct sqlite_work row;
	bool is_found = false;
	int rc = sqlite_work_find(sq, &w->work.id, &row, &is_found);

	if (rc != SQLITE_OK || !is_found) {
		op->result = CLAIM_LOST;
		return rc;
	}
	w->work.state = row.work.state;
	if (row.work.state == WORK_BURIED && !row.is_own)
		rc = revive(sq, w, &row, &w->work.record.id);
	else if (memcmp(&row.work.record.id, &w->work.record.id,
		     sizeof row.work.record.id) == 0)
		w->n = 1; /* by this very op, before */
	else
		op->result = CLAIM_LOST;
	sqlite_work_release(&row);
	return rc;
}

/* Those in a state, some at a time. */
static int
gather(struct sqlite *sq, struct work_op *op, enum sqlite_sql which,
    struct sqlite_work **rows, size_t *n)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, which);

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_null(stmt, 1);
	sqlite3_bind_int(stmt, 2, AT_ONCE + 1);
	op->n = 0;
	op->is_more = false;
	return sqlite_work_gather(sq, stmt, rows, n);
}

static size_t
some(struct work_op *op, size_t n)
{
	op->is_more = n > AT_ONCE;
	return n > AT_ONCE ? AT_ONCE : n;
}

int
sqlite_work_revive(struct sqlite *sq, struct store_op *op)
{
	struct sqlite_work *rows = NULL;
	size_t n = 0, i;
	int rc;

	op->work->n = 0;
	if (!op->work->is_all)
		return revive_one(sq, op);
	rc = gather(sq, op->work, SQL_WORK_BURIED, &rows, &n);
	for (i = some(op->work, n); rc == SQLITE_OK && i-- > 0;) {
		struct ulid run = ulid_make(clock_now_ms());

		/* whoever put what is no worker's is gone */
		if (!rows[i].is_own)
			rc = revive(sq, op->work, &rows[i], &run);
	}
	sqlite_work_free(rows, n);
	return rc;
}

int
sqlite_work_purge(struct sqlite *sq, struct store_op *op)
{
	static const enum sqlite_sql of_state[WORK_STATES] = {
		[WORK_READY] = SQL_WORK_READY,
		[WORK_DELAYED] = SQL_WORK_DELAYED,
		[WORK_BURIED] = SQL_WORK_BURIED,
		[WORK_DONE] = SQL_WORK_DONE,
		[WORK_CANCELLED] = SQL_WORK_CANCELLED,
	};
	enum work_state state = op->work->work.state;
	struct sqlite_work *rows = NULL;
	size_t n = 0, i;
	int rc;

	if (state == WORK_RUNNING)
		return SQLITE_CONSTRAINT;
	rc = gather(sq, op->work, of_state[state], &rows, &n);
	for (i = 0; rc == SQLITE_OK && i < some(op->work, n); i++) {
		rc = work_state_is_final(state)
		    ? sqlite_work_forget(sq, &rows[i])
		    : end_cancelled(sq, op, &rows[i]);
		op->work->n++;
	}
	sqlite_work_free(rows, n);
	return rc;
}
