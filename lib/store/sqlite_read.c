#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/lookup.h"
#include "lib/store/sqlite.h"

/*
 * Reading. What has not ended and what has lie in two tables, both ordered by
 * id, so a listing walks them side by side. All of one answer is read in one
 * transaction, that is of one moment.
 */

/* One of the two tables as a listing sees it: the row at its head. */
struct cursor {
	sqlite3_stmt *stmt;
	struct record row;
	bool has_row;
};

struct listing {
	struct sqlite *sq;
	const struct history_filter *filter;
	history_fn *each;
	void *data;
	struct ulid from; /* runs with lesser ids cannot be since */
	int left;         /* until the limit; -1: none */
	bool is_over;
};

int
sqlite_begin_reading(struct sqlite *sq)
{
	return sqlite_do(sq, SQL_SNAPSHOT);
}

/* Also ends what a failure left open. */
bool
sqlite_end_reading(struct sqlite *sq, int rc, struct err *err)
{
	if (rc != SQLITE_OK)
		sqlite_err(sq, rc, "read", err);
	if (!sqlite3_get_autocommit(sq->db))
		sqlite_do(sq, SQL_COMMIT);
	return rc == SQLITE_OK;
}

static int
cursor_step(struct sqlite *sq, struct cursor *cursor)
{
	int rc = sqlite3_step(cursor->stmt);

	cursor->has_row = rc == SQLITE_ROW;
	if (rc == SQLITE_ROW &&
	    !sqlite_read_row(sq, cursor->stmt, &cursor->row))
		return SQLITE_CORRUPT;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static void
cursor_close(struct cursor *cursor)
{
	if (cursor->stmt != NULL)
		sqlite3_reset(cursor->stmt);
	*cursor = (struct cursor){ 0 };
}

/* job 0: of all. */
static int
cursor_open(struct listing *list, struct cursor *cursor, enum sqlite_sql which,
    int64_t job)
{
	cursor->stmt = sqlite_stmt(list->sq, which);
	if (cursor->stmt == NULL)
		return sqlite3_errcode(list->sq->db);
	if (job != 0)
		sqlite3_bind_int64(cursor->stmt, 1, job);
	else
		sqlite3_bind_null(cursor->stmt, 1);
	if (list->filter->has_status)
		sqlite3_bind_int(cursor->stmt, 2, (int)list->filter->status);
	else
		sqlite3_bind_null(cursor->stmt, 2);
	if (sqlite3_bind_parameter_count(cursor->stmt) > 2)
		sqlite_bind_ulid(cursor->stmt, 3, &list->from);
	return cursor_step(list->sq, cursor);
}

static void
give(struct listing *list, const struct record *record)
{
	if (!lookup_holds(list->filter, record))
		return;
	if (!list->each(list->data, record))
		list->is_over = true;
	if (list->left > 0 && --list->left == 0)
		list->is_over = true;
}

static int
merge(struct listing *list, struct cursor *a, struct cursor *b)
{
	int rc = SQLITE_OK;

	while (
	    rc == SQLITE_OK && !list->is_over && (a->has_row || b->has_row)) {
		struct cursor *next = a;

		if (!a->has_row ||
		    (b->has_row &&
			memcmp(&a->row.id, &b->row.id, sizeof a->row.id) < 0))
			next = b;
		give(list, &next->row);
		rc = cursor_step(list->sq, next);
	}
	return rc;
}

/* A row of many skips may have begun long before the last of them. */
static int
list_long_skips(struct listing *list, int64_t job)
{
	const struct history_filter *filter = list->filter;
	struct cursor skips = { 0 }, none = { 0 };
	int rc;

	if (list->is_over || filter->since_ms == CLOCK_NONE ||
	    (filter->has_status && filter->status != RECORD_SKIPPED))
		return SQLITE_OK;
	rc = cursor_open(
	    list, &skips, job != 0 ? SQL_SKIPS_OF_JOB : SQL_SKIPS_ALL, job);
	if (rc == SQLITE_OK)
		rc = merge(list, &skips, &none);
	cursor_close(&skips);
	return rc;
}

static int
list_all(struct listing *list, int64_t job)
{
	const struct history_filter *filter = list->filter;
	bool has_final = filter->has_status &&
	    record_status_is_final(filter->status);
	struct cursor live = { 0 }, run = { 0 };
	int rc = SQLITE_OK;

	if (!has_final)
		rc = cursor_open(list, &live,
		    job != 0 ? SQL_LIVE_OF_JOB : SQL_LIVE_ALL, job);
	if (rc == SQLITE_OK && (has_final || !filter->has_status))
		rc = cursor_open(
		    list, &run, job != 0 ? SQL_RUN_OF_JOB : SQL_RUN_ALL, job);
	if (rc == SQLITE_OK)
		rc = merge(list, &live, &run);
	cursor_close(&live);
	cursor_close(&run);
	return rc == SQLITE_OK ? list_long_skips(list, job) : rc;
}

bool
sqlite_list(struct store *store, const struct history_filter *filter,
    history_fn *each, void *data, struct err *err)
{
	struct sqlite *sq = (struct sqlite *)store;
	struct listing list = { sq, filter, each, data, .left = -1 };
	int64_t job = 0;
	int rc;

	if (!sqlite_is_ours(sq, err))
		return false;
	if (filter->limit > 0)
		list.left = filter->limit;
	lookup_bound(filter, &list.from);
	rc = sqlite_begin_reading(sq);
	if (rc == SQLITE_OK && filter->job != NULL)
		job = sqlite_job_find(sq, filter->job, &rc);
	if (rc == SQLITE_OK && (job != 0 || filter->job == NULL))
		rc = list_all(&list, job);
	return sqlite_end_reading(sq, rc, err);
}

int
sqlite_read_output(struct sqlite *sq, struct record *record)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_OUTPUT_OF);
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite_bind_ulid(stmt, 1, &record->id);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		const void *head = sqlite3_column_blob(stmt, 0);
		const void *tail;

		record->head_len = (size_t)sqlite3_column_bytes(stmt, 0);
		if (head != NULL)
			record->head = mem_dup(head, record->head_len);
		tail = sqlite3_column_blob(stmt, 1);
		record->tail_len = (size_t)sqlite3_column_bytes(stmt, 1);
		if (tail != NULL)
			record->tail = mem_dup(tail, record->tail_len);
		rc = SQLITE_DONE;
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int
lookup_rows(struct sqlite *sq, sqlite3_stmt *stmt, struct lookup *lookup)
{
	struct record row;
	int rc;

	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW && lookup->n < 2) {
		if (!sqlite_read_row(sq, stmt, &row)) {
			rc = SQLITE_CORRUPT;
			break;
		}
		record_copy(&lookup->record[lookup->n++], &row);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int
lookup_between(struct sqlite *sq, enum sqlite_sql which, const struct ulid *low,
    const struct ulid *high, struct lookup *lookup)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, which);

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite_bind_ulid(stmt, 1, low);
	sqlite_bind_ulid(stmt, 2, high);
	return lookup_rows(sq, stmt, lookup);
}

