#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/lookup.h"
#include "lib/store/sqlite_work.h"

/*
 * Rows of the queue, and reading it. A row of work has what moves it; what is
 * known of its run lies in outcome, from its first attempt's end on.
 */

/* In the order of SQLITE_WORK_COLUMNS, counted from 0. */
enum {
	COL_SEQ,
	COL_ID,
	COL_RUN,
	COL_HANDLER,
	COL_STATE,
	COL_SCORE,
	COL_DUE,
	COL_CREATED,
	COL_PRIORITY,
	COL_RETRY_MAX,
	COL_RETRY_DELAY,
	COL_TIMEOUT,
	COL_ATTEMPTS,
	COL_CRASHES,
	COL_OWN,
	COL_TOLD,
	COL_TAKE,
	COL_TAKEN,
	COL_FENCE,
	COL_WORKER,
	COL_OWNER,
	COL_KEY = COL_OWNER + 3,
};
/* Of SQL_OUTCOME_OF: behind the columns of live. */
#define COL_OUTPUT 30

void
sqlite_work_release(struct sqlite_work *row)
{
	work_release(&row->work);
}

void
sqlite_work_free(struct sqlite_work *rows, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		sqlite_work_release(&rows[i]);
	free(rows);
}

/* What is known of its run, or what there is to know before its first. */
static int
read_outcome(struct sqlite *sq, struct sqlite_work *row, const struct ulid *run)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_OUTCOME_OF);
	struct record *r = &row->work.record, found;
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite_bind_ulid(stmt, 1, run);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW && sqlite_read_row(sq, stmt, &found)) {
		row->has_output = sqlite3_column_int(stmt, COL_OUTPUT) != 0;
		record_copy(r, &found);
		rc = SQLITE_DONE;
	} else if (rc == SQLITE_DONE) {
		r->id = *run;
		r->job = mem_strdup(sqlite_job_name(sq, row->handler));
		r->kind = mem_strdup("handler");
	} else if (rc == SQLITE_ROW) {
		rc = SQLITE_CORRUPT;
	}
	sqlite3_reset(stmt);
	if (rc == SQLITE_DONE && (r->job == NULL || r->kind == NULL))
		rc = SQLITE_CORRUPT;
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* What goes on now goes before what was known when an attempt ended. */
static void
read_present(struct sqlite *sq, sqlite3_stmt *stmt, struct sqlite_work *row)
{
	struct record *r = &row->work.record;
	int64_t worker = sqlite3_column_int64(stmt, COL_WORKER);

	if (work_state_is_final(row->work.state))
		return;
	r->completed_ms = r->retry_at_ms = CLOCK_NONE;
	if (row->work.state != WORK_RUNNING) {
		r->status = RECORD_PENDING;
		if (row->work.attempts > 0)
			r->retry_at_ms = row->work.due_ms;
		return;
	}
	r->status = RECORD_RUNNING;
	r->attempt = row->work.attempts;
	r->fence = (uint64_t)sqlite3_column_int64(stmt, COL_FENCE);
	if (r->started_ms == CLOCK_NONE)
		r->started_ms = row->taken_ms;
	free(r->worker);
	r->worker = mem_strdup(
	    worker != 0 ? sqlite_worker_name(sq, worker) : NULL);
	sqlite_read_identity(stmt, COL_OWNER, &r->owner);
}

static void
read_numbers(sqlite3_stmt *stmt, struct sqlite_work *row)
{
	struct work *w = &row->work;

	row->seq = sqlite3_column_int64(stmt, COL_SEQ);
	row->handler = sqlite3_column_int64(stmt, COL_HANDLER);
	row->taken_ms = sqlite_read_ms(stmt, COL_TAKEN);
	row->is_own = sqlite3_column_int(stmt, COL_OWN) != 0;
	w->due_ms = sqlite3_column_int64(stmt, COL_DUE);
	w->lead_ms = sqlite_less(
	    w->due_ms, sqlite3_column_int64(stmt, COL_SCORE));
	w->created_ms = sqlite3_column_int64(stmt, COL_CREATED);
	w->priority = sqlite3_column_int(stmt, COL_PRIORITY);
	w->retry_max = (int)sqlite_read_or(stmt, COL_RETRY_MAX, -1);
	w->retry_delay_ms = sqlite_read_or(stmt, COL_RETRY_DELAY, -1);
	w->timeout_ms = sqlite_read_or(stmt, COL_TIMEOUT, WORK_TIMEOUT_UNSET);
	w->attempts = sqlite3_column_int(stmt, COL_ATTEMPTS);
	w->crashes = sqlite3_column_int(stmt, COL_CRASHES);
	w->is_told_to_end = sqlite3_column_int(stmt, COL_TOLD) != 0;
	sqlite_read_ulid(stmt, COL_TAKE, &w->take);
}

