#include <stdlib.h>
#include <string.h>

#include "lib/store/sqlite.h"

/*
 * Writing: each batch of operations is one transaction, taken at once for
 * writing, since a transaction that begins by reading cannot wait for its turn
 * to write. Functions here return an SQLite result code.
 */

bool
sqlite_is_store_failure(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
	case SQLITE_CONSTRAINT:
	case SQLITE_TOOBIG:
	case SQLITE_MISMATCH:
	case SQLITE_RANGE:
		return false;
	}
	return true;
}

/* A statement with a job's number and an id, run. */
static int
run_with_id(struct sqlite *sq, enum sqlite_sql which, int64_t job,
    const struct ulid *id)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, which);

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	sqlite_bind_ulid(stmt, 2, id);
	return sqlite_run(stmt);
}

/* One row of one number, or none: *found says which. The statement is reset. */
static int
ask(sqlite3_stmt *stmt, int64_t *value, bool *found)
{
	int rc = sqlite3_step(stmt);

	*found = rc == SQLITE_ROW;
	if (rc == SQLITE_ROW) {
		*value = sqlite3_column_int64(stmt, 0);
		rc = sqlite3_step(stmt);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The same with a job's number, and an id where it is not NULL. */
static int
ask_with_id(struct sqlite *sq, enum sqlite_sql which, int64_t job,
    const struct ulid *id, int64_t *value, bool *found)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, which);

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	if (id != NULL)
		sqlite_bind_ulid(stmt, 2, id);
	return ask(stmt, value, found);
}

static int
put_live(struct sqlite *sq, int64_t job, const struct record *record)
{
	int rc;
	int64_t worker = sqlite_worker_put(sq, record->worker, &rc);
	sqlite3_stmt *stmt;

	if (rc != SQLITE_OK)
		return rc;
	if ((stmt = sqlite_stmt(sq, SQL_LIVE_PUT)) == NULL)
		return sqlite3_errcode(sq->db);
	sqlite_bind_live(stmt, job, worker, record);
	return sqlite_run(stmt);
}

/* Unless the run has ended already. */
static int
put_live_anew(struct sqlite *sq, int64_t job, const struct record *record,
    bool *has_ended)
{
	int64_t one = 0;
	int rc;

	*has_ended = false;
	rc = ask_with_id(sq, SQL_RUN_HAS, job, &record->id, &one, has_ended);
	if (rc != SQLITE_OK || *has_ended)
		return rc;
	return put_live(sq, job, record);
}

static int
set_watermark(struct sqlite *sq, enum sqlite_sql which, int64_t job, int64_t ms)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, which);

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	sqlite_bind_ms(stmt, 2, ms);
	return sqlite_run(stmt);
}

struct claim_state {
	int64_t watermark_ms, fence;
	struct ulid claimed;
	bool has_claimed;
};

static int
read_claim_state(struct sqlite *sq, int64_t job, struct claim_state *state)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_CLAIM_STATE);
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	rc = sqlite3_step(stmt);
	state->watermark_ms = sqlite_read_ms(stmt, 0);
	state->has_claimed = sqlite_read_ulid(stmt, 1, &state->claimed);
	state->fence = sqlite3_column_int64(stmt, 2);
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Write the grant; with a claim, also the instant and who took it. */
static int
grant(struct sqlite *sq, int64_t job, struct store_op *op, bool is_claim)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, is_claim ? SQL_CLAIM : SQL_GRANT);

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	sqlite3_bind_int64(stmt, 2, (int64_t)op->record.fence);
	if (is_claim) {
		sqlite3_bind_int64(stmt, 3, op->record.scheduled_ms);
		sqlite_bind_ulid(stmt, 4, &op->record.id);
	}
	return sqlite_run(stmt);
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

/*
 * An instant that is later than the watermark is granted; one that this very
 * run has taken before is granted again, with the fence of then.
 */
