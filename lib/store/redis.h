#ifndef WJOBS_REDIS_H
#define WJOBS_REDIS_H

#include <sys/types.h>

#include "lib/store/backend.h"
#include "lib/store/redis_link.h"

/*
 * The Redis backend, in the files redis_*.c and lua; only they and store.c
 * include this. What is written goes through scripts, each of them one
 * operation, so that it happens as a whole or not at all, and each may be
 * repeated. A batch is a pipeline of them. lua/common.lua tells the keys.
 */
#define REDIS_SCHEMA "1"
/* So many commands at most are on their way at a time. */
#define REDIS_PIPELINE 500

enum redis_lua {
	REDIS_BEGIN,
	REDIS_UPDATE,
	REDIS_END,
	REDIS_SKIP,
	REDIS_WATERMARK,
	REDIS_ONCE,
	REDIS_LATE,
	REDIS_REAP,
	REDIS_WORK_PUT,
	REDIS_WORK_TAKE,
	REDIS_WORK_END,
	REDIS_WORK_RELEASE,
	REDIS_WORK_CANCEL,
	REDIS_WORK_REVIVE,
	REDIS_WORK_PURGE,
	REDIS_WORK_LIST,
	REDIS_WORK_FIND,
	REDIS_SCRIPTS
};

struct redis {
	struct store store; /* first */
	struct redis_url url;
	struct redis_link *link; /* borrows url */
	struct redis_script script[REDIS_SCRIPTS];
	pid_t pid;
	char *host;
	struct identity self;
	struct store_limits limits;
	struct store_session session; /* current NULL: bound to none */
	struct redis_args args;       /* of the command being made */
	/* Pending runs that this handle has told of. */
	struct ulid *told;
	size_t n_told;
};

/* where is the URL. As store_open; nothing is ever moved aside. */
enum store_opened
redis_open(const char *where, enum store_mode mode, struct store_limits limits,
    struct store **store, char **note, struct err *err);

/* redis_open.c */
/* False, with err, in a process that did not open the store. */
bool redis_is_ours(struct redis *rd, struct err *err) MUST_CHECK;
/*
 * The session as text, "" where the store is bound to none. False where there
 * is none just now; sid is "" then too.
 */
bool redis_sid(struct redis *rd, char sid[ULID_LEN + 1]);
/* "the session has expired", as ERR_UNREACHABLE. Returns false. */
bool redis_expired(struct redis *rd, struct err *err);
/* A script that refuses: {"schema", N}. Returns false, with err. */
bool redis_foreign(struct redis *rd, const redisReply *reply, struct err *err);

/* redis_row.c: records to the fields of a hash and back. */
/* What a run has only while it lives goes with is_live. */
void redis_push_record(
    struct redis_args *args, const struct record *record, bool is_live);
void redis_push_ms(struct redis_args *args, int64_t ms); /* CLOCK_NONE: "" */
void redis_push_ulid(struct redis_args *args, const struct ulid *id);
/*
 * An HGETALL as a record, the caller's to release. False where there is none,
 * or none that makes sense; record is empty then.
 */
bool redis_read_record(
    const redisReply *reply, const struct ulid *id, struct record *record);
/* The output, an HMGET of head and tail, into a record. */
void redis_read_output(const redisReply *reply, struct record *record);
/* Strictly: a whole number and nothing else. */
bool redis_read_number(const char *text, size_t len, int64_t *n);
bool redis_read_ms(const redisReply *reply, int64_t *ms);
bool redis_read_ulid(const redisReply *reply, struct ulid *id);
bool redis_reply_is(const redisReply *reply, const char *word);
bool redis_read_status(const redisReply *reply, enum record_status *status);
/* A copy of a text reply, or NULL. */
char *redis_read_text(const redisReply *reply);

/* redis_claim.c */
/*
 * An answer into its op. False where it is none; *is_stale says that there was
 * no session for it, and that nothing is known.
 */