int
sqlite_work_read(struct sqlite *sq, sqlite3_stmt *stmt, struct sqlite_work *row)
{
	int64_t state = sqlite3_column_int64(stmt, COL_STATE);
	struct ulid run;
	int rc;

	*row = (struct sqlite_work){ 0 };
	work_init(&row->work);
	if (!sqlite_read_ulid(stmt, COL_ID, &row->work.id) || state < 0 ||
	    state >= WORK_STATES)
		return SQLITE_CORRUPT;
	row->work.state = (enum work_state)state;
	read_numbers(stmt, row);
	row->work.key = mem_strdup(
	    (const char *)sqlite3_column_text(stmt, COL_KEY));
	if (!sqlite_read_ulid(stmt, COL_RUN, &run))
		run = row->work.id;
	rc = read_outcome(sq, row, &run);
	if (rc == SQLITE_OK)
		read_present(sq, stmt, row);
	return rc;
}

int
sqlite_work_find(struct sqlite *sq, const struct ulid *id,
    struct sqlite_work *row, bool *found)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_WORK_FIND);
	int rc;

	*found = false;
	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite_bind_ulid(stmt, 1, id);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		rc = sqlite_work_read(sq, stmt, row);
		*found = rc == SQLITE_OK;
		if (rc != SQLITE_OK)
			sqlite_work_release(row);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int
sqlite_work_gather(
    struct sqlite *sq, sqlite3_stmt *stmt, struct sqlite_work **rows, size_t *n)
{
	struct sqlite_work *list = NULL;
	size_t len = 0;
	int rc;

	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		list = mem_grow(list, len + 1, sizeof *list);
		rc = sqlite_work_read(sq, stmt, &list[len++]);
		if (rc != SQLITE_OK)
			break;
	}
	sqlite3_reset(stmt);
	*rows = list;
	*n = len;
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Reading it from outside */

/* A file of before there was a queue has an empty one. */
static int
look_for_queue(struct sqlite *sq, bool *has_queue)
{
	sqlite3_stmt *stmt = NULL;
	int rc = SQLITE_OK;

	if (sq->version < SQLITE_QUEUE_VERSION) {
		rc = sqlite3_prepare_v2(
		    sq->db, "PRAGMA user_version", -1, &stmt, NULL);
		if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
			sq->version = sqlite3_column_int(stmt, 0);
		sqlite3_finalize(stmt);
	}
	*has_queue = sq->version >= SQLITE_QUEUE_VERSION;
	return rc;
}

struct listing {
	const struct queue_filter *filter;
	queue_fn *each;
	void *data;
	int64_t handler; /* 0: all */
	int left;        /* -1: no limit */
	bool is_over;
};

static int
list_state(struct sqlite *sq, struct listing *list, enum sqlite_sql which)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, which);
	struct sqlite_work row;
	int rc = SQLITE_DONE;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite_bind_unless(stmt, 1, list->handler, 0);
	sqlite3_bind_int(stmt, 2, list->left);
	while (!list->is_over && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		rc = sqlite_work_read(sq, stmt, &row);
		if (rc == SQLITE_OK && !list->each(list->data, &row.work))
			list->is_over = true;
		sqlite_work_release(&row);
		if (list->left > 0 && --list->left == 0)
			list->is_over = true;
		if (rc != SQLITE_OK)
			break;
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int
list_states(struct sqlite *sq, struct listing *list)
{
	static const struct {
		enum work_state state;
		enum sqlite_sql which;
	} in_order[] = {
		{ WORK_RUNNING, SQL_WORK_RUNNING },
		{ WORK_READY, SQL_WORK_READY },
		{ WORK_DELAYED, SQL_WORK_DELAYED },
		{ WORK_BURIED, SQL_WORK_BURIED },
		{ WORK_DONE, SQL_WORK_DONE },
		{ WORK_CANCELLED, SQL_WORK_CANCELLED },
	};
	const struct queue_filter *filter = list->filter;
	size_t i;
	int rc = SQLITE_OK;

	for (i = 0; rc == SQLITE_OK && i < ARRAY_LEN(in_order); i++) {
		enum work_state state = in_order[i].state;

		if (filter->has_state
			? state == filter->state
			: !work_state_is_final(state) || state == WORK_BURIED)
			rc = list_state(sq, list, in_order[i].which);
	}
	return rc;
}

bool
sqlite_queue_list(struct store *store, const struct queue_filter *filter,
    queue_fn *each, void *data, struct err *err)
{
	struct sqlite *sq = (struct sqlite *)store;
	struct listing list = { filter, each, data, .left = -1 };
	bool has_queue = false;
	int rc;

	if (!sqlite_is_ours(sq, err))
		return false;
	if (filter->limit > 0)
		list.left = filter->limit;
	rc = sqlite_begin_reading(sq);
	if (rc == SQLITE_OK)
		rc = look_for_queue(sq, &has_queue);
	if (rc == SQLITE_OK && filter->handler != NULL)
		list.handler = sqlite_job_find(sq, filter->handler, &rc);
	if (rc == SQLITE_OK && has_queue &&
	    (list.handler != 0 || filter->handler == NULL))
		rc = list_states(sq, &list);
	return sqlite_end_reading(sq, rc, err);
}

static int
count_handler(struct sqlite *sq, const char *handler, struct queue_counts *n)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_WORK_COUNT);
	int rc;
	int64_t job = sqlite_job_find(sq, handler, &rc);

	if (rc != SQLITE_OK)
		return rc;
	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, job);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		int64_t state = sqlite3_column_int64(stmt, 0);

		if (state >= 0 && state < WORK_STATES)
			n->by_state[state] = sqlite3_column_int64(stmt, 1);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

