#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/store/lock.h"
#include "lib/store/sqlite.h"

/*
 * Statuses in these texts are enum record_status: 2 completed, 3 failed,
 * 4 skipped, 5 cancelled, 6 lost. sqlite_open.c asserts it.
 */
static const char *const sql[SQL_WORK_FIRST] = {
	[SQL_TRANSACTION] = "BEGIN IMMEDIATE",
	[SQL_SNAPSHOT] = "BEGIN",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",

	[SQL_JOB_FIND] = "SELECT id, kind FROM job WHERE name = ?1",
	[SQL_JOB_ADD] = "INSERT INTO job(name, kind) VALUES(?1, ?2)",
	[SQL_JOB_KIND] = "UPDATE job SET kind = ?2 WHERE id = ?1",
	[SQL_JOB_NAME] = "SELECT name, kind FROM job WHERE id = ?1",
	[SQL_WORKER_FIND] = "SELECT id FROM worker WHERE name = ?1",
	[SQL_WORKER_ADD] = "INSERT INTO worker(name) VALUES(?1)",
	[SQL_WORKER_SWEEP] =
	    "DELETE FROM worker WHERE id <> ?1 AND id NOT IN"
	    " (SELECT worker FROM run WHERE worker IS NOT NULL"
	    " UNION SELECT worker FROM live WHERE worker IS NOT NULL"
	    " UNION SELECT worker FROM outcome WHERE worker IS NOT NULL"
	    " UNION SELECT worker FROM work WHERE state = 2"
	    " AND worker IS NOT NULL)",
	[SQL_WORKER_NAME] = "SELECT name FROM worker WHERE id = ?1",

	[SQL_JOB_STATE] = "SELECT watermark, fence FROM job WHERE id = ?1",
	[SQL_LIVE_STATE] = "SELECT claim, fence FROM live WHERE job = ?1",
	[SQL_CLAIMED] = "SELECT fence FROM live WHERE job = ?1 AND id = ?2"
			" UNION ALL SELECT fence FROM run WHERE job = ?1"
			" AND id = ?2",
	[SQL_SKIP_OVER] = "UPDATE job SET skip = NULL"
			  " WHERE id = ?1 AND skip IS NOT NULL",
	[SQL_WATERMARK] = "UPDATE job SET watermark = ?2 WHERE id = ?1",
	[SQL_UNCLAIM] = "UPDATE live SET claim = NULL"
			" WHERE job = ?1 AND claim IS NOT NULL",
	[SQL_FORWARD] = "UPDATE job SET watermark = ?2 WHERE id = ?1"
			" AND (watermark IS NULL OR watermark < ?2)",
	[SQL_FENCE] = "UPDATE job SET fence = ?2 WHERE id = ?1 AND fence < ?2",
	[SQL_ONCE] = "SELECT 1 FROM once WHERE id = ?1",
	[SQL_ONCE_SET] = "INSERT OR REPLACE INTO once(one, id) VALUES(1, ?1)",

	[SQL_LIVE_PUT] =
	    "INSERT INTO live(" SQLITE_LIVE_COLUMNS ",claim"
	    ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,"
	    "?17,?18,?19,?20,?21,?22,?23,?24,?25,?26,?27,?28,?29,?30,?31)"
	    /* what was granted stays as it was */
	    " ON CONFLICT(job, id) DO UPDATE SET"
	    " status = excluded.status, duration = excluded.duration,"
	    " rest = excluded.rest, start = excluded.start,"
	    " late = excluded.late, \"trigger\" = excluded.\"trigger\","
	    " reason = excluded.reason, attempt = excluded.attempt,"
	    " exit_code = excluded.exit_code, signal = excluded.signal,"
	    " worker = excluded.worker, user_us = excluded.user_us,"
	    " system_us = excluded.system_us, max_rss = excluded.max_rss,"
	    " output_bytes = excluded.output_bytes,"
	    " count = excluded.count, kind = excluded.kind,"
	    " error = excluded.error, metadata = excluded.metadata,"
	    " attempts = excluded.attempts, retry_at = excluded.retry_at,"
	    " owner_pid = excluded.owner_pid,"
	    " owner_start = excluded.owner_start,"
	    " owner_boot = excluded.owner_boot,"
	    " leader_pid = excluded.leader_pid,"
	    " leader_start = excluded.leader_start,"
	    " leader_boot = excluded.leader_boot",
	[SQL_LIVE_GRANT] =
	    "SELECT claim, fence FROM live WHERE job = ?1 AND id = ?2",
	[SQL_LIVE_DROP] = "DELETE FROM live WHERE job = ?1 AND id = ?2",
	[SQL_RUN_HAS] = "SELECT 1 FROM run WHERE job = ?1 AND id = ?2",
	[SQL_RUN_PUT] = "INSERT INTO run(" SQLITE_COLUMNS
			") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,"
			"?14,?15,?16,?17,?18,?19,?20,?21,?22,?23)"
			" ON CONFLICT DO NOTHING",
	[SQL_OUTPUT_PUT] =
	    "INSERT OR REPLACE INTO output(run, head, tail) VALUES(?1, ?2, ?3)",
	[SQL_JOB_ENDED] =
	    "UPDATE job SET successful = successful + (?3 = 2),"
	    " failed = failed + (?3 = 3), cancelled = cancelled + (?3 = 5),"
	    " lost = lost + (?3 = 6), total = total + ifnull(?4, 0),"
	    " shortest = ifnull(min(shortest, ?4), ifnull(shortest, ?4)),"
	    " longest = ifnull(max(longest, ?4), ifnull(longest, ?4)),"
	    " last = ?2,"
	    " success = CASE WHEN ?3 = 2 THEN ?2 ELSE success END,"
	    " failure = CASE WHEN ?3 IN (3, 6) THEN ?2 ELSE failure END,"
	    " strip = ((strip << 3) | (?3 + 1)) & 1073741823,"
	    " kept = kept + 1, fence = max(fence, ?6), watermark ="
	    " CASE WHEN ?5 IS NULL OR watermark >= ?5 THEN watermark"
	    " ELSE ?5 END, failures = CASE WHEN ?3 = 2 THEN 0"
	    " ELSE failures + (?3 IN (3, 6)) END,"
	    " told = CASE WHEN ?3 = 2 THEN NULL ELSE ifnull(?7, told) END,"
	    " late = CASE WHEN ?3 = 2 THEN NULL ELSE late END"
	    " WHERE id = ?1",
	[SQL_JOB_TELL] = "UPDATE job SET told = ?2 WHERE id = ?1",
	[SQL_JOB_TOLD] = "SELECT failures, told, late FROM job WHERE id = ?1",
	[SQL_JOB_LATE] =
	    "SELECT success, last, late, watermark FROM job WHERE id = ?1",
	[SQL_JOB_IS_LATE] = "UPDATE job SET late = ?2 WHERE id = ?1",
	[SQL_SKIP_STATE] = "SELECT skip, skip_reason, skip_fence, skip_last"
			   " FROM job WHERE id = ?1",
	[SQL_SKIP_JOIN] = "UPDATE run SET count = count + ?3, rest = ?4,"
			  " error = ?5 WHERE job = ?1 AND id = ?2",
	[SQL_JOB_SKIPPED] = "UPDATE job SET skipped = skipped + ?2, skip = ?3,"
			    " skip_reason = ?4, skip_last = ?5,"
			    " skip_fence = ?7, kept_skips = kept_skips + ?6"
			    " WHERE id = ?1 RETURNING kept_skips",

	[SQL_PRUNE_BOUND] = "SELECT id FROM run WHERE job = ?1"
			    " AND status <> 4 ORDER BY id DESC"
			    " LIMIT 1 OFFSET ?2",
	[SQL_PRUNE_RUNS] =
	    "SELECT run.id FROM job CROSS JOIN run ON run.job = job.id"
	    " WHERE job.id = ?1 AND status <> 4 AND run.id < ?3"
	    " AND run.id IS NOT last AND run.id IS NOT success"
	    " AND run.id IS NOT failure ORDER BY run.id LIMIT ?2",
	[SQL_PRUNE_SKIPS] = "SELECT id FROM run WHERE job = ?1 AND status = 4"
			    " ORDER BY id LIMIT ?2",
	[SQL_PRUNE_OLD] =
	    "SELECT run.job, run.id, status, duration, rest, start,"
	    " run.id IS last OR run.id IS success OR run.id IS failure"
	    " FROM run INDEXED BY run_id CROSS JOIN job ON job.id = run.job"
	    " WHERE run.id < ?1 ORDER BY run.id",
	[SQL_PRUNE_KEPT] = "SELECT kept FROM job WHERE id = ?1",
	[SQL_PRUNE_FULL] = "SELECT id, kept, kept_skips FROM job"
			   " WHERE kept > ?1 OR kept_skips > ?2",
	[SQL_RUN_DROP] = "DELETE FROM run WHERE job = ?1 AND id = ?2",
	/* the queue may keep it for longer than history */
	[SQL_OUTPUT_DROP] = "DELETE FROM output WHERE run = ?1 AND NOT EXISTS"
			    " (SELECT 1 FROM outcome"
			    " WHERE id = ?1 AND output = 1)",
	[SQL_JOB_PRUNED] = "UPDATE job SET kept = kept - ?2,"
			   " kept_skips = kept_skips - ?3 WHERE id = ?1",

	[SQL_LIVE_OF_JOB] = "SELECT " SQLITE_LIVE_COLUMNS
			    " FROM live WHERE job = ?1"
			    " AND (?2 IS NULL OR status = ?2)"
			    " ORDER BY id DESC",
	[SQL_LIVE_ALL] = "SELECT " SQLITE_LIVE_COLUMNS
			 " FROM live WHERE ?1 IS NULL"
			 " AND (?2 IS NULL OR status = ?2) ORDER BY id DESC",
	[SQL_RUN_OF_JOB] = "SELECT " SQLITE_COLUMNS " FROM run"
			   " WHERE job = ?1 AND (?2 IS NULL OR status = ?2)"
			   " AND id >= ?3 ORDER BY id DESC",
	[SQL_RUN_ALL] = "SELECT " SQLITE_COLUMNS " FROM run INDEXED BY run_id"
			" WHERE ?1 IS NULL AND (?2 IS NULL OR status = ?2)"
			" AND id >= ?3 ORDER BY id DESC",
	[SQL_SKIPS_OF_JOB] = "SELECT " SQLITE_COLUMNS " FROM run"
			     " WHERE job = ?1 AND status = 4 AND ?2 IS ?2"
			     " AND id < ?3 ORDER BY id DESC",
	[SQL_SKIPS_ALL] = "SELECT " SQLITE_COLUMNS " FROM run"
			  " INDEXED BY run_skip"
			  " WHERE status = 4 AND ?1 IS NULL AND ?2 IS ?2"
			  " AND id < ?3 ORDER BY id DESC",
	[SQL_LIVE_BETWEEN] = "SELECT " SQLITE_LIVE_COLUMNS " FROM live"
			     " WHERE id BETWEEN ?1 AND ?2 LIMIT 2",
	[SQL_RUN_BETWEEN] = "SELECT " SQLITE_COLUMNS " FROM run"
			    " INDEXED BY run_id"
			    " WHERE id BETWEEN ?1 AND ?2 LIMIT 2",
	[SQL_LIVE_LAST] = "SELECT " SQLITE_LIVE_COLUMNS " FROM live"
			  " WHERE job = ?1 AND start IS NOT NULL"
			  " ORDER BY id DESC LIMIT 1",
	[SQL_RUN_LAST] = "SELECT " SQLITE_COLUMNS " FROM run"
			 " WHERE job = ?1 AND start IS NOT NULL"
			 " ORDER BY id DESC LIMIT 1",
	[SQL_RUN_ONE] = "SELECT " SQLITE_COLUMNS
			" FROM run WHERE job = ?1 AND id = ?2",
	[SQL_OUTPUT_OF] = "SELECT head, tail FROM output WHERE run = ?1",
	[SQL_JOBS_ALL] = "SELECT id, name, kind, watermark, last, success,"
			 " failure, successful, failed, skipped, cancelled,"
			 " lost, total, shortest, longest, strip FROM job"
			 " ORDER BY name",
	[SQL_JOBS_ONE] = "SELECT id, name, kind, watermark, last, success,"
			 " failure, successful, failed, skipped, cancelled,"
			 " lost, total, shortest, longest, strip FROM job"
			 " WHERE name = ?1",
	[SQL_LIVE_COUNT] = "SELECT status, count(*), max(claim) FROM live"
			   " WHERE job = ?1 GROUP BY status",
	[SQL_SAMPLE] = "SELECT id, status, duration, rest, start, count, error"
		       " FROM run WHERE job = ?1 ORDER BY id DESC",
	[SQL_WATERMARKS] = "SELECT name, watermark,"
			   " (SELECT max(claim) FROM live WHERE job = job.id)"
			   " FROM job ORDER BY id",
};

