#include "lib/store/sqlite_work.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/sha1.h"

/*
 * What is put into the queue, and what comes back from those who took it. A
 * row keeps the id of the last taking after that has ended, so that an answer
 * which is given again is known as such, and one that comes late is not.
 */

/* What `key` stands for already, if anything. */
static int
find_key(
    struct sqlite *sq, struct work_op *put, const char *digest, bool *known)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_WORK_BY_KEY);
	const char *text, *handler;
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite_bind_text(stmt, 1, put->work.key);
	rc = sqlite3_step(stmt);
	*known = rc == SQLITE_ROW;
	if (*known) {
		handler = sqlite_job_name(sq, sqlite3_column_int64(stmt, 1));
		text = (const char *)sqlite3_column_text(stmt, 2);
		put->put = handler != NULL && text != NULL &&
			strcmp(handler, put->work.record.job) == 0 &&
			strcmp(text, digest) == 0
		    ? WORK_KNOWN
		    : WORK_DIFFERS;
		if (!sqlite_read_ulid(stmt, 0, &put->work.id))
			rc = SQLITE_CORRUPT;
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Is it there already: this very piece, or what its key stands for? */
static int
find_known(
    struct sqlite *sq, struct work_op *put, const char *digest, bool *known)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_WORK_HAS);
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite_bind_ulid(stmt, 1, &put->work.id);
	rc = sqlite3_step(stmt);
	sqlite3_reset(stmt);
	*known = rc == SQLITE_ROW;
	if (rc != SQLITE_DONE)
		return rc == SQLITE_ROW ? SQLITE_OK : rc;
	if (put->work.key == NULL)
		return SQLITE_OK;
	return find_key(sq, put, digest, known);
}

static int
is_full(struct sqlite *sq, const struct work_op *put, bool *full)
{
	int64_t n[WORK_STATES + 1];
	int rc;

	*full = false;
	if (put->size <= 0 || put->is_running)
		return SQLITE_OK;
	rc = sqlite_work_counts(sq, n);
	*full = rc == SQLITE_OK && n[WORK_READY] + n[WORK_DELAYED] >= put->size;
	return rc;
}

static int
next_fence(struct sqlite *sq, int64_t handler, int64_t *fence)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_WORK_FENCE);
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, handler);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*fence = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW ? SQLITE_OK : SQLITE_CORRUPT;
}

/* Who takes it, and when, by a statement that has them in this order. */
int
sqlite_work_bind_taker(struct sqlite *sq, sqlite3_stmt *stmt, int at,
    int64_t handler, const struct record *by)
{
	int64_t fence = 0, worker;
	int rc = next_fence(sq, handler, &fence);

	if (rc != SQLITE_OK)
		return rc;
	worker = sqlite_worker_put(sq, by->worker, &rc);
	sqlite3_bind_int64(stmt, at, clock_now_ms());
	sqlite3_bind_int64(stmt, at + 1, fence);
	sqlite_bind_unless(stmt, at + 2, worker, 0);
	sqlite_bind_identity(stmt, at + 3, &by->owner);
	return rc;
}

static void
bind_work(sqlite3_stmt *stmt, int64_t handler, const struct work *w)
{
	sqlite_bind_ulid(stmt, 1, &w->id);
	sqlite3_bind_int64(stmt, 2, handler);
	sqlite3_bind_int(stmt, 3, (int)w->state);
	sqlite3_bind_int64(stmt, 4, sqlite_less(w->due_ms, w->lead_ms));
	sqlite3_bind_int64(stmt, 5, w->due_ms);
	sqlite3_bind_int64(stmt, 6, w->created_ms);
	sqlite_bind_unless(stmt, 7, w->priority, 0);
	sqlite_bind_unless(stmt, 8, w->retry_max, -1);
	sqlite_bind_unless(stmt, 9, w->retry_delay_ms, -1);
	sqlite_bind_unless(stmt, 10, w->timeout_ms, WORK_TIMEOUT_UNSET);
	sqlite_bind_text(stmt, 20, w->key);
}

