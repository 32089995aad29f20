#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/redis.h"

/*
 * Writing: each operation is one call of a script, and those of a batch go in
 * pipelines. Where one of them finds no answer, all of the batch is applied
 * again, which changes nothing in those that were answered.
 */
#define PIPELINE_BYTES (1 << 20)
#define WAIT_MS        200

static const enum redis_lua script[] = {
	[STORE_BEGIN] = REDIS_BEGIN,
	[STORE_UPDATE] = REDIS_UPDATE,
	[STORE_END] = REDIS_END,
	[STORE_SKIP] = REDIS_SKIP,
	[STORE_WATERMARK] = REDIS_WATERMARK,
	[STORE_ONCE] = REDIS_ONCE,
	[STORE_LATE] = REDIS_LATE,
};

/* What holds for all operations of a batch. */
struct batch {
	struct redis *rd;
	struct store_op **op;
	size_t n;
	char sid[ULID_LEN + 1];
	bool has_session; /* or needs none */
	bool has_expired; /* a claim was not answered for want of a session */
	bool has_granted;
};

static void
push_flag(struct redis_args *args, bool flag)
{
	redis_args_text(args, flag ? "1" : "0");
}

/* As lua/common.lua has it. */
#define NOBODY "00000000000000000000000000"

/* What comes from a process that is gone is not this session's. */
static const char *
sid_of(const struct batch *batch, const struct store_op *op)
{
	const struct identity *owner = &op->record.owner;

	if (owner->pid != 0 &&
	    memcmp(owner, &batch->rd->self, sizeof *owner) != 0)
		return NOBODY;
	return batch->sid;
}

static void
push_holder(struct redis_args *args, const struct record *record)
{
	char id[ULID_LEN + 1];
	char *text;

	ulid_format(&record->id, id);
	text = mem_printf("%s, run %s%s%s", record->job, id,
	    record->worker != NULL ? " on " : "",
	    record->worker != NULL ? record->worker : "");
	redis_args_text(args, text);
	free(text);
}

static void
push_schedule(struct redis_args *args, uint64_t schedule)
{
	char text[24] = "";

	if (schedule != 0)
		snprintf(
		    text, sizeof text, "%016llx", (unsigned long long)schedule);
	redis_args_text(args, text);
}

/* The instant that a record stands for with its schedule, or CLOCK_NONE. */
static int64_t
claimed_ms(const struct record *r)
{
	switch (r->trigger) {
	case RECORD_SCHEDULE:
	case RECORD_CATCH_UP:
	case RECORD_REBOOT:
		return r->scheduled_ms;
	case RECORD_IMMEDIATE:
	case RECORD_MANUAL:
	case RECORD_TRIGGER:
	case RECORD_QUEUE:
	case RECORD_TRIGGERS:
		break;
	}
	return CLOCK_NONE;
}

static void
push_begin(struct batch *batch, const struct store_op *op)
{
	struct redis_args *args = &batch->rd->args;
	const struct record *r = &op->record;
	struct record written = *r; /* borrows its texts */

	redis_args_int(args, batch->rd->limits.keep);
	redis_push_ulid(args, &r->id);
	redis_args_text(args, r->job);
	redis_args_text(args, r->kind);
	redis_args_text(args, batch->rd->host);
	redis_args_text(args, sid_of(batch, op));
	push_flag(args, op->is_shared);
	redis_push_ms(args, claimed_ms(r));
	redis_push_ms(args, op->before_ms);
	push_schedule(args, op->schedule);
	push_flag(args, op->is_alone);
	redis_args_text(args, op->lock);
	push_holder(args, r);
	redis_args_text(args, op->may_rerun ? "1" : "");
	if (op->is_rerun)
		redis_push_ulid(args, &op->rerun_of);
	else
		redis_args_text(args, "");
	push_flag(args, batch->rd->limits.min_replicas > 0);
	push_flag(args, op->work != NULL);
	written.fence = 0; /* the script knows */
	if (op->work != NULL) {
		redis_push_put(args, op->work, batch->sid);
		written.status = RECORD_COMPLETED;
		if (written.completed_ms == CLOCK_NONE)
			written.completed_ms = clock_now_ms();
	}
	redis_push_record(args, &written, op->work == NULL);
}

/*
 * The output of the last attempt. One that wrote nothing leaves none of an
 * earlier one behind; a record that was read back has its bytes there already.
 */