sqlite3_stmt *
sqlite_stmt(struct sqlite *sq, enum sqlite_sql which)
{
	sqlite3_stmt **stmt = &sq->stmt[which];

	if (*stmt != NULL)
		sqlite3_reset(*stmt);
	else
		sqlite3_prepare_v3(sq->db,
		    which < SQL_WORK_FIRST
			? sql[which]
			: sqlite_work_sql[which - SQL_WORK_FIRST],
		    -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
	return *stmt;
}

int
sqlite_prepare_all(struct sqlite *sq)
{
	int i;

	for (i = 0; i < SQL_COUNT; i++)
		if (sqlite_stmt(sq, (enum sqlite_sql)i) == NULL)
			return sqlite3_errcode(sq->db);
	return SQLITE_OK;
}

int
sqlite_run(sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);

	sqlite3_reset(stmt);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

int
sqlite_do(struct sqlite *sq, enum sqlite_sql which)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, which);

	return stmt != NULL ? sqlite_run(stmt) : sqlite3_errcode(sq->db);
}

bool
sqlite_err(struct sqlite *sq, int rc, const char *what, struct err *err)
{
	const char *path = sq->path != NULL ? sq->path : "memory";
	const char *why = sqlite3_errcode(sq->db) != SQLITE_OK
	    ? sqlite3_errmsg(sq->db)
	    : sqlite3_errstr(rc);
	int sys = 0;

	rc &= 0xff;
	if (rc == SQLITE_IOERR || rc == SQLITE_CANTOPEN || rc == SQLITE_FULL)
		sys = sqlite3_system_errno(sq->db);
	if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
		err_set(err, ERR_UNREACHABLE,
		    "cannot %s '%s': another process keeps it locked", what,
		    path);
	else if (sys != 0)
		err_set(err, ERR_UNREACHABLE, "cannot %s '%s': %s (%s)", what,
		    path, why, strerror(sys));
	else
		err_set(err, ERR_UNREACHABLE, "cannot %s '%s': %s", what, path,
		    why);
	err->sys = sys;
	return false;
}

