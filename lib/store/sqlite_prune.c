#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/sqlite.h"

/*
 * Pruning, as part of the writes that make it needed: by count when a job has
 * a sixteenth more than it may keep (to the run where it keeps few), so that
 * the cost is spread; by age, some rows at a time. What has not ended lies in
 * another table and is never looked at; a job's last run, last success and
 * last failure stay, beside the newest. Functions return an SQLite result
 * code.
 */
#define SKIPS_KEPT 100
/* So many rows at most go in one transaction; the rest waits for the next. */
#define DROP_AT_ONCE  1000
#define DROP_AT_START 20000

static int
drop_run(struct sqlite *sq, int64_t job, const struct ulid *id)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_RUN_DROP);
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	sqlite_bind_ulid(stmt, 2, id);
	rc = sqlite_run(stmt);
	if (rc != SQLITE_OK)
		return rc;
	if ((stmt = sqlite_stmt(sq, SQL_OUTPUT_DROP)) == NULL)
		return sqlite3_errcode(sq->db);
	sqlite_bind_ulid(stmt, 1, id);
	return sqlite_run(stmt);
}

static int
count_pruned(struct sqlite *sq, int64_t job, int64_t runs, int64_t skips)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_JOB_PRUNED);

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	sqlite3_bind_int64(stmt, 2, runs);
	sqlite3_bind_int64(stmt, 3, skips);
	return sqlite_run(stmt);
}

/* Where the runs end that are kept: the id of the keep-th newest. */
static int
find_bound(struct sqlite *sq, int64_t job, struct ulid *bound)
{
	sqlite3_stmt *stmt;
	int rc = SQLITE_DONE;

	memset(bound, 0xff, sizeof *bound);
	if (sq->limits.keep == 0)
		return SQLITE_OK;
	if ((stmt = sqlite_stmt(sq, SQL_PRUNE_BOUND)) == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	sqlite3_bind_int64(stmt, 2, sq->limits.keep - 1);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW && !sqlite_read_ulid(stmt, 0, bound))
		rc = SQLITE_CORRUPT;
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The ids that stmt gives for the job, at most n; the caller's to free. */
static int
gather(
    sqlite3_stmt *stmt, int64_t job, int64_t n, struct ulid **ids, size_t *len)
{
	struct ulid *list = NULL;
	size_t k = 0;
	int rc;

	sqlite3_bind_int64(stmt, 1, job);
	sqlite3_bind_int64(stmt, 2, n);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		list = mem_grow(list, k + 1, sizeof *list);
		if (!sqlite_read_ulid(stmt, 0, &list[k++])) {
			rc = SQLITE_CORRUPT;
			break;
		}
	}
	sqlite3_reset(stmt);
	*ids = list;
	*len = k;
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Drop those of `which`, n at most; *dropped is how many it were. */
static int
drop_some(struct sqlite *sq, sqlite3_stmt *stmt, int64_t job, int64_t n,
    int64_t *dropped)
{
	struct ulid *ids = NULL;
	size_t len = 0, i;
	int rc = gather(stmt, job, n, &ids, &len);

	for (i = 0; rc == SQLITE_OK && i < len; i++)
		rc = drop_run(sq, job, &ids[i]);
	free(ids);
	*dropped = (int64_t)len;
	return rc;
}

/* The runs beyond the newest that are kept. */
static int
drop_runs(struct sqlite *sq, int64_t job, int64_t *dropped)
{
	sqlite3_stmt *stmt;
	struct ulid bound;
	int rc = find_bound(sq, job, &bound);

	*dropped = 0;
	if (rc != SQLITE_OK)
		return rc;
	if ((stmt = sqlite_stmt(sq, SQL_PRUNE_RUNS)) == NULL)
		return sqlite3_errcode(sq->db);
	sqlite_bind_ulid(stmt, 3, &bound);
	rc = drop_some(sq, stmt, job, DROP_AT_ONCE, dropped);
	if (rc != SQLITE_OK || *dropped == 0)
		return rc;
	return count_pruned(sq, job, *dropped, 0);
}

static int
drop_skips(struct sqlite *sq, int64_t job, int64_t n)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_PRUNE_SKIPS);
	int64_t dropped;
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	rc = drop_some(sq, stmt, job, n, &dropped);
	return rc == SQLITE_OK ? count_pruned(sq, job, 0, dropped) : rc;
}

static int
read_kept(struct sqlite *sq, int64_t job, int64_t *kept)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_PRUNE_KEPT);
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*kept = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/*
 * Counted here, and read from the row only where it is not known or too much:
 * what other processes add, their own counts look after.
 */
int
sqlite_prune_job(struct sqlite *sq, int64_t job)
{
	int64_t keep = sq->limits.keep, most = keep + keep / 16;
	int64_t *kept = &sq->jobs.by_id[job]->kept, dropped;
	int rc;

	if (*kept >= 0 && ++*kept <= most)
		return SQLITE_OK;
	rc = read_kept(sq, job, kept);
	if (rc != SQLITE_OK || *kept <= most)
		return rc;
	rc = drop_runs(sq, job, &dropped);
	*kept -= dropped;
	return rc;
}

