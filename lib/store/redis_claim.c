#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/redis.h"

/* What lua/begin.lua answers, and what ends do. */

/* "FROM:TO FROM:TO ..." */
static bool
read_gaps(const redisReply *reply, struct store_op *op)
{
	const char *text, *end, *colon;
	size_t len, n;

	if (!redis_reply_text(reply, &text, &len))
		return false;
	free(op->gaps);
	op->gaps = mem_zalloc(STORE_GAPS, sizeof *op->gaps);
	for (op->n_gaps = 0; len > 0 && op->n_gaps < STORE_GAPS;) {
		struct store_gap *gap = &op->gaps[op->n_gaps];

		end = memchr(text, ' ', len);
		n = end != NULL ? (size_t)(end - text) : len;
		colon = memchr(text, ':', n);
		if (colon == NULL ||
		    !redis_read_number(
			text, (size_t)(colon - text), &gap->from_ms) ||
		    !redis_read_number(
			colon + 1, n - (size_t)(colon - text) - 1, &gap->to_ms))
			return false;
		op->n_gaps++;
		n += end != NULL ? 1 : 0;
		text += n;
		len -= n;
	}
	return true;
}

static bool
read_grant(const redisReply *reply, struct store_op *op)
{
	int64_t fence, now, differs, is_reset;

	if (!redis_reply_int(redis_reply_at(reply, 1), &fence) ||
	    !redis_reply_int(redis_reply_at(reply, 2), &now) ||
	    !redis_reply_int(redis_reply_at(reply, 3), &differs) ||
	    !redis_reply_int(redis_reply_at(reply, 4), &is_reset) ||
	    !read_gaps(redis_reply_at(reply, 5), op))
		return false;
	op->result = CLAIM_GRANTED;
	op->record.fence = (uint64_t)fence;
	op->store_ms = op->is_shared ? now : CLOCK_NONE;
	op->differs = differs != 0;
	op->is_reset = is_reset != 0;
	return true;
}

static bool
read_early(const redisReply *reply, struct store_op *op)
{
	if (!redis_reply_int(reply, &op->store_ms) || op->store_ms < 0)
		return false;
	op->result = CLAIM_EARLY;
	op->wait_ms = op->record.scheduled_ms > op->store_ms
	    ? op->record.scheduled_ms - op->store_ms
	    : 0;
	return true;
}

bool
redis_read_claim(const redisReply *reply, struct store_op *op, bool *is_stale)
{
	const redisReply *word = redis_reply_at(reply, 0),
			 *what = redis_reply_at(reply, 1);

	*is_stale = false;
	if (redis_reply_is(word, "granted"))
		return read_grant(reply, op);
	if (redis_reply_is(word, "lost")) {
		op->result = CLAIM_LOST;
		return true;
	}
	if (redis_reply_is(word, "early"))
		return read_early(what, op);
	if (redis_reply_is(word, "blocked")) {
		op->result = CLAIM_BLOCKED;
		return redis_read_ulid(what, &op->blocker);
	}
	if (redis_reply_is(word, "locked")) {
		op->result = CLAIM_LOCKED;
		free(op->holder);
		op->holder = redis_read_text(what);
		return op->holder != NULL;
	}
	if (redis_reply_is(word, "full") && op->work != NULL) {
		op->work->put = WORK_FULL;
		op->result = CLAIM_FULL;
		return true;
	}
	op->result = CLAIM_FAILED;
	*is_stale = redis_reply_is(word, "stale");
	return *is_stale;
}

void
redis_read_tell(const redisReply *reply, struct store_op *op)
{
	const char *text;
	int64_t failures;
	size_t len;

	op->is_telling = false;
	op->failures = -1;
	if (!redis_reply_text(reply, &text, &len) || len < 3 ||
	    !redis_read_number(text + 2, len - 2, &failures))
		return;
	op->is_telling = text[0] == '1';
	op->failures = failures;
}