bool
sqlite_is_ours(struct sqlite *sq, struct err *err)
{
	if (sq->pid == getpid())
		return true;
	return err_set(err, ERR_UNREACHABLE,
	    "the store was opened by another process, %d", (int)sq->pid);
}

static struct sqlite_name *
names_keep(
    struct sqlite_names *names, int64_t id, const char *text, const char *kind)
{
	size_t len = strlen(text), room = names->room;
	struct sqlite_name *name;

	name = mem_alloc(sizeof *name + len + 1);
	name->id = id;
	name->kind = mem_strdup(kind);
	name->kept = -1;
	name->asked_ms = CLOCK_NONE;
	memcpy(name->text, text, len + 1);
	if ((uint64_t)id >= room) {
		room = (size_t)id * 2 + 16;
		names->by_id = mem_realloc(
		    names->by_id, room, sizeof *names->by_id);
		memset(names->by_id + names->room, 0,
		    (room - names->room) * sizeof *names->by_id);
		names->room = room;
	}
	name->older = names->by_id[id];
	names->by_id[id] = name;
	map_put(&names->by_text, name->text, name);
	return name;
}

static void
names_release(struct sqlite_names *names)
{
	struct sqlite_name *name, *older;
	size_t i;

	for (i = 0; i < names->room; i++)
		for (name = names->by_id[i]; name != NULL; name = older) {
			older = name->older;
			free(name->kind);
			free(name);
		}
	free(names->by_id);
	map_release(&names->by_text);
	*names = (struct sqlite_names){ 0 };
}

