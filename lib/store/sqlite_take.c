#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/store/sqlite_work.h"

/*
 * Taking work, and what has to be seen to now and then, which whoever takes
 * does: delayed work that is due becomes ready, the dead give back what they
 * had, and what nobody knows how to do is buried. Each some at a time, for the
 * others wait meanwhile.
 */
#define AT_ONCE 100
/* That a handler is asked for is written down so often. */
#define ASKED_GAP_MS 60000
/* So many times in WORK_UNKNOWN_MS is looked for what nobody asks for. */
#define UNKNOWN_PART 64

/* What waits, of one handler after the other. */
struct best {
	int64_t seq, score, handler;
};

static int
compare_best(const void *a, const void *b)
{
	const struct best *x = a, *y = b;

	if (x->score != y->score)
		return x->score < y->score ? -1 : 1;
	return (x->seq > y->seq) - (x->seq < y->seq);
}

static int
promote(struct sqlite *sq, struct work_op *take, int64_t now_ms)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_WORK_PROMOTE);
	int64_t n, i;
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, now_ms);
	sqlite3_bind_int(stmt, 2, AT_ONCE);
	rc = sqlite_run(stmt);
	if (rc != SQLITE_OK)
		return rc;
	n = sqlite3_changes(sq->db);
	for (i = 0; i < n; i++)
		sqlite_work_moved(sq, WORK_DELAYED, WORK_READY);
	if (n == AT_ONCE)
		take->is_more = true;
	return rc;
}

static int
find_next_due(struct sqlite *sq, struct work_op *take, int64_t now_ms)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_WORK_NEXT_DUE);
	int64_t due;
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	rc = sqlite3_step(stmt);
	due = rc == SQLITE_ROW ? sqlite_read_ms(stmt, 0) : CLOCK_NONE;
	sqlite3_reset(stmt);
	if (due != CLOCK_NONE)
		take->next_due_ms = due > now_ms ? due - now_ms : 0;
	return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int
read_payload(struct sqlite *sq, const struct sqlite_work *row, struct work *to)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_PAYLOAD_OF);
	const void *bytes;
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, row->seq);
	rc = sqlite3_step(stmt);
	to->payload = mem_zalloc(1, 1);
	if (rc == SQLITE_ROW && (bytes = sqlite3_column_blob(stmt, 0))) {
		free(to->payload);
		to->payload_len = (size_t)sqlite3_column_bytes(stmt, 0);
		to->payload = mem_alloc(to->payload_len + 1);
		memcpy(to->payload, bytes, to->payload_len);
		to->payload[to->payload_len] = '\0';
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The row's work is the answer's from here on. */
static int
give(struct sqlite *sq, struct work_op *take, struct sqlite_work *row)
{
	int rc;

	take->taken = mem_grow(
	    take->taken, take->n_taken + 1, sizeof *take->taken);
	take->taken[take->n_taken] = row->work;
	rc = read_payload(sq, row, &take->taken[take->n_taken++]);
	work_init(&row->work);
	return rc;
}

/* What was taken by this very op, if it is done again. */
static int
give_again(struct sqlite *sq, struct work_op *take)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_WORK_TAKEN_BY);
	struct sqlite_work *rows = NULL;
	size_t n = 0, i;
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite_bind_ulid(stmt, 1, &take->take);
	rc = sqlite_work_gather(sq, stmt, &rows, &n);
	for (i = 0; rc == SQLITE_OK && i < n; i++)
		rc = give(sq, take, &rows[i]);
	sqlite_work_free(rows, n);
	return rc;
}

static int
take_one(struct sqlite *sq, struct work_op *take, const struct best *best)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_WORK_TAKE);
	struct sqlite_work row;
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, best->seq);
	sqlite_bind_ulid(stmt, 2, &take->take);
	rc = sqlite_work_bind_taker(
	    sq, stmt, 3, best->handler, &take->work.record);
	if (rc != SQLITE_OK)
		return rc;
	rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW) {
		sqlite3_reset(stmt);
		return rc == SQLITE_DONE ? SQLITE_CORRUPT : rc;
	}
	rc = sqlite_work_read(sq, stmt, &row);
	if (rc == SQLITE_OK && sqlite3_step(stmt) != SQLITE_DONE)
		rc = SQLITE_CORRUPT;
	sqlite3_reset(stmt);
	sqlite_work_moved(sq, WORK_READY, WORK_RUNNING);
	if (rc == SQLITE_OK)
		rc = give(sq, take, &row);
	sqlite_work_release(&row);
	return rc;
}

