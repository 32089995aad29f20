#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/netfs.h"
#include "lib/store/sqlite.h"

/*
 * Opening: whose file it is, which version, and whether it is whole. Nothing
 * that works is ever put away: a file is moved aside only where SQLite itself
 * calls it corrupt or no database, twice, on handles of their own.
 */
#define APPLICATION_ID 0x776a6f62 /* "wjob", as file(1) shows it */
#define WRITE_WAIT_MS  500        /* the writer tries again by itself */
#define READ_WAIT_MS   2000
#define LOG_SIZE_LIMIT "4194304"

/* What is in the schema and sqlite_db.c as numbers. */
_Static_assert(RECORD_COMPLETED == 2 && RECORD_FAILED == 3 &&
	RECORD_SKIPPED == 4 && RECORD_CANCELLED == 5 && RECORD_LOST == 6,
    "statuses are stored as numbers");

/* schema.sql and what followed, as the build embeds them. */
extern const char schema_sql[], schema_2_sql[];

/* From version i to i + 1. */
static const char *const migration[] = { schema_sql, schema_2_sql };

enum verdict {
	IS_OURS,
	IS_EMPTY,
	IS_DAMAGED,
	IS_UNUSABLE /* newer, not wjobs', or it does not answer: err says */
};

static void
close_handle(struct store *store)
{
	sqlite_release((struct sqlite *)store);
}

static void
sqlite_rest(struct store *store)
{
	sqlite3_db_release_memory(((struct sqlite *)store)->db);
}

static const struct store_ops sqlite_ops = {
	.close = close_handle,
	.apply = sqlite_apply,
	.rest = sqlite_rest,
	.take_over = sqlite_take_over,
	.list = sqlite_list,
	.find = sqlite_find,
	.last = sqlite_last,
	.jobs = sqlite_jobs,
	.sample = sqlite_sample,
	.queue_list = sqlite_queue_list,
	.queue_count = sqlite_queue_count,
	.queue_find = sqlite_queue_find,
};

static bool
is_damage(int rc)
{
	return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

/* The first column of the first row. An SQLite result code. */
static int
ask(sqlite3 *db, const char *text, int64_t *value)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, text, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		*value = sqlite3_column_int64(stmt, 0);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(stmt);
	return rc;
}

static int
exec(sqlite3 *db, const char *text)
{
	return sqlite3_exec(db, text, NULL, NULL, NULL);
}

/*
 * Looks again every few milliseconds. SQLite's own handler comes to rest for a
 * tenth of a second, and is passed by those who write all the time.
 */
static int
on_busy(void *data, int times)
{
	struct sqlite *sq = data;
	int64_t now = clock_boot_ms();
	struct timespec moment = { .tv_nsec = 500000 +
		    (long)(random_fraction() * (times < 8 ? 1e6 : 4e6)) };

	if (times == 0)
		sq->busy_since_ms = now;
	if (now - sq->busy_since_ms >= sq->busy_wait_ms)
		return 0;
	nanosleep(&moment, NULL);
	return 1;
}

static void
harden(struct sqlite *sq, enum store_mode mode)
{
	sqlite3 *db = sq->db;

	sqlite3_extended_result_codes(db, 1);
	sq->busy_wait_ms = mode == STORE_READ ? READ_WAIT_MS : WRITE_WAIT_MS;
	sqlite3_busy_handler(db, on_busy, sq);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
}

/* A URI of path that says the file does not change. */
static char *
immutable_uri(const char *path)
{
	struct str uri = { 0 };

	str_add(&uri, "file://");
	for (; *path != '\0'; path++)
		if (strchr("%?#", *path) != NULL)
			str_addf(&uri, "%%%02X", (unsigned char)*path);
		else
			str_push(&uri, *path);
	str_add(&uri, "?immutable=1");
	return str_take(&uri);
}

static int
connect_to(struct sqlite *sq, enum store_mode mode, bool is_immutable)
{
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
	char *uri = NULL;
	int rc;

	sqlite3_close(sq->db);
	sq->db = NULL;
	if (is_immutable)
		uri = immutable_uri(sq->path);
	if (mode == STORE_READ)
		flags |= SQLITE_OPEN_READONLY;
	else
		flags |= SQLITE_OPEN_READWRITE;
	if (is_immutable)
		flags |= SQLITE_OPEN_URI;
	rc = sqlite3_open_v2(
	    uri != NULL ? uri : sq->path, &sq->db, flags, NULL);
	free(uri);
	if (sq->db != NULL)
		harden(sq, mode);
	if (rc == SQLITE_OK)
		rc = exec(sq->db,
		    "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY");
	return rc;
}

