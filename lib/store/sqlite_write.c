#include <stdlib.h>
#include <string.h>

#include "lib/store/sqlite_work.h"

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

static int
put_live(struct sqlite *sq, int64_t job, const struct record *record,
    int64_t claim_ms)
{
	int rc;
	int64_t worker = sqlite_worker_put(sq, record->worker, &rc);
	sqlite3_stmt *stmt;

	if (rc != SQLITE_OK)
		return rc;
	if ((stmt = sqlite_stmt(sq, SQL_LIVE_PUT)) == NULL)
		return sqlite3_errcode(sq->db);
	sqlite_bind_live(stmt, job, worker, record, claim_ms);
	return sqlite_run(stmt);
}

int
sqlite_put_live(
    struct sqlite *sq, const struct record *record, int64_t claim_ms)
{
	int rc;
	int64_t job = sqlite_job_put(sq, record->job, record->kind, &rc);

	return rc == SQLITE_OK ? put_live(sq, job, record, claim_ms) : rc;
}

static int
has_ended(struct sqlite *sq, int64_t job, const struct ulid *id, bool *answer)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_RUN_HAS);
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	sqlite_bind_ulid(stmt, 2, id);
	rc = sqlite3_step(stmt);
	sqlite3_reset(stmt);
	*answer = rc == SQLITE_ROW;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Its run is only to put work in the queue: over with that, or not begun. */
static int
begin_work(struct sqlite *sq, struct store_op *op)
{
	struct record *record = &op->record;
	int rc = sqlite_work(sq, op);

	if (rc != SQLITE_OK || op->result == CLAIM_FULL)
		return rc;
	rc = sqlite_put_live(sq, record,
	    store_op_claims(op) ? record->scheduled_ms : CLOCK_NONE);
	record->status = RECORD_COMPLETED;
	if (record->completed_ms == CLOCK_NONE)
		record->completed_ms = clock_now_ms();
	return rc == SQLITE_OK ? sqlite_end(sq, record, NULL) : rc;
}

static int
begin(struct sqlite *sq, int64_t job, struct store_op *op)
{
	bool is_new = false;
	int rc = sqlite_claim(sq, job, op, &is_new);

	if (rc != SQLITE_OK || !is_new)
		return rc;
	if (op->work != NULL)
		return begin_work(sq, op);
	if (op->lock != NULL && !sqlite_take_lock(sq, op))
		return rc;
	return put_live(sq, job, &op->record,
	    store_op_claims(op) ? op->record.scheduled_ms : CLOCK_NONE);
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
int
sqlite_put_output(struct sqlite *sq, const struct record *record)
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

/* What a row of live held when it went. */
struct dropped {
	bool was_there;
	int64_t claim_ms, fence;
};

static int
read_grant(struct sqlite *sq, int64_t job, const struct ulid *id,
    struct dropped *dropped)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_LIVE_GRANT);
	int rc;

	*dropped = (struct dropped){ false, CLOCK_NONE, 0 };
	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	sqlite_bind_ulid(stmt, 2, id);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		dropped->was_there = true;
		dropped->claim_ms = sqlite_read_ms(stmt, 0);
		dropped->fence = sqlite3_column_int64(stmt, 1);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int
drop_live(struct sqlite *sq, int64_t job, const struct ulid *id,
    struct dropped *dropped)
{
	sqlite3_stmt *stmt;
	int rc = read_grant(sq, job, id, dropped);

	if (rc != SQLITE_OK || !dropped->was_there)
		return rc;
	if ((stmt = sqlite_stmt(sq, SQL_LIVE_DROP)) == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	sqlite_bind_ulid(stmt, 2, id);
	return sqlite_run(stmt);
}

static int
count_end(struct sqlite *sq, int64_t job, const struct record *record,
    struct store_op *op, const struct dropped *dropped)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_JOB_ENDED);
	int64_t told_ms;
	int rc = sqlite_tell(sq, job, record, op, &told_ms);

	if (rc != SQLITE_OK)
		return rc;
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
	sqlite_bind_ms(stmt, 5, dropped->claim_ms);
	sqlite3_bind_int64(stmt, 6, dropped->fence);
	sqlite_bind_ms(stmt, 7, told_ms);
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
	int64_t reason, fence;
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
		state->fence = sqlite3_column_int64(stmt, 2);
		state->has_last = sqlite_read_ulid(stmt, 3, &state->last);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int
count_skip(struct sqlite *sq, int64_t job, const struct ulid *open,
    const struct record *record, int64_t fence, bool is_new)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_JOB_SKIPPED);
	int64_t kept = 0;
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	sqlite3_bind_int64(stmt, 2, record->count);
	sqlite_bind_ulid(stmt, 3, open);
	sqlite3_bind_int(stmt, 4, (int)record->reason);
	sqlite_bind_ulid(stmt, 5, &record->id);
	sqlite3_bind_int(stmt, 6, is_new ? 1 : 0);
	sqlite3_bind_int64(stmt, 7, fence);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		kept = sqlite3_column_int64(stmt, 0);
		rc = sqlite3_step(stmt);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? sqlite_prune_skips(sq, job, kept) : rc;
}

