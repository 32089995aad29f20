#ifndef WJOBS_SQLITE_H
#define WJOBS_SQLITE_H

#include <sqlite3.h>
#include <sys/types.h>

#include "lib/base/map.h"
#include "lib/store/backend.h"

/*
 * The SQLite backend, in the files sqlite_*.c; only they and store.c include
 * this. A handle belongs to the process that opened it: a fork's child refuses
 * to use it.
 */

/* Statements that are prepared once and kept; their texts are in sqlite_db.c */
enum sqlite_sql {
	SQL_TRANSACTION,
	SQL_SNAPSHOT,
	SQL_COMMIT,
	SQL_ROLLBACK,

	SQL_JOB_FIND,
	SQL_JOB_ADD,
	SQL_JOB_KIND,
	SQL_JOB_NAME,
	SQL_WORKER_FIND,
	SQL_WORKER_ADD,
	SQL_WORKER_NAME,
	SQL_WORKER_SWEEP,

	SQL_JOB_STATE,
	SQL_LIVE_STATE,
	SQL_CLAIMED,
	SQL_SKIP_OVER,
	SQL_WATERMARK,
	SQL_UNCLAIM,
	SQL_FORWARD,
	SQL_FENCE,
	SQL_ONCE,
	SQL_ONCE_SET,
	SQL_LIVE_PUT,
	SQL_LIVE_GRANT,
	SQL_LIVE_DROP,
	SQL_RUN_HAS,
	SQL_RUN_PUT,
	SQL_OUTPUT_PUT,
	SQL_JOB_ENDED,
	SQL_JOB_TOLD,
	SQL_JOB_TELL,
	SQL_JOB_LATE,
	SQL_JOB_IS_LATE,
	SQL_SKIP_STATE,
	SQL_SKIP_JOIN,
	SQL_JOB_SKIPPED,

	SQL_PRUNE_BOUND,
	SQL_PRUNE_RUNS,
	SQL_PRUNE_SKIPS,
	SQL_PRUNE_OLD,
	SQL_PRUNE_KEPT,
	SQL_PRUNE_FULL,
	SQL_RUN_DROP,
	SQL_OUTPUT_DROP,
	SQL_JOB_PRUNED,

	SQL_LIVE_OF_JOB,
	SQL_LIVE_ALL,
	SQL_RUN_OF_JOB,
	SQL_RUN_ALL,
	SQL_SKIPS_OF_JOB,
	SQL_SKIPS_ALL,
	SQL_LIVE_BETWEEN,
	SQL_RUN_BETWEEN,
	SQL_LIVE_LAST,
	SQL_RUN_LAST,
	SQL_RUN_ONE,
	SQL_OUTPUT_OF,
	SQL_JOBS_ALL,
	SQL_JOBS_ONE,
	SQL_LIVE_COUNT,
	SQL_SAMPLE,
	SQL_WATERMARKS,

	/* From here on the queue's; their texts are in sqlite_work_sql.c */
	SQL_WORK_FIRST,
	SQL_WORK_PUT = SQL_WORK_FIRST,
	SQL_WORK_HAS,
	SQL_WORK_FIND,
	SQL_WORK_BY_KEY,
	SQL_WORK_ENDED,
	SQL_WORK_WAITS,
	SQL_WORK_RELEASED,
	SQL_WORK_CRASHED,
	SQL_WORK_TOLD,
	SQL_WORK_REVIVED,
	SQL_WORK_DROP,
	SQL_PAYLOAD_PUT,
	SQL_PAYLOAD_OF,
	SQL_PAYLOAD_DROP,
	SQL_OUTCOME_PUT,
	SQL_OUTCOME_OF,
	SQL_OUTCOME_DROP,
	SQL_OUTCOME_MUTE,
	SQL_OUTCOME_OUTPUTS,
	SQL_OUTCOME_FORGET,
	SQL_QUEUE_COUNT,
	SQL_QUEUE_MOVED,
	SQL_WORK_TAKEN_BY,
	SQL_WORK_PROMOTE,
	SQL_WORK_NEXT_DUE,
	SQL_WORK_BEST,
	SQL_WORK_TAKE,
	SQL_WORK_FENCE,
	SQL_WORK_ASKED,
	SQL_WORK_HANDLERS,
	SQL_WORK_UNASKED,
	SQL_WORK_RUNNING,
	SQL_WORK_ALL_TOLD,
	SQL_WORK_READY,
	SQL_WORK_DELAYED,
	SQL_WORK_BURIED,
	SQL_WORK_DONE,
	SQL_WORK_CANCELLED,
	SQL_WORK_OLD_BURIED,
	SQL_WORK_OLD,
	SQL_WORK_COUNT,
	SQL_WORK_BETWEEN,
	SQL_WORK_RUN_BETWEEN,
	SQL_COUNT
};