static int
add_best(
    struct sqlite *sq, int64_t handler, int most, struct best **list, size_t *n)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_WORK_BEST);
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, handler);
	sqlite3_bind_int(stmt, 2, most);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		*list = mem_grow(*list, *n + 1, sizeof **list);
		(*list)[(*n)++] = (struct best){ sqlite3_column_int64(stmt, 0),
			sqlite3_column_int64(stmt, 1), handler };
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* One more than may be taken, to know whether there was more. */
static int
find_best(struct sqlite *sq, const struct work_op *take, struct best **list,
    size_t *n)
{
	size_t i;
	int rc = SQLITE_OK;

	for (i = 0; rc == SQLITE_OK && i < take->n_want; i++) {
		const struct work_want *want = &take->want[i];
		int most = want->n <= take->most ? want->n : take->most + 1;
		int64_t handler = sqlite_job_find(sq, want->handler, &rc);

		if (handler != 0 && most > 0)
			rc = add_best(sq, handler, most, list, n);
	}
	if (*n > 0)
		qsort(*list, *n, sizeof **list, compare_best);
	return rc;
}

static int
take_best(struct sqlite *sq, struct work_op *take)
{
	struct best *best = NULL;
	size_t n = 0, i;
	int rc = find_best(sq, take, &best, &n);

	if (n > (size_t)(take->most > 0 ? take->most : 0)) {
		n = take->most > 0 ? (size_t)take->most : 0;
		take->is_more = true;
	}
	for (i = 0; rc == SQLITE_OK && i < n; i++)
		rc = take_one(sq, take, &best[i]);
	free(best);
	return rc;
}

/* Its handlers are known to somebody: written down now and then. */
static int
note_asked(struct sqlite *sq, const struct work_op *take, int64_t now_ms)
{
	int64_t gap = take->unknown_ms / 4 < ASKED_GAP_MS ? take->unknown_ms / 4
							  : ASKED_GAP_MS;
	size_t i;
	int rc = SQLITE_OK;

	for (i = 0; rc == SQLITE_OK && i < take->n_want; i++) {
		int64_t handler = sqlite_job_find(
		    sq, take->want[i].handler, &rc);
		struct sqlite_name *name;
		sqlite3_stmt *stmt;

		if (handler == 0)
			continue;
		name = sq->jobs.by_id[handler];
		if (name->asked_ms <= now_ms && name->asked_ms > now_ms - gap)
			continue;
		if ((stmt = sqlite_stmt(sq, SQL_WORK_ASKED)) == NULL)
			return sqlite3_errcode(sq->db);
		sqlite3_bind_int64(stmt, 1, handler);
		sqlite3_bind_int64(stmt, 2, now_ms);
		rc = sqlite_run(stmt);
		name->asked_ms = now_ms;
	}
	return rc;
}

static void
tell_buried(struct work_op *take, const struct sqlite_work *row)
{
	take->buried = mem_grow(
	    take->buried, take->n_buried + 1, sizeof *take->buried);
	work_copy(&take->buried[take->n_buried], &row->work);
	take->buried[take->n_buried++].state = WORK_BURIED;
}

/*
 * What died together is not tried together again: one of them may have been the
 * death of the others.
 */
static int64_t
crash_delay_ms(const struct work *work)
{
	int64_t least = INT64_C(1000)
	    << (work->crashes < 16 ? work->crashes : 16);
	uint64_t chance = hash_bytes(
	    &work->id, sizeof work->id, work->take.b[15]);

	return least + (int64_t)(chance % (uint64_t)least);
}

/* As the worker would have added it, had it lived. */
static void
add_attempt(struct sqlite_work *row)
{
	struct record *r = &row->work.record;
	char *all = mem_printf("%s%lld\t-1\t-1\t0\t%s\t" WORK_DIED "\n",
	    r->attempts != NULL ? r->attempts : "", (long long)row->taken_ms,
	    record_reason_name(RECORD_CRASH));

	free(r->attempts);
	r->attempts = all;
}

/* Its worker died with it. */
static int
return_crashed(struct sqlite *sq, struct store_op *op, struct sqlite_work *row,
    int64_t now_ms)
{
	struct work *w = &row->work;
	int64_t delay = crash_delay_ms(w);
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_WORK_CRASHED);
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, row->seq);
	rc = sqlite_run(stmt);
	w->crashes++;
	/* nobody saw this attempt's, and those of one before are not its */
	w->record.exit_code = -1;
	w->record.signal = 0;
	w->record.duration_ms = -1;
	if (rc != SQLITE_OK)
		return rc;
	if (w->is_told_to_end)
		return sqlite_work_give_up(sq, op, row, RECORD_CANCELLED,
		    RECORD_CANCELLED_BY_USER, NULL);
	if (!row->is_own)
		add_attempt(row);
	if (row->is_own || w->crashes >= WORK_CRASHES) {
		rc = sqlite_work_give_up(
		    sq, op, row, RECORD_FAILED, RECORD_CRASH, WORK_DIED);
		tell_buried(op->work, row);
		return rc;
	}
	free(w->record.error);
	w->record.error = mem_strdup(WORK_DIED);
	w->record.reason = RECORD_CRASH;
	rc = sqlite_work_note(sq, row, &w->record);
	op->work->n_returned++;
	return rc == SQLITE_OK
	    ? sqlite_work_wait(sq, row, now_ms + delay, now_ms)
	    : rc;
}

/* Many in a row are one instance's, so the last answer is kept. */
static bool
is_dead(const struct identity *owner, struct identity *alive)
{
	if (owner->pid != 0 && memcmp(owner, alive, sizeof *owner) == 0)
		return false;
	if (!identity_is_alive(owner))
		return true;
	*alive = *owner;
	return false;
}