static int
begin(struct sqlite *sq, int64_t job, struct store_op *op)
{
	struct claim_state state = { 0 };
	bool is_claim = store_op_claims(op), is_again, has_ended;
	int rc = read_claim_state(sq, job, &state);

	if (rc == SQLITE_OK && op->is_alone)
		rc = find_blocker(sq, job, op);
	if (rc != SQLITE_OK || op->result == CLAIM_BLOCKED)
		return rc;
	is_again = is_claim && state.has_claimed &&
	    memcmp(&state.claimed, &op->record.id, sizeof state.claimed) == 0;
	if (is_claim && !is_again &&
	    op->record.scheduled_ms <= state.watermark_ms) {
		op->result = CLAIM_LOST;
		return SQLITE_OK;
	}
	op->record.fence = (uint64_t)state.fence + (is_again ? 0 : 1);
	if (!is_again)
		rc = grant(sq, job, op, is_claim);
	if (rc != SQLITE_OK)
		return rc;
	return is_claim && !is_again
	    ? put_live(sq, job, &op->record)
	    : put_live_anew(sq, job, &op->record, &has_ended);
}

static int
drop_output(struct sqlite *sq, const struct ulid *id)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_OUTPUT_DROP);

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite_bind_ulid(stmt, 1, id);
	return sqlite_run(stmt);
}

/*
 * The output of its last attempt. One that wrote nothing leaves none of an
 * earlier one behind; a record that was read back has its bytes here already.
 */
static int
put_output(struct sqlite *sq, const struct record *record)
{
	sqlite3_stmt *stmt;

	if (record->head_len == 0 && record->tail_len == 0)
		return record->attempt > 1 && record->output_bytes == 0
		    ? drop_output(sq, &record->id)
		    : SQLITE_OK;
	if ((stmt = sqlite_stmt(sq, SQL_OUTPUT_PUT)) == NULL)
		return sqlite3_errcode(sq->db);
	sqlite_bind_ulid(stmt, 1, &record->id);
	sqlite3_bind_blob64(
	    stmt, 2, record->head, record->head_len, SQLITE_STATIC);
	sqlite3_bind_blob64(
	    stmt, 3, record->tail, record->tail_len, SQLITE_STATIC);
	return sqlite_run(stmt);
}

/* *is_new is false where the run had ended before. */
static int
put_run(
    struct sqlite *sq, int64_t job, const struct record *record, bool *is_new)
{
	int rc;
	int64_t worker = sqlite_worker_put(sq, record->worker, &rc);
	sqlite3_stmt *stmt;

	*is_new = false;
	if (rc != SQLITE_OK)
		return rc;
	if ((stmt = sqlite_stmt(sq, SQL_RUN_PUT)) == NULL)
		return sqlite3_errcode(sq->db);
	sqlite_bind_run(stmt, job, worker, record);
	rc = sqlite_run(stmt);
	*is_new = rc == SQLITE_OK && sqlite3_changes(sq->db) > 0;
	return rc;
}

static int
count_end(struct sqlite *sq, int64_t job, const struct record *record)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_JOB_ENDED);
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	sqlite_bind_ulid(stmt, 2, &record->id);
	sqlite3_bind_int(stmt, 3, (int)record->status);
	if ((record->status == RECORD_COMPLETED ||
		record->status == RECORD_FAILED) &&
	    record->duration_ms >= 0)
		sqlite3_bind_int64(stmt, 4, record->duration_ms);
	else
		sqlite3_bind_null(stmt, 4);
	rc = sqlite_run(stmt);
	return rc == SQLITE_OK ? sqlite_prune_job(sq, job) : rc;
}

static int
join_skip(struct sqlite *sq, int64_t job, const struct ulid *id,
    const struct record *record)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_SKIP_JOIN);

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	sqlite_bind_ulid(stmt, 2, id);
	sqlite3_bind_int64(stmt, 3, record->count);
	if (record->completed_ms != CLOCK_NONE)
		sqlite3_bind_int64(stmt, 4,
		    sqlite_less(record->completed_ms, ulid_time_ms(id)));
	else
		sqlite3_bind_null(stmt, 4);
	if (record->error != NULL)
		sqlite3_bind_text(stmt, 5, record->error, -1, SQLITE_STATIC);
	else
		sqlite3_bind_null(stmt, 5);
	return sqlite_run(stmt);
}