/* A name that rows hold as a number: of a job, or of a worker. */
struct sqlite_name {
	int64_t id;
	char *kind;       /* of a job, as its row has it */
	int64_t kept;     /* by it, as far as this process knows; -1: unknown */
	int64_t asked_ms; /* of a handler: written last by this process */
	/* Another name of this id: only a damaged file has one. */
	struct sqlite_name *older;
	char text[];
};

struct sqlite_names {
	struct map by_text;
	struct sqlite_name **by_id; /* room of them; ids count from 1 */
	size_t room;
};

struct sqlite {
	struct store store; /* first */
	sqlite3 *db;
	char *path; /* NULL: in memory */
	pid_t pid;
	struct store_limits limits;
	sqlite3_stmt *stmt[SQL_COUNT];
	struct sqlite_names jobs, workers;
	uint64_t transactions; /* begun so far */
	uint64_t workers_at;   /* the one in which `workers` was filled */
	int64_t swept_ms;      /* when old runs were looked for last */
	bool is_sweep_due;     /* the last sweep left some over */
	struct lock *locks;    /* NULL: none of our runs has one */
	bool is_lock_told;     /* that they cannot be used */
	/* A take-over that could be read, but not yet written. */
	bool owes_take_over;
	struct identity self;
	int64_t take_over_ms;
	/* How long a lock is waited for, and since when. */
	int64_t busy_wait_ms, busy_since_ms;
	/* What this transaction has done to the queue's counts. */
	int64_t moved[WORK_STATES + 1]; /* outputs are the last */
	int64_t unknown_at_ms; /* when work of unknown handlers was sought */
	int version;           /* of the schema, as it was opened */
};

