#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/sha1.h"
#include "lib/store/redis.h"

/*
 * The queue's operations as arguments of their scripts, and what those answer.
 * lua/work.lua tells the keys.
 */

/* So many at a time, since all others wait meanwhile. */
#define REVIVE_AT_ONCE 50
#define CANCEL_AT_ONCE 30
#define FORGET_AT_ONCE 100

static const struct {
	enum redis_lua script;
	/* It is done in the name of a session, which has to live. */
	bool needs_session;
} op_of[] = {
	[WORK_PUT] = { REDIS_WORK_PUT, false },
	[WORK_TAKE] = { REDIS_WORK_TAKE, true },
	[WORK_END] = { REDIS_WORK_END, false },
	[WORK_AGAIN] = { REDIS_WORK_END, false },
	[WORK_RELEASE] = { REDIS_WORK_RELEASE, false },
	[WORK_CANCEL] = { REDIS_WORK_CANCEL, false },
	[WORK_REVIVE] = { REDIS_WORK_REVIVE, false },
	[WORK_PURGE] = { REDIS_WORK_PURGE, false },
};

enum redis_lua
redis_work_script(const struct work_op *op)
{
	return op_of[op->kind].script;
}

bool
redis_work_needs_session(const struct work_op *op)
{
	return op_of[op->kind].needs_session || op->is_running;
}

bool
redis_work_is_fit(const struct work_op *op)
{
	switch (op->kind) {
	case WORK_PUT:
		return op->work.record.job != NULL &&
		    op->work.payload_len <= WORK_PAYLOAD_MAX;
	case WORK_PURGE:
		return op->work.state != WORK_RUNNING;
	case WORK_TAKE:
	case WORK_END:
	case WORK_AGAIN:
	case WORK_RELEASE:
	case WORK_CANCEL:
	case WORK_REVIVE:
		break;
	}
	return true;
}

static void
push_flag(struct redis_args *args, bool flag)
{
	redis_args_text(args, flag ? "1" : "0");
}

/* ---- PUT */

static void
push_unless(
    struct redis_args *args, const char *name, int64_t value, int64_t none)
{
	if (value == none)
		return;
	redis_args_text(args, name);
	redis_args_int(args, value);
}

/* What its hash has from the start, counted. */
static void
push_fields(struct redis_args *args, const struct work *work)
{
	struct record record = work->record; /* borrows its texts */
	struct redis_args fields = { 0 };
	size_t i, begin = 0;

	record.status = RECORD_PENDING;
	record.attempt = 1; /* so that it is no field before there was one */
	record.worker = NULL;
	record.fence = 0;
	if (record.kind == NULL)
		record.kind = (char *)"handler";
	redis_push_record(&fields, &record, false);
	push_unless(&fields, "prio", work->priority, 0);
	push_unless(&fields, "rmax", work->retry_max, -1);
	push_unless(&fields, "rdelay", work->retry_delay_ms, -1);
	push_unless(&fields, "tmo", work->timeout_ms, WORK_TIMEOUT_UNSET);
	redis_args_int(args, (int64_t)fields.n);
	for (i = 0; i < fields.n; i++) {
		redis_args_blob(
		    args, fields.buf + begin, fields.end[i] - begin);
		begin = fields.end[i];
	}
	redis_args_release(&fields);
}

void
redis_push_put(
    struct redis_args *args, const struct work_op *op, const char *sid)
{
	const struct work *work = &op->work;
	char digest[SHA1_TEXT_SIZE] = "";

	if (work->key != NULL)
		sha1_text(work->payload_len > 0 ? work->payload : "",
		    work->payload_len, digest);
	redis_args_text(args, sid);
	redis_push_ulid(args, &work->id);
	redis_args_text(args, work->record.job);
	redis_args_int(args, op->size);
	push_flag(args, op->is_running);
	redis_push_ulid(args, &work->take);
	redis_args_text(args, work->record.worker);
	redis_args_int(args, work->lead_ms);
	redis_args_int(args, op->delay_ms);
	redis_push_ms(args, work->due_ms);
	redis_args_text(args, work->key);
	redis_args_text(args, digest);
	redis_args_blob(args, work->payload, work->payload_len);
	push_fields(args, work);
}

