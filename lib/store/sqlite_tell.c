#include "lib/store/sqlite.h"

/* An incident is a job's failures with no success between them. */
struct incident {
	int64_t failures, told_ms; /* CLOCK_NONE: people know nothing of it */
	int64_t late_ms;           /* likewise, that the job is late */
};

static int
tell_read(struct sqlite *sq, int64_t job, struct incident *incident)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_JOB_TOLD);
	int rc;

	*incident = (struct incident){ 0, CLOCK_NONE, CLOCK_NONE };
	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		incident->failures = sqlite3_column_int64(stmt, 0);
		incident->told_ms = sqlite_read_ms(stmt, 1);
		incident->late_ms = sqlite_read_ms(stmt, 2);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* A clock that was set far back silences nobody. */
static bool
tell_is_due(const struct incident *incident, int64_t again_ms, int64_t at_ms)
{
	int64_t ago = sqlite_less(at_ms, incident->told_ms);

	if (incident->told_ms == CLOCK_NONE)
		return true;
	return again_ms != STORE_TELL_ONCE &&
	    (ago >= again_ms || ago <= -again_ms);
}

int
sqlite_tell(struct sqlite *sq, int64_t job, const struct record *record,
    struct store_op *op, int64_t *told_ms)
{
	struct incident incident;
	int rc;

	*told_ms = CLOCK_NONE;
	if (op == NULL || op->tell_again_ms == STORE_TELL_NOBODY)
		return SQLITE_OK;
	rc = tell_read(sq, job, &incident);
	if (rc != SQLITE_OK)
		return rc;
	op->failures = incident.failures;
	op->is_telling = false;
	if (record->status == RECORD_COMPLETED) {
		op->is_telling = incident.told_ms != CLOCK_NONE ||
		    incident.late_ms != CLOCK_NONE;
	} else if (record->status != RECORD_CANCELLED) {
		op->failures++;
		op->is_telling = tell_is_due(
		    &incident, op->tell_again_ms, record->completed_ms);
		if (op->is_telling)
			*told_ms = record->completed_ms;
	}
	return SQLITE_OK;
}

int
sqlite_tell_lost(struct sqlite *sq, int64_t job, const struct record *record,
    struct store_op *op)
{
	struct incident incident;
	sqlite3_stmt *stmt;
	int rc;

	if (op == NULL || op->tell_again_ms == STORE_TELL_NOBODY)
		return SQLITE_OK;
	rc = tell_read(sq, job, &incident);
	if (rc != SQLITE_OK)
		return rc;
	op->failures = incident.failures;
	op->is_telling = incident.failures > 0 &&
	    tell_is_due(&incident, op->tell_again_ms, record->completed_ms);
	if (!op->is_telling)
		return SQLITE_OK;
	if ((stmt = sqlite_stmt(sq, SQL_JOB_TELL)) == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	sqlite3_bind_int64(stmt, 2, record->completed_ms);
	return sqlite_run(stmt);
}

/* What a job's row says, for STORE_LATE. */
struct late_state {
	struct ulid success, last;
	bool has_success, has_last, is_told;
	int64_t watermark_ms;
};

static int
late_read(struct sqlite *sq, int64_t job, struct late_state *state)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_JOB_LATE);
	int rc;

	*state = (struct late_state){ .watermark_ms = CLOCK_NONE };
	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		state->has_success = sqlite_read_ulid(stmt, 0, &state->success);
		state->has_last = sqlite_read_ulid(stmt, 1, &state->last);
		state->is_told = sqlite_read_ms(stmt, 2) != CLOCK_NONE;
		state->watermark_ms = sqlite_read_ms(stmt, 3);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* One run's start or end, into *ms where it is later. */
static int
late_look(struct sqlite *sq, sqlite3_stmt *stmt, bool by_start, int64_t *ms)
{
	struct record run;
	int64_t at;
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW && sqlite_read_row(sq, stmt, &run)) {
		at = by_start ? run.started_ms : run.completed_ms;
		if (at > *ms)
			*ms = at;
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* A run under way: its start, or whatever was settled since. */
static int
late_look_live(
    struct sqlite *sq, int64_t job, const struct late_state *state, int64_t *ms)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_LIVE_LAST);
	int64_t live = CLOCK_NONE;
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	rc = late_look(sq, stmt, true, &live);
	if (rc == SQLITE_OK && live != CLOCK_NONE && state->watermark_ms > live)
		live = state->watermark_ms;
	if (live > *ms)
		*ms = live;
	return rc;
}

static int
late_last(struct sqlite *sq, int64_t job, const struct late_state *state,
    bool by_start, int64_t *ms)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_RUN_ONE);
	int rc = SQLITE_OK;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	*ms = CLOCK_NONE;
	if (by_start ? state->has_last : state->has_success) {
		sqlite3_bind_int64(stmt, 1, job);
		sqlite_bind_ulid(
		    stmt, 2, by_start ? &state->last : &state->success);
		rc = late_look(sq, stmt, by_start, ms);
	}
	return rc == SQLITE_OK && by_start ? late_look_live(sq, job, state, ms)
					   : rc;
}

int
sqlite_late(struct sqlite *sq, int64_t job, struct store_op *op)
{
	struct late_state state;
	sqlite3_stmt *stmt;
	int rc = late_read(sq, job, &state);

	op->is_telling = false;
	if (rc == SQLITE_OK)
		rc = late_last(
		    sq, job, &state, op->late.by_start, &op->late.last_ms);
	if (rc != SQLITE_OK)
		return rc;
	if (op->late.last_ms == CLOCK_NONE)
		op->late.last_ms = op->late.first_ms;
	if (state.is_told || op->late.last_ms >= op->late.before_ms)
		return SQLITE_OK;
	stmt = sqlite_stmt(sq, SQL_JOB_IS_LATE);
	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	sqlite_bind_ms(stmt, 2, op->late.before_ms);
	op->is_telling = true;
	return sqlite_run(stmt);
}