static int
put_payload(struct sqlite *sq, const struct work *w)
{
	sqlite3_stmt *stmt;

	if (w->payload_len == 0)
		return SQLITE_OK;
	if ((stmt = sqlite_stmt(sq, SQL_PAYLOAD_PUT)) == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, sqlite3_last_insert_rowid(sq->db));
	sqlite3_bind_blob64(stmt, 2, w->payload, w->payload_len, SQLITE_STATIC);
	return sqlite_run(stmt);
}

static int
put_row(struct sqlite *sq, int64_t handler, const struct work_op *put,
    const char *digest)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_WORK_PUT);
	int rc = SQLITE_OK, i;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	bind_work(stmt, handler, &put->work);
	for (i = 11; i <= 19; i++)
		sqlite3_bind_null(stmt, i);
	if (put->is_running) {
		sqlite3_bind_int(stmt, 11, 1);
		sqlite3_bind_int(stmt, 12, 1);
		sqlite_bind_ulid(stmt, 13, &put->work.take);
		rc = sqlite_work_bind_taker(
		    sq, stmt, 14, handler, &put->work.record);
	}
	sqlite_bind_text(stmt, 21, put->work.key != NULL ? digest : NULL);
	if (rc == SQLITE_OK)
		rc = sqlite_run(stmt);
	return rc == SQLITE_OK ? put_payload(sq, &put->work) : rc;
}

/* Ready, delayed, or somebody's, by the clock of the store. */
static void
settle_when(struct work_op *put)
{
	struct work *w = &put->work;
	int64_t now = clock_now_ms();

	w->created_ms = now;
	if (w->due_ms == CLOCK_NONE)
		w->due_ms = sqlite_plus(now, put->delay_ms);
	if (w->due_ms < now || put->is_running)
		w->due_ms = now;
	w->state = w->due_ms > now ? WORK_DELAYED : WORK_READY;
	if (put->is_running)
		w->state = WORK_RUNNING;
}

int
sqlite_work_note_wish(struct sqlite *sq, int64_t handler,
    const struct ulid *run, const struct record *from)
{
	struct sqlite_work row = { .handler = handler };
	struct record record;

	if (from->metadata == NULL && from->scheduled_ms == CLOCK_NONE &&
	    strcmp(from->kind, "handler") == 0 && from->trigger == RECORD_QUEUE)
		return SQLITE_OK;
	record_init(&record); /* borrows its texts */
	record.id = *run;
	record.job = from->job;
	record.kind = from->kind;
	record.trigger = from->trigger;
	record.scheduled_ms = from->scheduled_ms;
	record.metadata = from->metadata;
	return sqlite_work_note(sq, &row, &record);
}

static int
put_new(struct sqlite *sq, struct work_op *put, const char *digest)
{
	struct work *w = &put->work;
	int64_t handler;
	int rc;

	if (w->record.kind == NULL)
		w->record.kind = mem_strdup("handler");
	handler = sqlite_job_put(sq, w->record.job, w->record.kind, &rc);
	if (rc != SQLITE_OK)
		return rc;
	settle_when(put);
	rc = put_row(sq, handler, put, digest);
	if (rc == SQLITE_OK)
		rc = sqlite_work_note_wish(sq, handler, &w->id, &w->record);
	sqlite_work_moved(sq, WORK_STATES, w->state);
	return rc;
}

static int
put_work(struct sqlite *sq, struct store_op *op)
{
	struct work_op *put = op->work;
	char digest[SHA1_TEXT_SIZE] = "";
	bool is_known = false, has_no_room = false;
	int rc;

	if (put->work.record.job == NULL ||
	    put->work.payload_len > WORK_PAYLOAD_MAX)
		return SQLITE_CONSTRAINT;
	put->put = WORK_ADDED;
	if (put->work.key != NULL)
		sha1_text(put->work.payload_len > 0 ? put->work.payload : "",
		    put->work.payload_len, digest);
	rc = find_known(sq, put, digest, &is_known);
	if (rc != SQLITE_OK || is_known)
		return rc;
	rc = is_full(sq, put, &has_no_room);
	if (has_no_room) {
		put->put = WORK_FULL;
		op->result = CLAIM_FULL;
		return rc;
	}
	return rc == SQLITE_OK ? put_new(sq, put, digest) : rc;
}