bool redis_read_claim(
    const redisReply *reply, struct store_op *op, bool *is_stale) MUST_CHECK;
/* What the end of a run answers there is to tell: "1 3", or "" (unknown). */
void redis_read_tell(const redisReply *reply, struct store_op *op);

/* redis_write.c */
bool redis_apply(
    struct store *store, struct store_op **ops, size_t n, struct err *err);

/* The output as arguments: whether there is any, its head, its tail. */
void redis_push_output(struct redis_args *args, const struct record *record);
/* redis_work.c: the queue's operations */
/* Can it be done at all? */
bool redis_work_is_fit(const struct work_op *op);
bool redis_work_needs_session(const struct work_op *op);
enum redis_lua redis_work_script(const struct work_op *op);
void
redis_push_work(struct redis *rd, const struct store_op *op, const char *sid);
/* A WORK_PUT alone, as a claim has it among its arguments; and its answer. */
void redis_push_put(
    struct redis_args *args, const struct work_op *op, const char *sid);
bool redis_read_put(const redisReply *reply, struct store_op *op) MUST_CHECK;
/* As redis_read_claim. */
bool redis_read_work_answer(
    const redisReply *reply, struct store_op *op, bool *is_stale) MUST_CHECK;

/* redis_queue.c */
bool redis_read_state(const redisReply *reply, enum work_state *state);
/* As redis_read_record; work is to be released where it is true. */
bool redis_read_work(
    const redisReply *reply, const struct ulid *id, struct work *work);
bool redis_queue_list(struct store *store, const struct queue_filter *filter,
    queue_fn *each, void *data, struct err *err);
bool redis_queue_count(struct store *store, const char *handler,
    struct queue_counts *counts, struct err *err);
bool redis_queue_find(struct store *store, const char *prefix, bool with_output,
    struct work *work, bool *found, struct err *err);

/* redis_start.c */
bool redis_take_over(struct store *store, const struct identity *self,
    int64_t now_ms, struct store_start *start, struct err *err);
bool redis_reap(struct store *store, int64_t now_ms, struct store_start *start,
    struct err *err);

/* redis_read.c, redis_find.c, redis_stats.c, redis_sample.c */
int64_t redis_number_or(const redisReply *reply, int64_t otherwise);
/* HMGET of a record. */
void redis_push_fields(struct redis *rd, const struct ulid *id,
    const char *const *field, size_t n);
/* The names of all jobs that are known, sorted; redis_job_names_free's. */
bool redis_job_names(
    struct redis *rd, char ***names, size_t *n, struct err *err) MUST_CHECK;
void redis_job_names_free(char **names, size_t n);
/*
 * The records of these ids, in their order; one that is gone, or makes no
 * sense, is left out. `each` returns false to stop; the record is borrowed.
 */
bool redis_each_record(struct redis *rd, const struct ulid *id, size_t n,
    history_fn *each, void *data, struct err *err) MUST_CHECK;
/*
 * As history_list, but that skips which began long before since are left out;
 * the first page is of so many.
 */
bool redis_walk(struct redis *rd, const struct history_filter *filter,
    size_t page, history_fn *each, void *data, struct err *err) MUST_CHECK;
/* The runs of job (NULL: all) that run or wait, newest first. */
bool redis_each_live(struct redis *rd, const char *job, history_fn *each,
    void *data, struct err *err) MUST_CHECK;
bool redis_list(struct store *store, const struct history_filter *filter,
    history_fn *each, void *data, struct err *err);
bool redis_find(struct store *store, const char *prefix, bool with_output,
    struct record *record, bool *found, struct err *err);
bool redis_last(struct store *store, const char *job, struct record *record,
    bool *found, struct err *err);
bool redis_jobs(struct store *store, const char *job, struct history_job **jobs,
    size_t *n, struct err *err);
bool redis_sample(struct store *store, const char *job, int64_t since_ms,
    struct history_sample *sample, struct err *err);

#endif