bool
redis_read_put(const redisReply *reply, struct store_op *op)
{
	struct work_op *put = op->work;
	const redisReply *word = redis_reply_at(reply, 0);
	struct ulid id;

	if (!redis_read_ulid(redis_reply_at(reply, 1), &id))
		return false;
	if (redis_reply_is(word, "added")) {
		put->put = WORK_ADDED;
	} else if (redis_reply_is(word, "known")) {
		put->put = WORK_KNOWN;
	} else if (redis_reply_is(word, "differs")) {
		put->put = WORK_DIFFERS;
	} else if (redis_reply_is(word, "full")) {
		put->put = WORK_FULL;
		op->result = CLAIM_FULL;
	} else {
		return false;
	}
	put->work.id = id;
	/* of a new one alone */
	redis_read_state(redis_reply_at(reply, 2), &put->work.state);
	redis_read_ms(redis_reply_at(reply, 3), &put->work.created_ms);
	redis_read_ms(redis_reply_at(reply, 4), &put->work.due_ms);
	return true;
}

/* ---- the others */

static void
push_limits(struct redis *rd, const struct work_op *op)
{
	redis_args_int(&rd->args, rd->limits.keep);
	redis_args_int(&rd->args, rd->limits.max_age_ms);
	push_flag(&rd->args, op->has_history);
}

static void
push_take(struct redis *rd, const struct work_op *op, const char *sid)
{
	struct redis_args *args = &rd->args;
	size_t i;

	push_limits(rd, op);
	redis_args_text(args, sid);
	redis_args_text(args, op->work.record.worker);
	redis_push_ulid(args, &op->take);
	redis_args_int(args, op->most > 0 ? op->most : 0);
	push_flag(args, op->is_reaping);
	redis_args_int(args, op->unknown_ms);
	for (i = 0; i < op->n_want; i++) {
		redis_args_text(args, op->want[i].handler);
		redis_args_int(args, op->want[i].n);
	}
}

static enum work_state
end_state(const struct record *record)
{
	if (record->status == RECORD_COMPLETED)
		return WORK_DONE;
	return record->status == RECORD_CANCELLED ? WORK_CANCELLED
						  : WORK_BURIED;
}

/* Of an end, and of an attempt that another one follows. */
static void
push_end(struct redis *rd, const struct store_op *op)
{
	const struct work_op *work = op->work;
	struct redis_args *args = &rd->args;
	struct record record = work->work.record; /* borrows its texts */
	bool is_end = work->kind == WORK_END;

	if (!is_end)
		record.status = RECORD_PENDING;
	push_limits(rd, work);
	redis_push_ulid(args, &work->work.id);
	redis_push_ulid(args, &work->work.take);
	if (is_end)
		redis_args_text(args, "");
	else
		redis_args_int(args, work->delay_ms);
	redis_args_text(args, work_state_name(end_state(&record)));
	redis_args_text(args, record_status_name(record.status));
	redis_args_int(args, record.duration_ms);
	redis_args_int(args, op->tell_again_ms);
	redis_push_ms(args, record.completed_ms);
	redis_push_output(args, &record);
	redis_push_record(args, &record, false);
}

static void
push_revive(struct redis_args *args, const struct work_op *op)
{
	struct ulid base = op->work.record.id;

	if (op->is_all) {
		base = ulid_make(clock_now_ms());
		redis_args_text(args, "");
	} else {
		redis_push_ulid(args, &op->work.id);
	}
	redis_push_ulid(args, &base);
	redis_args_int(args, REVIVE_AT_ONCE);
}

void
redis_push_work(struct redis *rd, const struct store_op *op, const char *sid)
{
	const struct work_op *work = op->work;
	struct redis_args *args = &rd->args;

	switch (work->kind) {
	case WORK_PUT:
		redis_push_put(args, work, sid);
		return;
	case WORK_TAKE:
		push_take(rd, work, sid);
		return;
	case WORK_END:
	case WORK_AGAIN:
		push_end(rd, op);
		return;
	case WORK_RELEASE:
		push_limits(rd, work);
		redis_push_ulid(args, &work->work.id);
		redis_push_ulid(args, &work->work.take);
		return;
	case WORK_CANCEL:
		push_limits(rd, work);
		redis_push_ulid(args, &work->work.id);
		return;
	case WORK_REVIVE:
		push_revive(args, work);
		return;
	case WORK_PURGE:
		push_limits(rd, work);
		redis_args_text(args, work_state_name(work->work.state));
		redis_args_int(args,
		    work_state_is_final(work->work.state) ? FORGET_AT_ONCE
							  : CANCEL_AT_ONCE);
		return;
	}
}