struct skip_state {
	struct ulid open, last;
	bool has_open, has_last;
	int64_t reason;
};

static int
read_skip_state(struct sqlite *sq, int64_t job, struct skip_state *state)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_SKIP_STATE);
	int rc;

	*state = (struct skip_state){ 0 };
	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		state->has_open = sqlite_read_ulid(stmt, 0, &state->open);
		state->reason = sqlite3_column_int64(stmt, 1);
		state->has_last = sqlite_read_ulid(stmt, 2, &state->last);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int
count_skip(struct sqlite *sq, int64_t job, const struct ulid *open,
    const struct record *record, bool is_new)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_JOB_SKIPPED);
	int64_t kept = 0;
	bool found;
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	sqlite3_bind_int64(stmt, 2, record->count);
	sqlite_bind_ulid(stmt, 3, open);
	sqlite3_bind_int(stmt, 4, (int)record->reason);
	sqlite_bind_ulid(stmt, 5, &record->id);
	sqlite3_bind_int(stmt, 6, is_new ? 1 : 0);
	rc = ask(stmt, &kept, &found);
	return rc == SQLITE_OK ? sqlite_prune_skips(sq, job, kept) : rc;
}

static int
skip(struct sqlite *sq, int64_t job, const struct record *given)
{
	struct record record = *given; /* borrows its texts */
	struct skip_state state;
	bool is_new = false;
	int rc = read_skip_state(sq, job, &state);

	record.status = RECORD_SKIPPED;
	record.started_ms = CLOCK_NONE;
	record.duration_ms = -1;
	if (rc != SQLITE_OK ||
	    (state.has_last &&
		memcmp(&state.last, &record.id, sizeof state.last) == 0))
		return rc;
	if (state.has_open && state.reason == (int64_t)record.reason) {
		rc = join_skip(sq, job, &state.open, &record);
		if (rc != SQLITE_OK)
			return rc;
		if (sqlite3_changes(sq->db) > 0)
			return count_skip(sq, job, &state.open, &record, false);
	}
	rc = put_run(sq, job, &record, &is_new);
	if (rc != SQLITE_OK || !is_new)
		return rc;
	return count_skip(sq, job, &record.id, &record, true);
}

/* One whose begin never came still parts two rows of skips. */
static int
part_skips(struct sqlite *sq, int64_t job)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_SKIP_OVER);

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	return sqlite_run(stmt);
}

static int
end(struct sqlite *sq, int64_t job, const struct record *record)
{
	bool is_new = false;
	int rc = run_with_id(sq, SQL_LIVE_DROP, job, &record->id);

	if (rc != SQLITE_OK)
		return rc;
	if (record->status == RECORD_SKIPPED)
		return skip(sq, job, record);
	if (sqlite3_changes(sq->db) == 0)
		rc = part_skips(sq, job);
	if (rc == SQLITE_OK)
		rc = put_run(sq, job, record, &is_new);
	if (rc != SQLITE_OK || !is_new)
		return rc;
	rc = put_output(sq, record);
	return rc == SQLITE_OK ? count_end(sq, job, record) : rc;
}

int
sqlite_end(struct sqlite *sq, const struct record *record)
{
	int rc;
	int64_t job = sqlite_job_put(sq, record->job, record->kind, &rc);

	return rc == SQLITE_OK ? end(sq, job, record) : rc;
}

/* While it rests, people may read what the attempt before it wrote. */
static int
update(struct sqlite *sq, int64_t job, const struct record *record)
{
	bool has_ended;
	int rc = put_live_anew(sq, job, record, &has_ended);

	if (rc != SQLITE_OK || has_ended || record->status != RECORD_PENDING)
		return rc;
	return put_output(sq, record);
}