void
redis_push_output(struct redis_args *args, const struct record *r)
{
	bool has_output = r->head_len > 0 || r->tail_len > 0;

	redis_args_text(args,
	    has_output                                   ? "put"
		: r->attempt > 1 && r->output_bytes == 0 ? "drop"
							 : "leave");
	redis_args_blob(args, r->head, r->head_len);
	redis_args_blob(args, r->tail, r->tail_len);
}

static void
push_update(struct batch *batch, const struct store_op *op)
{
	struct redis_args *args = &batch->rd->args;
	const struct record *r = &op->record;

	redis_push_ulid(args, &r->id);
	redis_args_text(args, r->job);
	redis_args_text(args, r->kind);
	redis_args_text(args, sid_of(batch, op));
	push_flag(args, op->is_alone);
	if (r->status == RECORD_PENDING) {
		redis_args_int(args, r->attempt);
		redis_push_output(args, r);
	} else {
		redis_args_text(args, "");
		redis_args_text(args, "leave");
		redis_args_text(args, "");
		redis_args_text(args, "");
	}
	redis_push_record(args, r, true);
}

/* As it is kept: a skip was never started. */
static void
push_final(struct redis_args *args, const struct record *given)
{
	struct record r = *given; /* borrows its texts */

	if (r.status == RECORD_SKIPPED) {
		r.started_ms = CLOCK_NONE;
		r.duration_ms = -1;
	}
	redis_push_record(args, &r, false);
}

static void
push_limits(struct batch *batch)
{
	struct redis_args *args = &batch->rd->args;

	redis_args_int(args, batch->rd->limits.keep);
	redis_args_int(args, batch->rd->limits.max_age_ms);
}

static void
push_skipped(struct redis_args *args, const struct record *r)
{
	const char *reason = record_reason_name(r->reason);

	redis_push_ms(args, r->completed_ms);
	redis_args_text(args, reason);
	redis_args_int(args, r->count);
	redis_args_text(args, r->error);
}

static void
push_end(struct batch *batch, const struct store_op *op)
{
	struct redis_args *args = &batch->rd->args;
	const struct record *r = &op->record;

	push_limits(batch);
	redis_push_ulid(args, &r->id);
	redis_args_text(args, r->job);
	redis_args_text(args, r->kind);
	push_flag(args, op->is_shared);
	redis_push_ms(args, claimed_ms(r));
	redis_push_ms(args, op->before_ms);
	redis_args_text(args, record_status_name(r->status));
	redis_args_int(args, r->duration_ms);
	redis_args_int(args, op->tell_again_ms);
	push_skipped(args, r);
	redis_push_output(args, r);
	push_final(args, r);
}

static void
push_skip(struct batch *batch, const struct store_op *op)
{
	struct redis_args *args = &batch->rd->args;
	struct record r = op->record; /* borrows its texts */
	char gap[48] = "";

	if (op->gap.from_ms != CLOCK_NONE)
		snprintf(gap, sizeof gap, "%lld:%lld",
		    (long long)op->gap.from_ms, (long long)op->gap.to_ms);
	r.status = RECORD_SKIPPED;
	push_limits(batch);
	redis_push_ulid(args, &r.id);
	redis_args_text(args, r.job);
	redis_args_text(args, r.kind);
	redis_args_text(args, batch->rd->host);
	push_flag(args, op->is_shared);
	redis_push_ms(args, r.scheduled_ms);
	redis_push_ms(args, op->before_ms);
	redis_push_ms(args, op->watermark_ms);
	redis_args_text(args, gap);
	push_skipped(args, &r);
	push_final(args, &r);
}

static void
push_watermark(struct batch *batch, const struct store_op *op)
{
	struct redis_args *args = &batch->rd->args;

	redis_args_text(args, op->record.job);
	redis_args_text(args, op->record.kind);
	redis_args_text(args, batch->rd->host);
	push_flag(args, op->is_shared);
	redis_push_ms(args, op->watermark_ms);
}

static void
push_late(struct batch *batch, const struct store_op *op)
{
	struct redis_args *args = &batch->rd->args;

	redis_args_text(args, op->record.job);
	redis_args_text(args, batch->rd->host);
	push_flag(args, op->late.by_start);
	redis_args_int(args, op->late.before_ms);
	redis_args_int(args, op->late.first_ms);
}