/* Whose file is it, and of which version? */
static enum verdict
identify(struct sqlite *sq, int64_t *version, int *rc, struct err *err)
{
	int64_t id = 0, tables = 0;

	*rc = ask(sq->db, "SELECT count(*) FROM sqlite_schema", &tables);
	if (*rc == SQLITE_OK)
		*rc = ask(sq->db, "PRAGMA application_id", &id);
	if (*rc == SQLITE_OK)
		*rc = ask(sq->db, "PRAGMA user_version", version);
	if (is_damage(*rc))
		return IS_DAMAGED;
	if (*rc != SQLITE_OK) {
		sqlite_err(sq, *rc, "open the store", err);
		return IS_UNUSABLE;
	}
	if (tables == 0 && id == 0 && *version == 0)
		return IS_EMPTY;
	if (id == APPLICATION_ID && *version >= 1 &&
	    *version <= (int64_t)ARRAY_LEN(migration))
		return IS_OURS;
	if (id == APPLICATION_ID && *version > (int64_t)ARRAY_LEN(migration))
		err_set(err, ERR_CONFIG,
		    "the store '%s' was written by a newer wjobs (schema %lld, "
		    "this one knows %zu)",
		    sq->path, (long long)*version, ARRAY_LEN(migration));
	else
		err_set(err, ERR_CONFIG,
		    "'%s' is a database, but not one of wjobs", sq->path);
	return IS_UNUSABLE;
}

/* Is every page in its place? SQLITE_OK, SQLITE_CORRUPT, or why not known. */
static int
check_whole(struct sqlite *sq)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(
	    sq->db, "PRAGMA quick_check(1)", -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(stmt, 0);

		rc = text != NULL && strcmp(text, "ok") == 0 ? SQLITE_OK
							     : SQLITE_CORRUPT;
	}
	sqlite3_finalize(stmt);
	return rc;
}

/* All migrations that are missing, in one transaction. */
static int
migrate(struct sqlite *sq)
{
	char text[96];
	int64_t version = 0, i;
	int rc = exec(sq->db, "BEGIN IMMEDIATE");

	if (rc == SQLITE_OK)
		rc = ask(sq->db, "PRAGMA user_version", &version);
	for (i = version; rc == SQLITE_OK && i < (int64_t)ARRAY_LEN(migration);
	     i++)
		rc = exec(sq->db, migration[i]);
	snprintf(text, sizeof text,
	    "PRAGMA application_id = %d; PRAGMA user_version = %zu",
	    APPLICATION_ID, ARRAY_LEN(migration));
	if (rc == SQLITE_OK && version < (int64_t)ARRAY_LEN(migration))
		rc = exec(sq->db, text);
	if (rc == SQLITE_OK)
		rc = exec(sq->db, "COMMIT");
	if (rc != SQLITE_OK && !sqlite3_get_autocommit(sq->db))
		exec(sq->db, "ROLLBACK");
	return rc;
}

/*
 * A log beside the file, which all who write share. Shared memory does not
 * reach over a network, so there the older journal serves.
 */
static int
set_up(struct sqlite *sq, int64_t version)
{
	bool is_network = sq->path != NULL && netfs_name(sq->path) != NULL;
	int rc = SQLITE_OK;

	/* which is written to the file each time, so only to a new one */
	if (version == 0)
		rc = exec(sq->db, "PRAGMA auto_vacuum = INCREMENTAL");
	if (rc == SQLITE_OK)
		rc = exec(sq->db,
		    is_network ? "PRAGMA journal_mode = TRUNCATE;"
				 "PRAGMA synchronous = FULL"
			       : "PRAGMA journal_mode = WAL;"
				 "PRAGMA synchronous = NORMAL");
	if (rc == SQLITE_OK)
		rc = exec(
		    sq->db, "PRAGMA journal_size_limit = " LOG_SIZE_LIMIT);
	/* what another process locks can be opened, if not written */
	if (rc == SQLITE_OK && version < (int64_t)ARRAY_LEN(migration))
		rc = migrate(sq);
	if (rc == SQLITE_OK)
		sq->version = (int)ARRAY_LEN(migration);
	return rc;
}

/* One attempt. Damage is told from all else, for which err is filled. */
static enum verdict
try_open(struct sqlite *sq, enum store_mode mode, struct err *err)
{
	int64_t version = 0;
	int rc = connect_to(sq, mode, false);
	enum verdict verdict;

	if (rc != SQLITE_OK) {
		sqlite_err(sq, rc, "open the store", err);
		return is_damage(rc) ? IS_DAMAGED : IS_UNUSABLE;
	}
	verdict = identify(sq, &version, &rc, err);
	/* a directory that may not be written cannot hold the shared index */
	if (verdict == IS_UNUSABLE && mode == STORE_READ &&
	    ((rc & 0xff) == SQLITE_CANTOPEN ||
		(rc & 0xff) == SQLITE_READONLY) &&
	    sqlite_file_has_no_log(sq->path) &&
	    connect_to(sq, mode, true) == SQLITE_OK)
		verdict = identify(sq, &version, &rc, err);
	if (verdict == IS_OURS && mode == STORE_OWN) {
		rc = check_whole(sq);
		if (is_damage(rc))
			verdict = IS_DAMAGED;
	}
	sq->version = (int)version;
	if (mode != STORE_READ && (verdict == IS_OURS || verdict == IS_EMPTY)) {
		rc = rc == SQLITE_OK ? set_up(sq, version) : rc;
		if (rc == SQLITE_OK && mode == STORE_OWN)
			rc = sqlite_prepare_all(sq);
		/* a schema in which our statements make no sense */
		if (rc == SQLITE_ERROR && mode == STORE_OWN)
			rc = SQLITE_CORRUPT;
		verdict = is_damage(rc) ? IS_DAMAGED : IS_OURS;
	}
	if (rc != SQLITE_OK && verdict != IS_UNUSABLE) {
		sqlite_err(sq, rc, "open the store", err);
		if (verdict != IS_DAMAGED)
			verdict = IS_UNUSABLE;
	}
	return verdict;
}