static bool
is_same_id(const struct ulid *a, const struct ulid *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

static int
skip(struct sqlite *sq, int64_t job, const struct record *given)
{
	struct record record = *given; /* borrows its texts */
	struct sqlite_state job_state;
	struct skip_state state;
	bool is_new = false;
	int rc = read_skip_state(sq, job, &state);

	if (rc == SQLITE_OK)
		rc = sqlite_read_state(sq, job, &job_state);
	if (rc != SQLITE_OK ||
	    (state.has_last && is_same_id(&state.last, &record.id)))
		return rc;
	record.status = RECORD_SKIPPED;
	record.started_ms = CLOCK_NONE;
	record.duration_ms = -1;
	if (state.has_open && state.reason == (int64_t)record.reason &&
	    state.fence == job_state.fence) {
		rc = join_skip(sq, job, &state.open, &record);
		if (rc != SQLITE_OK)
			return rc;
		if (sqlite3_changes(sq->db) > 0)
			return count_skip(sq, job, &state.open, &record,
			    job_state.fence, false);
	}
	rc = put_run(sq, job, &record, &is_new);
	if (rc != SQLITE_OK || !is_new)
		return rc;
	return count_skip(sq, job, &record.id, &record, job_state.fence, true);
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

/* A run that was granted and then skipped leaves what it was granted. */
static int
end_as_skip(struct sqlite *sq, int64_t job, const struct record *record,
    const struct dropped *dropped)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_FENCE);
	int rc = sqlite_forward(sq, job, dropped->claim_ms);

	if (rc == SQLITE_OK && stmt == NULL)
		rc = sqlite3_errcode(sq->db);
	if (rc != SQLITE_OK)
		return rc;
	sqlite3_bind_int64(stmt, 1, job);
	sqlite3_bind_int64(stmt, 2, dropped->fence);
	rc = sqlite_run(stmt);
	return rc == SQLITE_OK ? skip(sq, job, record) : rc;
}

static int
end(struct sqlite *sq, int64_t job, const struct record *given,
    struct store_op *op)
{
	struct record record = *given; /* borrows its texts */
	struct dropped dropped;
	bool is_new = false;
	int rc = drop_live(sq, job, &record.id, &dropped);

	if (rc != SQLITE_OK)
		return rc;
	sqlite_drop_lock(sq, &record.id);
	if (record.status == RECORD_SKIPPED)
		return end_as_skip(sq, job, &record, &dropped);
	if (dropped.was_there)
		record.fence = (uint64_t)dropped.fence;
	else
		rc = part_skips(sq, job);
	if (rc == SQLITE_OK)
		rc = put_run(sq, job, &record, &is_new);
	if (rc == SQLITE_OK && !is_new &&
	    (record.status == RECORD_LOST || record.reason == RECORD_CRASH))
		return sqlite_tell_lost(sq, job, &record, op);
	if (rc != SQLITE_OK || !is_new)
		return rc;
	rc = sqlite_put_output(sq, &record);
	return rc == SQLITE_OK ? count_end(sq, job, &record, op, &dropped) : rc;
}

int
sqlite_end(struct sqlite *sq, const struct record *record, struct store_op *op)
{
	int rc;
	int64_t job = sqlite_job_put(sq, record->job, record->kind, &rc);

	return rc == SQLITE_OK ? end(sq, job, record, op) : rc;
}

/* While it rests, people may read what the attempt before it wrote. */
static int
update(struct sqlite *sq, int64_t job, const struct record *record)
{
	bool is_over = false;
	int rc = has_ended(sq, job, &record->id, &is_over);

	if (rc != SQLITE_OK || is_over)
		return rc;
	sqlite_guard_lock(sq, record);
	rc = put_live(sq, job, record, CLOCK_NONE);
	if (rc != SQLITE_OK || record->status != RECORD_PENDING)
		return rc;
	return sqlite_put_output(sq, record);
}

static int
skip_and_forward(struct sqlite *sq, int64_t job, struct store_op *op)
{
	int rc = skip(sq, job, &op->record);

	return rc == SQLITE_OK ? sqlite_forward(sq, job, op->watermark_ms) : rc;
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
	if (op->kind == STORE_WORK)
		return sqlite_work(sq, op);
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
		return end(sq, job, &op->record, op);
	case STORE_SKIP:
		return skip_and_forward(sq, job, op);
	case STORE_WATERMARK:
		return sqlite_set_watermark(sq, job, op->watermark_ms);
	case STORE_LATE:
		return sqlite_late(sq, job, op);
	case STORE_ONCE:
	case STORE_WORK:
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
	}
	return SQLITE_OK;
}

/* The latest end among them is what "now" is for age. */
static int64_t
newest(struct store_op **ops, size_t n)
{
	int64_t ms = CLOCK_NONE;
	size_t i;

	for (i = 0; i < n; i++) {
		const struct record *record = ops[i]->kind == STORE_WORK
		    ? &ops[i]->work->work.record
		    : &ops[i]->record;

		if (record->completed_ms > ms)
			ms = record->completed_ms;
	}
	return ms;
}

/*
 * A file that is removed while it is open takes writes as before, and nobody
 * will ever read them.
 */
static bool
is_in_place(struct sqlite *sq, struct err *err)
{
	int has_moved = 0;

	if (sqlite3_file_control(sq->db, "main", SQLITE_FCNTL_HAS_MOVED,
		&has_moved) != SQLITE_OK ||
	    has_moved == 0)
		return true;
	return err_set(err, ERR_UNREACHABLE,
	    "'%s' has been removed or replaced; the next start begins anew",
	    sq->path);
}

bool
sqlite_apply(
    struct store *store, struct store_op **ops, size_t n, struct err *err)
{
	struct sqlite *sq = (struct sqlite *)store;
	int rc;

	if (!sqlite_is_ours(sq, err) || !is_in_place(sq, err))
		return false;
	rc = sqlite_begin(sq);
	if (rc == SQLITE_OK && sq->owes_take_over)
		rc = sqlite_pay_take_over(sq);
	if (rc == SQLITE_OK)
		rc = apply_all(sq, ops, n);
	if (rc == SQLITE_OK)
		rc = sqlite_prune_old(sq, newest(ops, n));
	if (rc == SQLITE_OK)
		rc = sqlite_work_settle(sq);
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