static int
lookup_last(struct sqlite *sq, enum sqlite_sql which, int64_t job,
    struct lookup *lookup)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, which);

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	return lookup_rows(sq, stmt, lookup);
}

bool
sqlite_find(struct store *store, const char *prefix, bool with_output,
    struct record *record, bool *found, struct err *err)
{
	struct sqlite *sq = (struct sqlite *)store;
	struct lookup lookup = { .n = 0 };
	struct ulid low, high;
	bool is_good;
	int rc;

	if (!sqlite_is_ours(sq, err))
		return false;
	if (!ulid_range(prefix, &low, &high)) {
		*found = false;
		return true;
	}
	rc = sqlite_begin_reading(sq);
	if (rc == SQLITE_OK)
		rc = lookup_between(sq, SQL_RUN_BETWEEN, &low, &high, &lookup);
	if (rc == SQLITE_OK)
		rc = lookup_between(sq, SQL_LIVE_BETWEEN, &low, &high, &lookup);
	if (rc == SQLITE_OK && with_output && lookup.n == 1)
		rc = sqlite_read_output(sq, &lookup.record[0]);
	is_good = sqlite_end_reading(sq, rc, err) &&
	    !lookup_is_ambiguous(&lookup, prefix, err);
	lookup_give(&lookup, is_good, record, found);
	return is_good;
}

bool
sqlite_last(struct store *store, const char *job, struct record *record,
    bool *found, struct err *err)
{
	struct sqlite *sq = (struct sqlite *)store;
	struct lookup lookup = { .n = 0 };
	int64_t id = 0;
	bool is_good;
	int rc;

	if (!sqlite_is_ours(sq, err))
		return false;
	rc = sqlite_begin_reading(sq);
	if (rc == SQLITE_OK)
		id = sqlite_job_find(sq, job, &rc);
	if (rc == SQLITE_OK && id != 0)
		rc = lookup_last(sq, SQL_LIVE_LAST, id, &lookup);
	if (rc == SQLITE_OK && id != 0)
		rc = lookup_last(sq, SQL_RUN_LAST, id, &lookup);
	if (lookup.n == 2 &&
	    memcmp(&lookup.record[0].id, &lookup.record[1].id,
		sizeof lookup.record[0].id) < 0) {
		struct record older = lookup.record[0];

		lookup.record[0] = lookup.record[1];
		lookup.record[1] = older;
	}
	if (rc == SQLITE_OK && lookup.n > 0)
		rc = sqlite_read_output(sq, &lookup.record[0]);
	is_good = sqlite_end_reading(sq, rc, err);
	lookup_give(&lookup, is_good, record, found);
	return is_good;
}