/* Distances wrap rather than overflow, and wrap back when they are read. */
static inline int64_t
sqlite_less(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

static inline int64_t
sqlite_plus(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* path NULL: in memory. As store_open. */
enum store_opened
sqlite_open(const char *path, enum store_mode mode, struct store_limits limits,
    struct store **store, char **note, struct err *err);

/* sqlite_file.c: the file itself. */
enum sqlite_file {
	SQLITE_FILE_THERE,
	SQLITE_FILE_ABSENT, /* or empty, and so without a log beside it */
	SQLITE_FILE_BAD     /* err says why */
};
/*
 * The path with its directory resolved, or NULL with err; the file itself is
 * never followed where it is a link.
 */
char *sqlite_file_resolve(const char *path, struct err *err);
enum sqlite_file sqlite_file_look(const char *path, struct err *err);
/* Make it, empty and 0600, where there is none. */
bool sqlite_file_make(const char *path, struct err *err) MUST_CHECK;
/* Nothing is waiting in a -wal beside it. */
bool sqlite_file_has_no_log(const char *path);
/*
 * Move file, -wal and -shm aside, unless another process has them open. No
 * handle of this process may be. *aside is the new name, the caller's.
 */
bool sqlite_file_set_aside(
    const char *path, char **aside, struct err *err) MUST_CHECK;

/* sqlite_db.c: statements, transactions, names, errors. */
void sqlite_release(struct sqlite *sq);
/* The queue's, from SQL_WORK_FIRST on. */
extern const char *const sqlite_work_sql[];
/* Prepare them all, which no schema but ours lets happen. */
int sqlite_prepare_all(struct sqlite *sq);
/* A kept statement, ready to bind; NULL where it could not be prepared. */
sqlite3_stmt *sqlite_stmt(struct sqlite *sq, enum sqlite_sql which);
/* Step a statement that gives no rows, and reset it. An SQLite result code. */
int sqlite_run(sqlite3_stmt *stmt);
/* The same for one without parameters. */
int sqlite_do(struct sqlite *sq, enum sqlite_sql which);
/* Begin to write; commit by SQL_COMMIT. An SQLite result code. */
int sqlite_begin(struct sqlite *sq);
/* Roll back, where the failure has not done so by itself. */
void sqlite_undo(struct sqlite *sq);
/* Fill err from rc and the handle's last error; returns false. */
bool sqlite_err(struct sqlite *sq, int rc, const char *what, struct err *err);
/* False, with err, in a process that did not open the store. */
bool sqlite_is_ours(struct sqlite *sq, struct err *err) MUST_CHECK;
/* 0 where there is none, or *rc is not SQLITE_OK. `kind` only for jobs. */
int64_t sqlite_job_find(struct sqlite *sq, const char *name, int *rc);
int64_t
sqlite_job_put(struct sqlite *sq, const char *name, const char *kind, int *rc);
int64_t sqlite_worker_put(struct sqlite *sq, const char *name, int *rc);
/* Borrowed until the store closes; NULL where there is none of that number. */
const char *sqlite_job_name(struct sqlite *sq, int64_t id);
const char *sqlite_worker_name(struct sqlite *sq, int64_t id);

/* sqlite_row.c: records to rows and back. */
#define SQLITE_COLUMNS                                                       \
	"job,id,status,duration,rest,start,late,\"trigger\",reason,attempt," \
	"exit_code,signal,worker,user_us,system_us,max_rss,output_bytes,"    \
	"count,fence,kind,error,metadata,attempts"
#define SQLITE_LIVE_COLUMNS                                          \
	SQLITE_COLUMNS ",retry_at,owner_pid,owner_start,owner_boot," \
		       "leader_pid,leader_start,leader_boot"
/* Bind the columns above; worker is its number, 0 for none. */
void sqlite_bind_run(sqlite3_stmt *stmt, int64_t job, int64_t worker,
    const struct record *record);
/* And the instant that it has claimed, CLOCK_NONE for none. */
void sqlite_bind_live(sqlite3_stmt *stmt, int64_t job, int64_t worker,
    const struct record *record, int64_t claim_ms);
void sqlite_bind_ulid(sqlite3_stmt *stmt, int at, const struct ulid *id);
void sqlite_bind_ms(sqlite3_stmt *stmt, int at, int64_t ms); /* NONE: NULL */
/*
 * The row at hand as a record whose texts are borrowed from the statement
 * until its next step: never released, only copied. False where the row makes
 * no sense, which a damaged file may give.
 */
bool
sqlite_read_row(struct sqlite *sq, sqlite3_stmt *stmt, struct record *record);
bool sqlite_read_ulid(sqlite3_stmt *stmt, int at, struct ulid *id);
int64_t sqlite_read_ms(sqlite3_stmt *stmt, int at); /* NULL: CLOCK_NONE */
/* NULL is `none`, both ways. */
int64_t sqlite_read_or(sqlite3_stmt *stmt, int at, int64_t none);
void
sqlite_bind_unless(sqlite3_stmt *stmt, int at, int64_t value, int64_t none);
void sqlite_bind_text(sqlite3_stmt *stmt, int at, const char *text);
/* Three columns from `at` on. */
void
sqlite_bind_identity(sqlite3_stmt *stmt, int at, const struct identity *id);
void sqlite_read_identity(sqlite3_stmt *stmt, int at, struct identity *id);
const char *sqlite_kind_name(sqlite3_stmt *stmt, int at);
void sqlite_bind_kind(sqlite3_stmt *stmt, int at, const char *kind);

/* sqlite_claim.c: who may begin. An SQLite result code. */
struct sqlite_state {
	int64_t watermark_ms, fence;
};
int
sqlite_read_state(struct sqlite *sq, int64_t job, struct sqlite_state *state);
/*
 * What STORE_BEGIN asks: the answer in op->result, the fence and the blocker.
 * *is_new says that the record is to be written, with its claim or without.
 */
int
sqlite_claim(struct sqlite *sq, int64_t job, struct store_op *op, bool *is_new);
int sqlite_set_watermark(struct sqlite *sq, int64_t job, int64_t ms);
/* Never back; CLOCK_NONE leaves it. */
int sqlite_forward(struct sqlite *sq, int64_t job, int64_t ms);

/* sqlite_lock.c: the locks of runs, by the run's id. */
/*
 * Take op->lock for op's run, which may have it already. Where it is held,
 * op->result and op->holder say so; CLAIM_FAILED where that is not known.
 */
bool sqlite_take_lock(struct sqlite *sq, struct store_op *op);
/* Whatever the run holds. */
void sqlite_drop_lock(struct sqlite *sq, const struct ulid *id);
void sqlite_guard_lock(struct sqlite *sq, const struct record *record);
void sqlite_adopt_lock(struct sqlite *sq, const struct record *record);

/* sqlite_write.c */
/* Write a row of live, or its new state. */
int sqlite_put_live(
    struct sqlite *sq, const struct record *record, int64_t claim_ms);
bool sqlite_apply(
    struct store *store, struct store_op **ops, size_t n, struct err *err);
/*
 * Inside a transaction: what STORE_END does with that record. op is whom it
 * answers what there is to tell, or NULL. An SQLite result code.
 */
int
sqlite_end(struct sqlite *sq, const struct record *record, struct store_op *op);
/* What it wrote, beside its record. */
int sqlite_put_output(struct sqlite *sq, const struct record *record);
/* Is it the store that failed, not this one operation? */
bool sqlite_is_store_failure(int rc);

/* sqlite_tell.c: is it time to tell people? */
/*
 * What op asks of an end that is about to be counted. *told_ms is what becomes
 * job.told where this is a failure; CLOCK_NONE leaves that as it is. An SQLite
 * result code.
 */
int sqlite_tell(struct sqlite *sq, int64_t job, const struct record *record,
    struct store_op *op, int64_t *told_ms);
/* The same of a run that was found lost, and counted, before. */
int sqlite_tell_lost(struct sqlite *sq, int64_t job,
    const struct record *record, struct store_op *op);
/* STORE_LATE. */
int sqlite_late(struct sqlite *sq, int64_t job, struct store_op *op);

/* sqlite_prune.c: inside a transaction. An SQLite result code. */
/* One more run of the job is kept. */
int sqlite_prune_job(struct sqlite *sq, int64_t job);
int sqlite_prune_skips(struct sqlite *sq, int64_t job, int64_t kept);
int sqlite_prune_old(struct sqlite *sq, int64_t now_ms);
/* Each job to its limit exactly, as far as one transaction bears it. */
int sqlite_prune_all(struct sqlite *sq);

/* sqlite_start.c */
/* Inside a transaction: write the take-over that is owed. A result code. */
int sqlite_pay_take_over(struct sqlite *sq);
bool sqlite_take_over(struct store *store, const struct identity *self,
    int64_t now_ms, struct store_start *start, struct err *err);

/* sqlite_keep.c: inside a transaction, before its end. A result code. */
int sqlite_work_settle(struct sqlite *sq);

/* sqlite_read.c, sqlite_stats.c, sqlite_queue.c */
/* One moment's view; and its end, also after a failure: true if rc is good. */
int sqlite_begin_reading(struct sqlite *sq);
bool sqlite_end_reading(struct sqlite *sq, int rc, struct err *err);
/* The output of a record that is the caller's, into it. */
int sqlite_read_output(struct sqlite *sq, struct record *record);
bool sqlite_queue_list(struct store *store, const struct queue_filter *filter,
    queue_fn *each, void *data, struct err *err);
bool sqlite_queue_count(struct store *store, const char *handler,
    struct queue_counts *counts, struct err *err);
bool sqlite_queue_find(struct store *store, const char *prefix,
    bool with_output, struct work *work, bool *found, struct err *err);
bool sqlite_list(struct store *store, const struct history_filter *filter,
    history_fn *each, void *data, struct err *err);
bool sqlite_find(struct store *store, const char *prefix, bool with_output,
    struct record *record, bool *found, struct err *err);
bool sqlite_last(struct store *store, const char *job, struct record *record,
    bool *found, struct err *err);
bool sqlite_jobs(struct store *store, const char *job,
    struct history_job **jobs, size_t *n, struct err *err);
bool sqlite_sample(struct store *store, const char *job, int64_t since_ms,
    struct history_sample *sample, struct err *err);

#endif
