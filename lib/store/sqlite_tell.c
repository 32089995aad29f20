#include "lib/store/sqlite.h"

/* An incident is a job's failures with no success between them. */
struct incident {
	int64_t failures, told_ms; /* CLOCK_NONE: people know nothing of it */
};

static int
tell_read(struct sqlite *sq, int64_t job, struct incident *incident)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_JOB_TOLD);
	int rc;

	*incident = (struct incident){ 0, CLOCK_NONE };
	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		incident->failures = sqlite3_column_int64(stmt, 0);
		incident->told_ms = sqlite_read_ms(stmt, 1);
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
		op->is_telling = incident.told_ms != CLOCK_NONE;
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