int
sqlite_begin(struct sqlite *sq)
{
	sq->transactions++;
	memset(sq->moved, 0, sizeof sq->moved);
	return sqlite_do(sq, SQL_TRANSACTION);
}

void
sqlite_undo(struct sqlite *sq)
{
	if (!sqlite3_get_autocommit(sq->db))
		sqlite_do(sq, SQL_ROLLBACK);
	memset(sq->moved, 0, sizeof sq->moved);
	/* numbers that were given within it are undone too */
	names_release(&sq->jobs);
	names_release(&sq->workers);
}

/* Numbers are dense; one out of all measure is a damaged file's. */
#define NAMES_MAX (1 << 22)

static struct sqlite_name *
name_find(struct sqlite *sq, struct sqlite_names *names, enum sqlite_sql find,
    const char *text, int *rc)
{
	struct sqlite_name *name = map_find(&names->by_text, text);
	sqlite3_stmt *stmt;
	int64_t id;

	*rc = SQLITE_OK;
	if (name != NULL)
		return name;
	if ((stmt = sqlite_stmt(sq, find)) == NULL) {
		*rc = sqlite3_errcode(sq->db);
		return NULL;
	}
	sqlite3_bind_text(stmt, 1, text, -1, SQLITE_STATIC);
	*rc = sqlite3_step(stmt);
	if (*rc == SQLITE_ROW) {
		id = sqlite3_column_int64(stmt, 0);
		if (id > 0 && id < NAMES_MAX)
			name = names_keep(names, id, text,
			    find == SQL_JOB_FIND ? sqlite_kind_name(stmt, 1)
						 : NULL);
		*rc = name != NULL ? SQLITE_OK : SQLITE_CORRUPT;
	} else if (*rc == SQLITE_DONE) {
		*rc = SQLITE_OK;
	}
	sqlite3_reset(stmt);
	return name;
}

