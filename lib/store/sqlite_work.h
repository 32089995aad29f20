#ifndef WJOBS_SQLITE_WORK_H
#define WJOBS_SQLITE_WORK_H

#include "lib/store/sqlite.h"

/*
 * The queue in SQLite: what its files share. All but reading happens inside
 * the transaction of sqlite_apply; functions return an SQLite result code.
 */

/* The schema that brought the queue. */
#define SQLITE_QUEUE_VERSION 2

/* A row of work, with its record. */
struct sqlite_work {
	int64_t seq, handler;
	int64_t taken_ms; /* the last time; CLOCK_NONE: never */
	bool is_own;      /* put as WORK_PUT with is_running */
	bool has_output;  /* its outcome keeps a row of output */
	struct work work;
};
void sqlite_work_release(struct sqlite_work *row);

/* sqlite_queue.c */
#define SQLITE_WORK_COLUMNS                                               \
	"seq,id,run,handler,state,score,due,created,priority,retry_max,"  \
	"retry_delay,timeout,attempts,crashes,own,told,take,taken,fence," \
	"worker,owner_pid,owner_start,owner_boot,key"
/* The row at hand, copied; to be released whatever the code. */
int sqlite_work_read(
    struct sqlite *sq, sqlite3_stmt *stmt, struct sqlite_work *row);
/* That of this id; to be released where *found. */
int sqlite_work_find(struct sqlite *sq, const struct ulid *id,
    struct sqlite_work *row, bool *found);
/* The rows of a bound statement, all at once; to free with each row. */
int sqlite_work_gather(struct sqlite *sq, sqlite3_stmt *stmt,
    struct sqlite_work **rows, size_t *n);
void sqlite_work_free(struct sqlite_work *rows, size_t n);

/* sqlite_work.c */
/* What op->work says; and the put of a begin, CLAIM_FULL where it is full. */
int sqlite_work(struct sqlite *sq, struct store_op *op);
/*
 * The end of row's run, as record has it; its texts are borrowed. With
 * op->work->has_history it is written there too.
 */
int sqlite_work_end(struct sqlite *sq, struct store_op *op,
    const struct sqlite_work *row, const struct record *record);
/* The same for who ends work that does not run: with why, in words. */
int sqlite_work_give_up(struct sqlite *sq, struct store_op *op,
    struct sqlite_work *row, enum record_status status,
    enum record_reason reason, const char *error);
/* It waits again, until due_ms. */
int sqlite_work_wait(struct sqlite *sq, const struct sqlite_work *row,
    int64_t due_ms, int64_t now_ms);
/* What is known of its run. */
int sqlite_work_note(struct sqlite *sq, const struct sqlite_work *row,
    const struct record *record);

/* What was asked for of a run that has not begun, where that is anything. */
int sqlite_work_note_wish(struct sqlite *sq, int64_t handler,
    const struct ulid *run, const struct record *from);
/*
 * Who takes it: the instant, the next fence of its handler, worker and owner
 * of `by`, as parameters from `at` on.
 */
int sqlite_work_bind_taker(struct sqlite *sq, sqlite3_stmt *stmt, int at,
    int64_t handler, const struct record *by);

/* sqlite_take.c, sqlite_cancel.c */
int sqlite_work_take(struct sqlite *sq, struct store_op *op);
int sqlite_work_cancel(struct sqlite *sq, struct store_op *op);
int sqlite_work_revive(struct sqlite *sq, struct store_op *op);
int sqlite_work_purge(struct sqlite *sq, struct store_op *op);

/* sqlite_keep.c: how many there are, and what is kept of what has ended. */
/* One more in `to`, one less in `from`; WORK_STATES is neither. */
void
sqlite_work_moved(struct sqlite *sq, enum work_state from, enum work_state to);
/* With what this transaction has done so far. */
int sqlite_work_counts(struct sqlite *sq, int64_t n[WORK_STATES + 1]);
/* The work, its payload, its outcome, and output that history does not keep. */
int sqlite_work_forget(struct sqlite *sq, const struct sqlite_work *row);
/* What is known of its run goes, and output that history does not keep. */
int sqlite_work_drop_outcome(struct sqlite *sq, const struct sqlite_work *row);
/* By number, where something has ended; by age, at a reaping. */
int sqlite_work_prune(struct sqlite *sq);
int sqlite_work_prune_old(struct sqlite *sq, int64_t now_ms, bool *is_more);

#endif