static bool
read_late(const redisReply *reply, struct store_op *op)
{
	const redisReply *last = redis_reply_at(reply, 2);

	op->is_telling = redis_reply_is(redis_reply_at(reply, 1), "1");
	return redis_reply_is(redis_reply_at(reply, 0), "ok") &&
	    redis_reply_int(last, &op->late.last_ms);
}

static enum redis_lua
script_of(const struct store_op *op)
{
	return op->kind == STORE_WORK ? redis_work_script(op->work)
				      : script[op->kind];
}

static void
push_op(struct batch *batch, struct store_op *op)
{
	struct redis *rd = batch->rd;

	redis_args_clear(&rd->args);
	switch (op->kind) {
	case STORE_BEGIN:
		push_begin(batch, op);
		break;
	case STORE_UPDATE:
		push_update(batch, op);
		break;
	case STORE_END:
		push_end(batch, op);
		break;
	case STORE_SKIP:
		push_skip(batch, op);
		break;
	case STORE_WATERMARK:
		push_watermark(batch, op);
		break;
	case STORE_WORK:
		redis_push_work(rd, op, batch->sid);
		break;
	case STORE_LATE:
		push_late(batch, op);
		break;
	case STORE_ONCE:
		return;
	}
	redis_link_eval(rd->link, &rd->script[script_of(op)], &rd->args);
}

static bool
read_claim(struct batch *batch, const redisReply *reply, struct store_op *op)
{
	bool is_stale;

	if (op->kind == STORE_WORK) {
		if (!redis_read_work_answer(reply, op, &is_stale))
			return false;
		batch->has_expired |= is_stale;
		return true;
	}
	if (!redis_read_claim(reply, op, &is_stale))
		return false;
	batch->has_granted |= op->result == CLAIM_GRANTED;
	batch->has_expired |= is_stale;
	return true;
}

static bool
read_answer(struct batch *batch, const redisReply *reply, struct store_op *op,
    struct err *err)
{
	const redisReply *word = redis_reply_at(reply, 0);
	struct redis *rd = batch->rd;

	op->result = CLAIM_GRANTED;
	if (redis_reply_is(word, "schema"))
		return redis_foreign(rd, reply, err);
	if (op->kind == STORE_LATE)
		return read_late(reply, op) ||
		    redis_reply_bad(rd->link, "a write", err);
	if (op->kind != STORE_BEGIN && op->kind != STORE_WORK &&
	    redis_reply_is(word, "ok")) {
		redis_read_tell(redis_reply_at(reply, 1), op);
		return true;
	}
	if ((op->kind == STORE_SKIP || op->kind == STORE_END) &&
	    redis_reply_is(word, "lost")) {
		op->result = CLAIM_LOST;
		return true;
	}
	if ((op->kind == STORE_BEGIN || op->kind == STORE_UPDATE ||
		op->kind == STORE_WORK) &&
	    read_claim(batch, reply, op))
		return true;
	return redis_reply_bad(rd->link, "a write", err);
}

/* One that cannot be written, whatever is tried, holds up no other. */
static bool
take_answer(struct batch *batch, struct store_op *op, struct err *err)
{
	redisReply *reply;
	bool is_good;

	if (!redis_link_take(batch->rd->link, &reply, err)) {
		op->result = CLAIM_FAILED;
		return err->code == ERR_SYSTEM;
	}
	is_good = read_answer(batch, reply, op, err);
	freeReplyObject(reply);
	return is_good;
}

/*
 * Who leads a run is for those who look after it when its scheduler died, and
 * here that is what sessions are for: it is not worth a round trip.
 */
static bool
is_idle(const struct store_op *op)
{
	return op->kind == STORE_UPDATE && op->done == NULL &&
	    op->record.status == RECORD_RUNNING && op->record.attempt <= 1 &&
	    op->record.leader.pid != 0;
}

static bool
needs_session(const struct store_op *op)
{
	return op->kind == STORE_BEGIN ||
	    (op->kind == STORE_WORK && redis_work_needs_session(op->work));
}

static bool
may_send(struct batch *batch, struct store_op *op)
{
	if (is_idle(op)) {
		op->result = CLAIM_GRANTED;
		return false;
	}
	op->result = CLAIM_FAILED;
	if (op->kind == STORE_ONCE)
		return false; /* asked for and noted by itself */
	if (op->kind == STORE_WORK ? !redis_work_is_fit(op->work)
				   : op->record.job == NULL)
		return false;
	if (!batch->has_session && needs_session(op)) {
		batch->has_expired = true;
		return false;
	}
	return true;
}