static struct sqlite_name *
name_add(struct sqlite *sq, struct sqlite_names *names, enum sqlite_sql add,
    const char *text, const char *kind, int *rc)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, add);

	if (stmt == NULL) {
		*rc = sqlite3_errcode(sq->db);
		return NULL;
	}
	sqlite3_bind_text(stmt, 1, text, -1, SQLITE_STATIC);
	if (add == SQL_JOB_ADD)
		sqlite_bind_kind(stmt, 2, kind);
	*rc = sqlite_run(stmt);
	if (*rc != SQLITE_OK)
		return NULL;
	return names_keep(names, sqlite3_last_insert_rowid(sq->db), text, kind);
}

/* A job whose jobfile turned it from cron into an interval, say. */
static int
job_set_kind(struct sqlite *sq, struct sqlite_name *job, const char *kind)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_JOB_KIND);
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job->id);
	sqlite_bind_kind(stmt, 2, kind);
	rc = sqlite_run(stmt);
	if (rc == SQLITE_OK) {
		free(job->kind);
		job->kind = mem_strdup(kind);
	}
	return rc;
}

int64_t
sqlite_job_find(struct sqlite *sq, const char *name, int *rc)
{
	struct sqlite_name *job = name_find(
	    sq, &sq->jobs, SQL_JOB_FIND, name, rc);

	return job != NULL ? job->id : 0;
}

