#include <string.h>

#include "lib/store/sqlite.h"

/*
 * Who may begin. A grant is written with the record it is for, in one row of
 * live: the instant claimed and the fence. A job's watermark and fence are thus
 * the greatest of its own row and of those of live, and no start writes both.
 */

static int64_t
greater(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Each row of the statement raises the state. */
static int
raise_state(sqlite3_stmt *stmt, int64_t job, struct sqlite_state *state)
{
	int rc;

	sqlite3_bind_int64(stmt, 1, job);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		state->watermark_ms = greater(
		    state->watermark_ms, sqlite_read_ms(stmt, 0));
		state->fence = greater(
		    state->fence, sqlite3_column_int64(stmt, 1));
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int
sqlite_read_state(struct sqlite *sq, int64_t job, struct sqlite_state *state)
{
	sqlite3_stmt *own = sqlite_stmt(sq, SQL_JOB_STATE);
	sqlite3_stmt *live = sqlite_stmt(sq, SQL_LIVE_STATE);
	int rc;

	*state = (struct sqlite_state){ CLOCK_NONE, 0 };
	if (own == NULL || live == NULL)
		return sqlite3_errcode(sq->db);
	rc = raise_state(own, job, state);
	return rc == SQLITE_OK ? raise_state(live, job, state) : rc;
}

/* A row of live that is in the way of others: not our own, and not dead. */
static bool
is_blocker(const struct record *row, const struct store_op *op)
{
	if (memcmp(&row->id, &op->record.id, sizeof row->id) == 0 ||
	    memcmp(&row->owner, &op->record.owner, sizeof row->owner) == 0)
		return false;
	return identity_is_alive(&row->owner) ||
	    (row->leader.pid != 0 && identity_is_alive(&row->leader));
}

/* For is_alone. What this process runs itself, it knows without asking. */
static int
find_blocker(struct sqlite *sq, int64_t job, struct store_op *op)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_LIVE_OF_JOB);
	struct record row;
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	sqlite3_bind_int(stmt, 2, RECORD_RUNNING);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (!sqlite_read_row(sq, stmt, &row)) {
			rc = SQLITE_CORRUPT;
			break;
		}
		if (is_blocker(&row, op)) {
			op->result = CLAIM_BLOCKED;
			op->blocker = row.id;
		}
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Has this very run begun before, and with which fence? */
static int
find_earlier(struct sqlite *sq, int64_t job, const struct ulid *id, bool *found,
    int64_t *fence)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_CLAIMED);
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	sqlite_bind_ulid(stmt, 2, id);
	rc = sqlite3_step(stmt);
	*found = rc == SQLITE_ROW;
	if (*found)
		*fence = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/*
 * An instant that is later than the watermark is granted. One that is not may
 * be asked for again by the run that has it: then it has it still.
 */
int
sqlite_claim(struct sqlite *sq, int64_t job, struct store_op *op, bool *is_new)
{
	struct sqlite_state state;
	bool is_claim = store_op_claims(op), is_again = false;
	int64_t fence = 0;
	int rc = sqlite_read_state(sq, job, &state);

	*is_new = false;
	if (rc == SQLITE_OK && op->is_alone)
		rc = find_blocker(sq, job, op);
	if (rc != SQLITE_OK || op->result == CLAIM_BLOCKED)
		return rc;
	if (!is_claim || op->record.scheduled_ms <= state.watermark_ms)
		rc = find_earlier(sq, job, &op->record.id, &is_again, &fence);
	if (rc != SQLITE_OK)
		return rc;
	if (is_claim && !is_again &&
	    op->record.scheduled_ms <= state.watermark_ms) {
		op->result = CLAIM_LOST;
		return rc;
	}
	*is_new = !is_again;
	op->record.fence = (uint64_t)(is_again ? fence : state.fence + 1);
	return rc;
}

static int
write_watermark(
    struct sqlite *sq, enum sqlite_sql which, int64_t job, int64_t ms)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, which);

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	if (which != SQL_UNCLAIM)
		sqlite_bind_ms(stmt, 2, ms);
	return sqlite_run(stmt);
}

int
sqlite_set_watermark(struct sqlite *sq, int64_t job, int64_t ms)
{
	int rc = write_watermark(sq, SQL_WATERMARK, job, ms);

	return rc == SQLITE_OK ? write_watermark(sq, SQL_UNCLAIM, job, ms) : rc;
}

int
sqlite_forward(struct sqlite *sq, int64_t job, int64_t ms)
{
	if (ms == CLOCK_NONE)
		return SQLITE_OK;
	return write_watermark(sq, SQL_FORWARD, job, ms);
}