/* ---- answers */

/* Nil where it is empty. */
static void
read_payload(const redisReply *reply, struct work *work)
{
	const char *bytes = "";
	size_t len = 0;

	redis_reply_text(reply, &bytes, &len);
	work->payload = mem_alloc(len + 1);
	memcpy(work->payload, bytes, len);
	work->payload[len] = '\0';
	work->payload_len = len;
}

/* Ids, fields and, where has_payload, payloads, one after the other. */
static bool
read_works(
    const redisReply *reply, bool has_payload, struct work **works, size_t *n)
{
	size_t step = has_payload ? 3 : 2, i;
	struct work *list = NULL;
	struct ulid id;

	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY)
		return false;
	for (i = 0; i + step <= reply->elements; i += step) {
		struct work work;

		if (!redis_read_ulid(reply->element[i], &id) ||
		    !redis_read_work(reply->element[i + 1], &id, &work))
			continue;
		if (has_payload)
			read_payload(reply->element[i + 2], &work);
		list = mem_grow(list, *n + 1, sizeof *list);
		list[(*n)++] = work;
	}
	*works = list;
	return true;
}

static bool
read_told(const redisReply *reply, struct work_op *op)
{
	size_t i;

	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY)
		return false;
	op->told = mem_zalloc(reply->elements + 1, sizeof *op->told);
	for (i = 0; i < reply->elements; i++)
		if (redis_read_ulid(reply->element[i], &op->told[op->n_told]))
			op->n_told++;
	return true;
}

static bool
read_count(const redisReply *reply, size_t *n)
{
	int64_t value;

	if (!redis_reply_int(reply, &value) || value < 0)
		return false;
	*n = (size_t)value;
	return true;
}

static bool
read_taken(const redisReply *reply, struct work_op *op)
{
	int64_t is_more;

	work_op_forget(op);
	if (!read_works(
		redis_reply_at(reply, 1), true, &op->taken, &op->n_taken) ||
	    !read_works(
		redis_reply_at(reply, 2), false, &op->buried, &op->n_buried) ||
	    !read_count(redis_reply_at(reply, 3), &op->n_returned) ||
	    !read_told(redis_reply_at(reply, 4), op) ||
	    !redis_reply_int(redis_reply_at(reply, 5), &op->next_due_ms) ||
	    !redis_reply_int(redis_reply_at(reply, 6), &is_more))
		return false;
	op->is_more = is_more != 0;
	return true;
}

static bool
read_changed(const redisReply *reply, struct work_op *op)
{
	int64_t is_more;

	if (!read_count(redis_reply_at(reply, 1), &op->n) ||
	    !redis_reply_int(redis_reply_at(reply, 2), &is_more))
		return false;
	op->is_more = is_more != 0;
	return true;
}

/* What was it that could not be done, where it is known. */
static bool
read_lost(const redisReply *reply, struct store_op *op)
{
	op->result = CLAIM_LOST;
	op->work->n = 0;
	redis_read_state(redis_reply_at(reply, 1), &op->work->work.state);
	return true;
}

bool
redis_read_work_answer(
    const redisReply *reply, struct store_op *op, bool *is_stale)
{
	const redisReply *word = redis_reply_at(reply, 0);
	struct work_op *work = op->work;

	*is_stale = redis_reply_is(word, "stale");
	if (*is_stale) {
		op->result = CLAIM_FAILED;
		return true;
	}
	if (work->kind == WORK_PUT)
		return redis_read_put(reply, op);
	if (redis_reply_is(word, "lost"))
		return read_lost(reply, op);
	if (!redis_reply_is(word, "ok"))
		return false;
	switch (work->kind) {
	case WORK_PUT:
	case WORK_AGAIN:
	case WORK_RELEASE:
		return true;
	case WORK_TAKE:
		return read_taken(reply, work);
	case WORK_END:
		redis_read_tell(redis_reply_at(reply, 1), op);
		return true;
	case WORK_CANCEL:
		return redis_read_state(
		    redis_reply_at(reply, 1), &work->work.state);
	case WORK_REVIVE:
	case WORK_PURGE:
		return read_changed(reply, work);
	}
	return false;
}