int64_t
sqlite_job_put(struct sqlite *sq, const char *name, const char *kind, int *rc)
{
	struct sqlite_name *job = name_find(
	    sq, &sq->jobs, SQL_JOB_FIND, name, rc);

	if (*rc == SQLITE_OK && job == NULL)
		job = name_add(sq, &sq->jobs, SQL_JOB_ADD, name, kind, rc);
	if (*rc == SQLITE_OK && kind != NULL &&
	    (job->kind == NULL || strcmp(job->kind, kind) != 0))
		*rc = job_set_kind(sq, job, kind);
	return *rc == SQLITE_OK ? job->id : 0;
}

/*
 * Each start of a one-shot command is a worker of its own, so names that no
 * run bears any more are swept now and then, by whoever adds one. That is why
 * a worker's number is looked up anew in each transaction.
 */
#define WORKERS_SWEEP 1024

static struct sqlite_name *
worker_add(struct sqlite *sq, const char *text, int *rc)
{
	struct sqlite_name *worker = name_add(
	    sq, &sq->workers, SQL_WORKER_ADD, text, NULL, rc);
	sqlite3_stmt *stmt;

	if (worker == NULL || worker->id % WORKERS_SWEEP != 0)
		return worker;
	if ((stmt = sqlite_stmt(sq, SQL_WORKER_SWEEP)) == NULL) {
		*rc = sqlite3_errcode(sq->db);
		return NULL;
	}
	sqlite3_bind_int64(stmt, 1, worker->id);
	*rc = sqlite_run(stmt);
	return *rc == SQLITE_OK ? worker : NULL;
}

int64_t
sqlite_worker_put(struct sqlite *sq, const char *name, int *rc)
{
	struct sqlite_name *worker;

	*rc = SQLITE_OK;
	if (name == NULL)
		return 0;
	if (sq->workers_at != sq->transactions) {
		names_release(&sq->workers);
		sq->workers_at = sq->transactions;
	}
	worker = name_find(sq, &sq->workers, SQL_WORKER_FIND, name, rc);
	if (*rc == SQLITE_OK && worker == NULL)
		worker = worker_add(sq, name, rc);
	return *rc == SQLITE_OK ? worker->id : 0;
}

static const char *
name_of(struct sqlite *sq, struct sqlite_names *names, enum sqlite_sql which,
    int64_t id)
{
	sqlite3_stmt *stmt;
	const char *text = NULL;

	if (id <= 0 || id >= NAMES_MAX)
		return NULL;
	if ((uint64_t)id < names->room && names->by_id[id] != NULL)
		return names->by_id[id]->text;
	if ((stmt = sqlite_stmt(sq, which)) == NULL)
		return NULL;
	sqlite3_bind_int64(stmt, 1, id);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		text = (const char *)sqlite3_column_text(stmt, 0);
	if (text != NULL)
		text = names_keep(names, id, text,
		    which == SQL_JOB_NAME ? sqlite_kind_name(stmt, 1) : NULL)
			   ->text;
	sqlite3_reset(stmt);
	return text;
}

const char *
sqlite_job_name(struct sqlite *sq, int64_t id)
{
	return name_of(sq, &sq->jobs, SQL_JOB_NAME, id);
}

const char *
sqlite_worker_name(struct sqlite *sq, int64_t id)
{
	return name_of(sq, &sq->workers, SQL_WORKER_NAME, id);
}

void
sqlite_release(struct sqlite *sq)
{
	int i;

	if (sq == NULL)
		return;
	/* a child of fork must not touch what its parent still uses */
	if (sq->pid == getpid()) {
		for (i = 0; i < SQL_COUNT; i++)
			sqlite3_finalize(sq->stmt[i]);
		sqlite3_close(sq->db);
	}
	names_release(&sq->jobs);
	names_release(&sq->workers);
	lock_close(sq->locks);
	free(sq->path);
	free(sq);
}
