#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/redis.h"

/*
 * What others left behind: the runs of instances whose session is gone. A
 * script settles some at a time and tells of those that are this instance's
 * from then on, again and again until it has used them.
 */
#define REAP_AT_ONCE 100
/* A server that always has more is none to go on with. */
#define REAP_ROUNDS 10000

/* What one answer of the script says. */
struct reaped {
	int64_t lost;
	bool is_more;
	struct ulid *pending, *gone; /* gone: of all answers so far */
	size_t n_pending, n_gone;
};

static bool
read_pending(const redisReply *reply, struct reaped *reaped)
{
	size_t i;

	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY)
		return false;
	free(reaped->pending);
	reaped->pending = mem_zalloc(
	    reply->elements + 1, sizeof *reaped->pending);
	reaped->n_pending = 0;
	for (i = 0; i < reply->elements; i++)
		if (redis_read_ulid(
			reply->element[i], &reaped->pending[reaped->n_pending]))
			reaped->n_pending++;
	return true;
}

static void
read_gone(const redisReply *reply, struct reaped *reaped)
{
	size_t i;

	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY)
		return;
	for (i = 0; i < reply->elements; i++) {
		reaped->gone = mem_grow(
		    reaped->gone, reaped->n_gone + 1, sizeof *reaped->gone);
		if (redis_read_ulid(
			reply->element[i], &reaped->gone[reaped->n_gone]))
			reaped->n_gone++;
	}
}

static void
forget_again(struct store_start *start)
{
	size_t i;

	for (i = 0; i < start->n_again; i++)
		free(start->again[i].job);
	start->n_again = 0;
}

/* Job, id and instant, one after the other. */
static bool
read_again(const redisReply *reply, struct store_start *start)
{
	struct store_again one;
	size_t i;

	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY)
		return false;
	forget_again(start);
	for (i = 0; i + 2 < reply->elements; i += 3) {
		if (!redis_read_ulid(reply->element[i + 1], &one.id) ||
		    !redis_read_ms(reply->element[i + 2], &one.scheduled_ms) ||
		    (one.job = redis_read_text(reply->element[i])) == NULL)
			continue;
		start->again = mem_grow(
		    start->again, start->n_again + 1, sizeof *start->again);
		start->again[start->n_again++] = one;
	}
	return true;
}

static bool
read_reaped(struct redis *rd, const redisReply *reply, struct reaped *reaped,
    struct store_start *start, struct err *err)
{
	const redisReply *word = redis_reply_at(reply, 0);
	int64_t lost, is_more;

	if (redis_reply_is(word, "schema"))
		return redis_foreign(rd, reply, err);
	if (redis_reply_is(word, "stale"))
		return redis_expired(rd, err);
	if (!redis_reply_is(word, "ok") ||
	    !redis_reply_int(redis_reply_at(reply, 1), &lost) ||
	    !redis_reply_int(redis_reply_at(reply, 2), &is_more) ||
	    !read_pending(redis_reply_at(reply, 3), reaped) ||
	    !read_again(redis_reply_at(reply, 4), start))
		return redis_reply_bad(rd->link, "reap", err);
	read_gone(redis_reply_at(reply, 5), reaped);
	reaped->is_more = is_more != 0;
	if (lost > 0)
		start->lost += (size_t)lost;
	return true;
}

static bool
reap_some(struct redis *rd, const char *sid, struct reaped *reaped,
    struct store_start *start, struct err *err)
{
	redisReply *reply;
	bool is_good;

	redis_args_clear(&rd->args);
	redis_args_int(&rd->args, rd->limits.keep);
	redis_args_text(&rd->args, sid);
	redis_args_int(&rd->args, REAP_AT_ONCE);
	if (!redis_link_run(
		rd->link, &rd->script[REDIS_REAP], &rd->args, &reply, err))
		return false;
	is_good = read_reaped(rd, reply, reaped, start, err);
	freeReplyObject(reply);
	return is_good;
}