int
sqlite_work_note(struct sqlite *sq, const struct sqlite_work *row,
    const struct record *record)
{
	sqlite3_stmt *stmt;
	bool has_output = record->head_len > 0 || record->tail_len > 0;
	int64_t worker;
	int rc;

	if (!has_output && (record->attempt <= 1 || record->output_bytes > 0))
		has_output = row->has_output;
	worker = sqlite_worker_put(sq, record->worker, &rc);
	if (rc != SQLITE_OK)
		return rc;
	if ((stmt = sqlite_stmt(sq, SQL_OUTCOME_PUT)) == NULL)
		return sqlite3_errcode(sq->db);
	sqlite_bind_run(stmt, row->handler, worker, record);
	sqlite_bind_unless(stmt, 24, has_output ? 1 : 0, 0);
	sq->moved[WORK_STATES] += has_output - row->has_output;
	return sqlite_run(stmt);
}

static int
drop_payload(struct sqlite *sq, int64_t seq)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_PAYLOAD_DROP);

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, seq);
	return sqlite_run(stmt);
}

/* Completed is done, cancelled is cancelled, all else is buried. */
static enum work_state
end_state(const struct record *record)
{
	if (record->status == RECORD_COMPLETED)
		return WORK_DONE;
	return record->status == RECORD_CANCELLED ? WORK_CANCELLED
						  : WORK_BURIED;
}

int
sqlite_work_end(struct sqlite *sq, struct store_op *op,
    const struct sqlite_work *row, const struct record *record)
{
	enum work_state state = end_state(record);
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_WORK_ENDED);
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, row->seq);
	sqlite3_bind_int(stmt, 2, (int)state);
	sqlite3_bind_int64(stmt, 3, clock_now_ms());
	rc = sqlite_run(stmt);
	if (rc == SQLITE_OK && state != WORK_BURIED)
		rc = drop_payload(sq, row->seq);
	/* first, so that history's pruning spares its output */
	if (rc == SQLITE_OK)
		rc = sqlite_work_note(sq, row, record);
	if (rc == SQLITE_OK)
		rc = op->work->has_history
		    ? sqlite_end(
			  sq, record, op->work->kind == WORK_TAKE ? NULL : op)
		    : sqlite_put_output(sq, record);
	sqlite_work_moved(sq, row->work.state, state);
	return rc == SQLITE_OK ? sqlite_work_prune(sq) : rc;
}

int
sqlite_work_give_up(struct sqlite *sq, struct store_op *op,
    struct sqlite_work *row, enum record_status status,
    enum record_reason reason, const char *error)
{
	struct record *r = &row->work.record;

	r->status = status;
	r->reason = reason;
	r->completed_ms = clock_now_ms();
	r->retry_at_ms = CLOCK_NONE;
	if (error != NULL) {
		free(r->error);
		r->error = mem_strdup(error);
	}
	return sqlite_work_end(sq, op, row, r);
}

int
sqlite_work_wait(struct sqlite *sq, const struct sqlite_work *row,
    int64_t due_ms, int64_t now_ms)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_WORK_WAITS);
	enum work_state state = due_ms > now_ms ? WORK_DELAYED : WORK_READY;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, row->seq);
	sqlite3_bind_int(stmt, 2, (int)state);
	sqlite3_bind_int64(stmt, 3, due_ms);
	sqlite_work_moved(sq, row->work.state, state);
	return sqlite_run(stmt);
}

/* The record that was given, of the run that the row knows. */
static struct record
record_of(const struct sqlite_work *row, const struct record *given)
{
	struct record record = *given; /* borrows its texts */

	record.id = row->work.record.id;
	record.job = row->work.record.job;
	record.kind = row->work.record.kind;
	record.trigger = row->work.record.trigger;
	record.scheduled_ms = row->work.record.scheduled_ms;
	if (record.fence == 0)
		record.fence = row->work.record.fence;
	if (record.metadata == NULL)
		record.metadata = row->work.record.metadata;
	if (record.worker == NULL)
		record.worker = row->work.record.worker;
	return record;
}