/*
 * Drop the handle, so that the file can be opened anew or be moved; what the
 * log beside it holds, closing must not clear away.
 */
static void
drop_handle(struct sqlite *sq)
{
	int i;

	for (i = 0; i < SQL_COUNT; i++) {
		sqlite3_finalize(sq->stmt[i]);
		sq->stmt[i] = NULL;
	}
	if (sq->db != NULL)
		sqlite3_db_config(
		    sq->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_close(sq->db);
	sq->db = NULL;
}

/* Twice called damaged: put it away and begin a new one. */
static enum verdict
replace(struct sqlite *sq, enum store_mode mode, char **note, struct err *err)
{
	char *aside;
	enum verdict verdict;

	drop_handle(sq);
	if (!sqlite_file_set_aside(sq->path, &aside, err) ||
	    !sqlite_file_make(sq->path, err))
		return IS_UNUSABLE;
	verdict = try_open(sq, mode, err);
	if (verdict == IS_OURS && note != NULL)
		*note = mem_printf("the store '%s' was damaged: it is now "
				   "'%s', and a new one has been begun",
		    sq->path, aside);
	free(aside);
	return verdict;
}

static enum verdict
open_to_write(
    struct sqlite *sq, enum store_mode mode, char **note, struct err *err)
{
	const char *network = netfs_name(sq->path);
	enum verdict verdict;

	if (!sqlite_file_make(sq->path, err))
		return IS_UNUSABLE;
	verdict = try_open(sq, mode, err);
	if (verdict == IS_DAMAGED) {
		drop_handle(sq);
		verdict = try_open(sq, mode, err);
	}
	if (verdict == IS_DAMAGED)
		return replace(sq, mode, note, err);
	if (verdict == IS_OURS && network != NULL && note != NULL)
		*note = mem_printf("the store '%s' lies on a network file "
				   "system (%s): writing is slow there, and "
				   "only one host may use it",
		    sq->path, network);
	return verdict;
}

static enum store_opened
open_file(struct sqlite *sq, const char *path, enum store_mode mode,
    char **note, struct err *err)
{
	enum verdict verdict = IS_UNUSABLE;

	sq->path = sqlite_file_resolve(path, err);
	if (sq->path == NULL)
		return mode == STORE_READ && err->sys == ENOENT ? STORE_ABSENT
								: STORE_FAILED;
	switch (sqlite_file_look(sq->path, err)) {
	case SQLITE_FILE_BAD:
		return STORE_FAILED;
	case SQLITE_FILE_ABSENT:
		if (mode == STORE_READ)
			return STORE_ABSENT;
		break;
	case SQLITE_FILE_THERE:
		break;
	}
	if (mode != STORE_READ)
		verdict = open_to_write(sq, mode, note, err);
	else
		verdict = try_open(sq, mode, err);
	if (verdict == IS_EMPTY)
		return STORE_ABSENT;
	return verdict == IS_OURS ? STORE_OPENED : STORE_FAILED;
}

static enum store_opened
open_memory(struct sqlite *sq, struct err *err)
{
	int rc = sqlite3_open_v2(":memory:", &sq->db,
	    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE, NULL);

	if (sq->db != NULL)
		harden(sq, STORE_WRITE);
	if (rc == SQLITE_OK)
		rc = set_up(sq, 0);
	if (rc == SQLITE_OK)
		return STORE_OPENED;
	sqlite_err(sq, rc, "open the store", err);
	return STORE_FAILED;
}

enum store_opened
sqlite_open(const char *path, enum store_mode mode, struct store_limits limits,
    struct store **store, char **note, struct err *err)
{
	struct sqlite *sq = mem_zalloc(1, sizeof *sq);
	enum store_opened opened;

	sq->store.ops = &sqlite_ops;
	sq->pid = getpid();
	sq->limits = limits;
	if (path != NULL)
		opened = open_file(sq, path, mode, note, err);
	else
		opened = open_memory(sq, err);
	if (opened == STORE_OPENED)
		*store = &sq->store;
	else
		sqlite_release(sq);
	return opened;
}