static bool
was_told(const struct redis *rd, const struct ulid *id)
{
	size_t i;

	for (i = 0; i < rd->n_told; i++)
		if (memcmp(&rd->told[i], id, sizeof *id) == 0)
			return true;
	return false;
}

/* Those of this answer that are new; the others need not be known any more. */
static struct ulid *
find_new(struct redis *rd, const struct reaped *reaped, size_t *n)
{
	struct ulid *list = mem_zalloc(reaped->n_pending + 1, sizeof *list);
	size_t i;

	*n = 0;
	for (i = 0; i < reaped->n_pending; i++)
		if (!was_told(rd, &reaped->pending[i]))
			list[(*n)++] = reaped->pending[i];
	return list;
}

struct adoption {
	struct store_start *start;
	const struct identity *self;
};

static bool
adopt(void *data, const struct record *record)
{
	struct adoption *adoption = data;
	struct store_start *start = adoption->start;
	struct record *to;

	if (record->status != RECORD_PENDING)
		return true;
	start->pending = mem_grow(
	    start->pending, start->n_pending + 1, sizeof *start->pending);
	to = &start->pending[start->n_pending++];
	record_copy(to, record);
	to->owner = *adoption->self;
	return true;
}

static bool
add_gone(void *data, const struct record *record)
{
	if (record->status == RECORD_LOST)
		store_start_add_gone(data, record);
	return true;
}

static bool
read_adopted(struct redis *rd, struct reaped *reaped, struct store_start *start,
    struct err *err)
{
	struct adoption adoption = { start, &rd->self };
	size_t n;
	struct ulid *list = find_new(rd, reaped, &n);
	bool is_good = redis_each_record(rd, list, n, adopt, &adoption, err);

	free(list);
	if (!is_good)
		return false;
	free(rd->told);
	rd->told = reaped->pending;
	rd->n_told = reaped->n_pending;
	reaped->pending = NULL;
	return true;
}

static bool
reap(struct redis *rd, const char *sid, struct store_start *start,
    struct err *err)
{
	struct reaped reaped = { .is_more = true };
	bool is_good = true;
	int i;

	for (i = 0; is_good && reaped.is_more && i < REAP_ROUNDS; i++)
		is_good = reap_some(rd, sid, &reaped, start, err);
	is_good = is_good && read_adopted(rd, &reaped, start, err) &&
	    redis_each_record(
		rd, reaped.gone, reaped.n_gone, add_gone, start, err);
	free(reaped.pending);
	free(reaped.gone);
	return is_good;
}

bool
redis_reap(struct store *store, int64_t now_ms, struct store_start *start,
    struct err *err)
{
	struct redis *rd = (struct redis *)store;
	char sid[ULID_LEN + 1];

	(void)now_ms; /* it is the server's clock that says */
	if (!redis_is_ours(rd, err))
		return false;
	if (!redis_sid(rd, sid))
		return redis_expired(rd, err);
	return reap(rd, sid, start, err);
}

static bool
read_watermarks(struct redis *rd, struct store_start *start, struct err *err)
{
	struct history_job *jobs;
	size_t n, i;

	if (!redis_jobs(&rd->store, NULL, &jobs, &n, err))
		return false;
	start->job = mem_zalloc(n + 1, sizeof *start->job);
	for (i = 0; i < n; i++) {
		start->job[i].name = mem_strdup(jobs[i].name);
		start->job[i].watermark_ms = jobs[i].watermark_ms;
	}
	start->jobs = n;
	history_jobs_release(jobs, n);
	return true;
}

bool
redis_take_over(struct store *store, const struct identity *self,
    int64_t now_ms, struct store_start *start, struct err *err)
{
	struct redis *rd = (struct redis *)store;
	char sid[ULID_LEN + 1] = "";

	(void)now_ms;
	if (!redis_is_ours(rd, err))
		return false;
	if (self != NULL && !redis_sid(rd, sid))
		return redis_expired(rd, err);
	return reap(rd, sid, start, err) && read_watermarks(rd, start, err);
}