bool
sqlite_queue_count(struct store *store, const char *handler,
    struct queue_counts *counts, struct err *err)
{
	struct sqlite *sq = (struct sqlite *)store;
	int64_t n[WORK_STATES + 1] = { 0 };
	bool has_queue = false;
	int rc;

	if (!sqlite_is_ours(sq, err))
		return false;
	rc = sqlite_begin_reading(sq);
	if (rc == SQLITE_OK)
		rc = look_for_queue(sq, &has_queue);
	if (rc == SQLITE_OK && has_queue && handler != NULL)
		rc = count_handler(sq, handler, counts);
	else if (rc == SQLITE_OK && has_queue) {
		rc = sqlite_work_counts(sq, n);
		memcpy(counts->by_state, n, sizeof counts->by_state);
	}
	return sqlite_end_reading(sq, rc, err);
}

/* At most two, for two are too many; one piece may be met by both its ids. */
static int
find_between(struct sqlite *sq, enum sqlite_sql which, const struct ulid *low,
    const struct ulid *high, struct sqlite_work found[2], int *n)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, which);
	struct sqlite_work row;
	int rc = SQLITE_DONE;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite_bind_ulid(stmt, 1, low);
	sqlite_bind_ulid(stmt, 2, high);
	while (*n < 2 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		rc = sqlite_work_read(sq, stmt, &row);
		if (rc != SQLITE_OK || (*n == 1 && found[0].seq == row.seq))
			sqlite_work_release(&row);
		else
			found[(*n)++] = row;
		if (rc != SQLITE_OK)
			break;
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static bool
is_ambiguous(const struct sqlite_work found[2], int n, const char *prefix,
    struct err *err)
{
	struct lookup lookup = { .n = n };

	if (n < 2)
		return false;
	lookup.record[0].id = found[0].work.id;
	lookup.record[1].id = found[1].work.id;
	return lookup_is_ambiguous(&lookup, prefix, err);
}

bool
sqlite_queue_find(struct store *store, const char *prefix, bool with_output,
    struct work *work, bool *found, struct err *err)
{
	struct sqlite *sq = (struct sqlite *)store;
	struct sqlite_work row[2];
	struct ulid low, high;
	bool has_queue = false, is_good;
	int rc, n = 0, i;

	if (!sqlite_is_ours(sq, err))
		return false;
	if (!ulid_range(prefix, &low, &high))
		return true;
	rc = sqlite_begin_reading(sq);
	if (rc == SQLITE_OK)
		rc = look_for_queue(sq, &has_queue);
	if (rc == SQLITE_OK && has_queue)
		rc = find_between(sq, SQL_WORK_BETWEEN, &low, &high, row, &n);
	if (rc == SQLITE_OK && has_queue)
		rc = find_between(
		    sq, SQL_WORK_RUN_BETWEEN, &low, &high, row, &n);
	if (rc == SQLITE_OK && with_output && n == 1)
		rc = sqlite_read_output(sq, &row[0].work.record);
	is_good = sqlite_end_reading(sq, rc, err) &&
	    !is_ambiguous(row, n, prefix, err);
	*found = is_good && n == 1;
	if (*found)
		*work = row[0].work;
	for (i = *found ? 1 : 0; i < n; i++)
		sqlite_work_release(&row[i]);
	return is_good;
}