int
sqlite_prune_skips(struct sqlite *sq, int64_t job, int64_t kept)
{
	if (kept <= SKIPS_KEPT + SKIPS_KEPT / 16)
		return SQLITE_OK;
	return drop_skips(sq, job, kept - SKIPS_KEPT);
}

struct old_run {
	int64_t job;
	struct ulid id;
	bool is_skip;
};

/* Made before the limit, but it may have ended after it, or must stay. */
static bool
is_old(sqlite3_stmt *stmt, const struct ulid *id, int64_t limit_ms)
{
	int64_t duration = sqlite3_column_int64(stmt, 3);
	int64_t end = ulid_time_ms(id);

	if (sqlite3_column_int(stmt, 6) != 0)
		return false;
	if (sqlite3_column_type(stmt, 4) == SQLITE_NULL)
		return true;
	end = sqlite_plus(end, sqlite3_column_int64(stmt, 5));
	end = sqlite_plus(end, sqlite3_column_int64(stmt, 4));
	return sqlite_plus(end, duration > 0 ? duration : 0) < limit_ms;
}

static int
gather_old(
    struct sqlite *sq, int64_t limit_ms, struct old_run **list, size_t *n)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_PRUNE_OLD);
	struct ulid limit = { { 0 } };
	struct old_run *old = NULL, one;
	size_t len = 0;
	int rc, i;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	for (i = 0; i < 6; i++)
		limit.b[i] = (unsigned char)(limit_ms >> (40 - 8 * i) & 0xff);
	sqlite_bind_ulid(stmt, 1, &limit);
	while (len < DROP_AT_ONCE && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		one.job = sqlite3_column_int64(stmt, 0);
		one.is_skip = sqlite3_column_int(stmt, 2) == RECORD_SKIPPED;
		if (!sqlite_read_ulid(stmt, 1, &one.id) ||
		    !is_old(stmt, &one.id, limit_ms))
			continue;
		old = mem_grow(old, len + 1, sizeof *old);
		old[len++] = one;
	}
	sqlite3_reset(stmt);
	*list = old;
	*n = len;
	return len == DROP_AT_ONCE || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Pages that pruning left over go back to the file system bit by bit. */
static int
give_back(struct sqlite *sq)
{
	return sqlite3_exec(
	    sq->db, "PRAGMA incremental_vacuum(64)", NULL, NULL, NULL);
}

/* Looking each minute is enough, or more often where the age is short. */
static int64_t
sweep_gap_ms(int64_t max_age_ms)
{
	int64_t gap = max_age_ms / 64;

	if (gap > 60000)
		return 60000;
	return gap > 100 ? gap : 100;
}

int
sqlite_prune_old(struct sqlite *sq, int64_t now_ms)
{
	int64_t age = sq->limits.max_age_ms,
		since = sqlite_less(now_ms, sq->swept_ms);
	struct old_run *old = NULL;
	size_t n = 0, i;
	int rc;

	if (age < 0 || now_ms < age)
		return SQLITE_OK;
	if (!sq->is_sweep_due && since >= 0 && since < sweep_gap_ms(age))
		return SQLITE_OK;
	rc = gather_old(sq, now_ms - age, &old, &n);
	for (i = 0; rc == SQLITE_OK && i < n; i++) {
		rc = drop_run(sq, old[i].job, &old[i].id);
		if (rc == SQLITE_OK)
			rc = count_pruned(sq, old[i].job,
			    old[i].is_skip ? 0 : 1, old[i].is_skip ? 1 : 0);
	}
	free(old);
	if (rc == SQLITE_OK)
		rc = give_back(sq);
	sq->swept_ms = now_ms;
	sq->is_sweep_due = n == DROP_AT_ONCE;
	return rc;
}

struct full_job {
	int64_t id, kept, skips;
};

int
sqlite_prune_all(struct sqlite *sq)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_PRUNE_FULL);
	struct full_job *full = NULL;
	int64_t dropped = 0, left = DROP_AT_START;
	size_t n = 0, i;
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, sq->limits.keep);
	sqlite3_bind_int64(stmt, 2, SKIPS_KEPT);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		full = mem_grow(full, n + 1, sizeof *full);
		full[n++] = (struct full_job){ sqlite3_column_int64(stmt, 0),
			sqlite3_column_int64(stmt, 1),
			sqlite3_column_int64(stmt, 2) };
	}
	sqlite3_reset(stmt);
	rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
	for (i = 0; rc == SQLITE_OK && i < n && left > 0; i++) {
		if (full[i].kept > sq->limits.keep)
			rc = drop_runs(sq, full[i].id, &dropped);
		left -= dropped;
		if (rc == SQLITE_OK && full[i].skips > SKIPS_KEPT)
			rc = drop_skips(
			    sq, full[i].id, full[i].skips - SKIPS_KEPT);
	}
	free(full);
	return rc;
}