/* Ended by its user before it could wait again. */
static int
end_told(struct sqlite *sq, struct store_op *op, struct sqlite_work *row)
{
	return sqlite_work_give_up(
	    sq, op, row, RECORD_CANCELLED, RECORD_CANCELLED_BY_USER, NULL);
}

static int
end_attempt(struct sqlite *sq, struct store_op *op, struct sqlite_work *row)
{
	struct record record = record_of(row, &op->work->work.record);

	return sqlite_work_end(sq, op, row, &record);
}

static int
retry(struct sqlite *sq, struct store_op *op, struct sqlite_work *row)
{
	int64_t now = clock_now_ms();
	struct record record = record_of(row, &op->work->work.record);
	int rc;

	if (row->work.is_told_to_end) {
		record.status = RECORD_CANCELLED;
		record.reason = RECORD_CANCELLED_BY_USER;
		record.completed_ms = now;
		return sqlite_work_end(sq, op, row, &record);
	}
	record.status = RECORD_PENDING;
	rc = sqlite_work_note(sq, row, &record);
	if (rc == SQLITE_OK)
		rc = sqlite_put_output(sq, &record);
	if (rc != SQLITE_OK)
		return rc;
	return sqlite_work_wait(
	    sq, row, sqlite_plus(now, op->work->delay_ms), now);
}

static int
release(struct sqlite *sq, struct store_op *op, struct sqlite_work *row)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_WORK_RELEASED);

	if (row->work.is_told_to_end)
		return end_told(sq, op, row);
	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, row->seq);
	sqlite_work_moved(sq, row->work.state, WORK_READY);
	return sqlite_run(stmt);
}

/* Said before, and done? An end may stand for what its user ended meanwhile. */
static bool
is_repeated(enum work_op_kind kind, const struct sqlite_work *row)
{
	enum work_state state = row->work.state;

	if (kind == WORK_END)
		return work_state_is_final(state);
	return state == WORK_READY || state == WORK_CANCELLED ||
	    (kind == WORK_AGAIN && state == WORK_DELAYED);
}

/* Only by who took it last; what is no worker's can but end. */
static int
give_back(struct sqlite *sq, struct store_op *op)
{
	const struct work *given = &op->work->work;
	enum work_op_kind kind = op->work->kind;
	struct sqlite_work row;
	bool is_found = false;
	int rc = sqlite_work_find(sq, &given->id, &row, &is_found);

	if (rc != SQLITE_OK || !is_found) {
		op->result = CLAIM_LOST;
		return rc;
	}
	if (memcmp(&row.work.take, &given->take, sizeof given->take) != 0 ||
	    (row.is_own && kind != WORK_END))
		op->result = CLAIM_LOST;
	else if (row.work.state != WORK_RUNNING)
		op->result = is_repeated(kind, &row) ? CLAIM_GRANTED
						     : CLAIM_LOST;
	else if (kind == WORK_END)
		rc = end_attempt(sq, op, &row);
	else if (kind == WORK_AGAIN)
		rc = retry(sq, op, &row);
	else
		rc = release(sq, op, &row);
	sqlite_work_release(&row);
	return rc;
}

int
sqlite_work(struct sqlite *sq, struct store_op *op)
{
	switch (op->work->kind) {
	case WORK_PUT:
		return put_work(sq, op);
	case WORK_TAKE:
		return sqlite_work_take(sq, op);
	case WORK_END:
	case WORK_AGAIN:
	case WORK_RELEASE:
		return give_back(sq, op);
	case WORK_CANCEL:
		return sqlite_work_cancel(sq, op);
	case WORK_REVIVE:
		return sqlite_work_revive(sq, op);
	case WORK_PURGE:
		return sqlite_work_purge(sq, op);
	}
	return SQLITE_OK;
}