static int
skip_and_forward(struct sqlite *sq, int64_t job, struct store_op *op)
{
	int rc = skip(sq, job, &op->record);

	if (rc != SQLITE_OK || op->watermark_ms == CLOCK_NONE)
		return rc;
	return set_watermark(sq, SQL_FORWARD, job, op->watermark_ms);
}

static int
once(struct sqlite *sq, struct store_op *op)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_ONCE);
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite_bind_ulid(stmt, 1, &op->record.id);
	rc = sqlite3_step(stmt);
	sqlite3_reset(stmt);
	if (rc == SQLITE_ROW)
		op->result = CLAIM_LOST;
	if (rc != SQLITE_DONE)
		return rc == SQLITE_ROW ? SQLITE_OK : rc;
	if ((stmt = sqlite_stmt(sq, SQL_ONCE_SET)) == NULL)
		return sqlite3_errcode(sq->db);
	sqlite_bind_ulid(stmt, 1, &op->record.id);
	return sqlite_run(stmt);
}

static int
apply_one(struct sqlite *sq, struct store_op *op)
{
	int64_t job;
	int rc;

	op->result = CLAIM_GRANTED;
	if (op->kind == STORE_ONCE)
		return once(sq, op);
	if (op->record.job == NULL)
		return SQLITE_CONSTRAINT;
	job = sqlite_job_put(sq, op->record.job, op->record.kind, &rc);
	if (rc != SQLITE_OK)
		return rc;
	switch (op->kind) {
	case STORE_BEGIN:
		return begin(sq, job, op);
	case STORE_UPDATE:
		return update(sq, job, &op->record);
	case STORE_END:
		return end(sq, job, &op->record);
	case STORE_SKIP:
		return skip_and_forward(sq, job, op);
	case STORE_WATERMARK:
		return set_watermark(sq, SQL_WATERMARK, job, op->watermark_ms);
	case STORE_ONCE:
		break;
	}
	return SQLITE_OK;
}

/* One that cannot be written, whatever is tried, holds up no other. */
static int
apply_all(struct sqlite *sq, struct store_op **ops, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		int rc = apply_one(sq, ops[i]);

		if (rc == SQLITE_OK && ops[i]->kind == STORE_ONCE &&
		    ops[i]->result == CLAIM_LOST)
			return SQLITE_OK;
		if (rc == SQLITE_OK)
			continue;
		if (sqlite_is_store_failure(rc))
			return rc;
		ops[i]->result = CLAIM_FAILED;
		sqlite_err(sq, rc, "write a record to", &ops[i]->err);
	}
	return SQLITE_OK;
}

/* The latest end among them is what "now" is for age. */
static int64_t
newest(struct store_op **ops, size_t n)
{
	int64_t ms = CLOCK_NONE;
	size_t i;

	for (i = 0; i < n; i++)
		if (ops[i]->record.completed_ms > ms)
			ms = ops[i]->record.completed_ms;
	return ms;
}

bool
sqlite_apply(
    struct store *store, struct store_op **ops, size_t n, struct err *err)
{
	struct sqlite *sq = (struct sqlite *)store;
	int rc;

	if (!sqlite_is_ours(sq, err))
		return false;
	rc = sqlite_begin(sq);
	if (rc == SQLITE_OK && sq->owes_take_over)
		rc = sqlite_pay_take_over(sq);
	if (rc == SQLITE_OK)
		rc = apply_all(sq, ops, n);
	if (rc == SQLITE_OK)
		rc = sqlite_prune_old(sq, newest(ops, n));
	if (rc == SQLITE_OK)
		rc = sqlite_do(sq, SQL_COMMIT);
	if (rc == SQLITE_OK) {
		sq->owes_take_over = false;
		return true;
	}
	sqlite_err(sq, rc, "write to", err);
	sqlite_undo(sq);
	return false;
}