/* A grant that too few replicas know of is none yet. */
static bool
wait_replicas(struct batch *batch, struct err *err)
{
	struct redis *rd = batch->rd;
	uint64_t made = redis_link_made(rd->link);
	redisReply *reply;
	int64_t n = 0;
	bool is_good;

	redis_args_clear(&rd->args);
	redis_args_text(&rd->args, "WAIT");
	redis_args_int(&rd->args, rd->limits.min_replicas);
	redis_args_int(&rd->args, WAIT_MS);
	if (!redis_link_call(rd->link, &rd->args, &reply, err))
		return false;
	is_good = redis_reply_int(reply, &n);
	freeReplyObject(reply);
	if (!is_good)
		return redis_reply_bad(rd->link, "WAIT", err);
	if (redis_link_made(rd->link) != made)
		return err_set(err, ERR_UNREACHABLE,
		    "'%s' closed the connection before it said what its "
		    "replicas have",
		    rd->url.shown);
	if (n >= rd->limits.min_replicas)
		return true;
	return err_set(err, ERR_UNREACHABLE,
	    "'%s' has %lld of the %d replicas that a claim needs",
	    rd->url.shown, (long long)n, rd->limits.min_replicas);
}

/* Those from `from` on, as far as one pipeline takes; *next is after them. */
static bool
apply_some(struct batch *batch, size_t from, size_t *next, struct err *err)
{
	struct store_op *sent[REDIS_PIPELINE];
	size_t i, bytes = 0, n = 0;
	bool is_good = true;
	struct err first = { 0 };

	for (i = from;
	     i < batch->n && n < REDIS_PIPELINE && bytes < PIPELINE_BYTES; i++)
		if (may_send(batch, batch->op[i])) {
			push_op(batch, batch->op[i]);
			bytes += batch->rd->args.len;
			sent[n++] = batch->op[i];
		}
	*next = i;
	batch->has_granted = false;
	for (i = 0; i < n; i++)
		if (!take_answer(batch, sent[i], err)) {
			if (is_good)
				first = *err;
			is_good = false;
			if (redis_link_left(batch->rd->link) == 0)
				break;
		}
	if (!is_good)
		*err = first;
	if (!is_good || !batch->has_granted ||
	    batch->rd->limits.min_replicas <= 0)
		return is_good;
	return wait_replicas(batch, err);
}

/* Ask whether a file's batch is known, or note that it is. */
static bool
once(struct batch *batch, struct store_op *op, bool is_done, struct err *err)
{
	struct redis *rd = batch->rd;
	redisReply *reply;
	bool is_good = true;

	redis_args_clear(&rd->args);
	redis_push_ulid(&rd->args, &op->record.id);
	redis_args_text(&rd->args, rd->host);
	push_flag(&rd->args, is_done);
	if (!redis_link_run(
		rd->link, &rd->script[REDIS_ONCE], &rd->args, &reply, err))
		return false;
	if (redis_reply_is(redis_reply_at(reply, 0), "lost"))
		op->result = is_done ? CLAIM_GRANTED : CLAIM_LOST;
	else
		is_good = read_answer(batch, reply, op, err);
	freeReplyObject(reply);
	return is_good;
}

static bool
apply_all(struct batch *batch, struct err *err)
{
	size_t next = 0;

	while (next < batch->n)
		if (!apply_some(batch, next, &next, err))
			return false;
	return !batch->has_expired || redis_expired(batch->rd, err);
}

bool
redis_apply(
    struct store *store, struct store_op **ops, size_t n, struct err *err)
{
	struct batch batch = { .rd = (struct redis *)store, .op = ops, .n = n };
	bool is_once = n > 0 && ops[0]->kind == STORE_ONCE;

	if (!redis_is_ours(batch.rd, err))
		return false;
	batch.has_session = redis_sid(batch.rd, batch.sid);
	if (is_once) {
		if (!once(&batch, ops[0], false, err))
			return false;
		if (ops[0]->result == CLAIM_LOST)
			return true;
	}
	if (!apply_all(&batch, err))
		return false;
	return !is_once || once(&batch, ops[0], true, err);
}