/* What runs: of the dead, given back; of this instance, told to end. */
static int
look_after_running(
    struct sqlite *sq, struct store_op *op, bool is_reaping, int64_t now_ms)
{
	sqlite3_stmt *stmt = sqlite_stmt(
	    sq, is_reaping ? SQL_WORK_RUNNING : SQL_WORK_ALL_TOLD);
	struct work_op *take = op->work;
	struct identity alive = take->work.record.owner;
	struct sqlite_work *rows = NULL;
	size_t n = 0, i;
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_null(stmt, 1);
	sqlite3_bind_int(stmt, 2, -1);
	rc = sqlite_work_gather(sq, stmt, &rows, &n);
	for (i = 0; rc == SQLITE_OK && i < n; i++) {
		const struct work *w = &rows[i].work;

		if (is_reaping && is_dead(&w->record.owner, &alive)) {
			rc = return_crashed(sq, op, &rows[i], now_ms);
		} else if (w->is_told_to_end &&
		    memcmp(&w->record.owner, &take->work.record.owner,
			sizeof w->record.owner) == 0) {
			take->told = mem_grow(
			    take->told, take->n_told + 1, sizeof *take->told);
			take->told[take->n_told++] = w->id;
		}
	}
	sqlite_work_free(rows, n);
	return rc;
}

static int
bury_unknown_of(
    struct sqlite *sq, struct store_op *op, int64_t handler, int64_t since_ms)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_WORK_UNASKED);
	struct sqlite_work *rows = NULL;
	size_t n = 0, i;
	int rc;

	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sqlite3_bind_int64(stmt, 1, handler);
	sqlite3_bind_int64(stmt, 2, since_ms);
	sqlite3_bind_int(stmt, 3, AT_ONCE);
	rc = sqlite_work_gather(sq, stmt, &rows, &n);
	if (n == AT_ONCE) {
		op->work->is_more = true;
		sq->unknown_at_ms = 0;
	}
	for (i = 0; rc == SQLITE_OK && i < n; i++) {
		rc = sqlite_work_give_up(sq, op, &rows[i], RECORD_FAILED,
		    RECORD_SPAWN, WORK_UNKNOWN);
		tell_buried(op->work, &rows[i]);
	}
	sqlite_work_free(rows, n);
	return rc;
}

/*
 * What is ready, and has waited for long with nobody asking for its kind. All
 * of a kind is looked at, so this is done seldom.
 */
static int
bury_unknown(struct sqlite *sq, struct store_op *op, int64_t now_ms)
{
	sqlite3_stmt *stmt = sqlite_stmt(sq, SQL_WORK_HANDLERS);
	int64_t since = sqlite_less(now_ms, op->work->unknown_ms);
	int64_t ago = sqlite_less(now_ms, sq->unknown_at_ms);
	int64_t *handler = NULL;
	size_t n = 0, i;
	int rc;

	if (ago >= 0 && ago < op->work->unknown_ms / UNKNOWN_PART)
		return SQLITE_OK;
	if (stmt == NULL)
		return sqlite3_errcode(sq->db);
	sq->unknown_at_ms = now_ms;
	sqlite3_bind_int64(stmt, 1, since);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		handler = mem_grow(handler, n + 1, sizeof *handler);
		handler[n++] = sqlite3_column_int64(stmt, 0);
	}
	sqlite3_reset(stmt);
	rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
	for (i = 0; rc == SQLITE_OK && i < n; i++)
		rc = bury_unknown_of(sq, op, handler[i], since);
	free(handler);
	return rc;
}

/* What a TAKE has to do before it can say what there is. */
static int
see_to_all(struct sqlite *sq, struct store_op *op, int64_t now_ms)
{
	struct work_op *take = op->work;
	int64_t n[WORK_STATES + 1];
	int rc = sqlite_work_counts(sq, n);

	if (rc == SQLITE_OK && n[WORK_RUNNING] > 0)
		rc = look_after_running(sq, op, take->is_reaping, now_ms);
	if (rc == SQLITE_OK)
		rc = note_asked(sq, take, now_ms);
	if (rc == SQLITE_OK && take->is_reaping)
		rc = bury_unknown(sq, op, now_ms);
	if (rc == SQLITE_OK && take->is_reaping)
		rc = sqlite_work_prune_old(sq, now_ms, &take->is_more);
	if (rc == SQLITE_OK)
		rc = promote(sq, take, now_ms);
	return rc;
}

int
sqlite_work_take(struct sqlite *sq, struct store_op *op)
{
	struct work_op *take = op->work;
	int64_t now = clock_now_ms();
	int rc;

	work_op_forget(take);
	rc = see_to_all(sq, op, now);
	if (rc == SQLITE_OK)
		rc = give_again(sq, take);
	if (rc == SQLITE_OK && take->n_taken == 0)
		rc = take_best(sq, take);
	if (rc == SQLITE_OK)
		rc = find_next_due(sq, take, now);
	return rc;
}
