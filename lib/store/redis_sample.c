#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/redis.h"

/* The runs kept of a job, for percentiles and for what is since a moment. */

/* In the order asked for. */
enum {
	SAMPLE_STATUS,
	SAMPLE_START,
	SAMPLE_END,
	SAMPLE_TOOK,
	SAMPLE_COUNT,
	SAMPLE_ERROR,
	SAMPLE_FIELDS
};
static const char *const sample_field[SAMPLE_FIELDS] = { "status", "start",
	"end", "took", "count", "error" };

static void
raise_to(int64_t *value, int64_t other)
{
	if (*value < other)
		*value = other;
}

static void
sample_failure(
    const redisReply *error, int64_t end, struct history_sample *sample)
{
	if (end <= sample->last_failure_ms)
		return;
	sample->last_failure_ms = end;
	free(sample->last_error);
	sample->last_error = redis_read_text(error);
}

static void
sample_took(struct history_sample *sample, int64_t took)
{
	sample->duration_ms = mem_grow(
	    sample->duration_ms, sample->n + 1, sizeof *sample->duration_ms);
	sample->duration_ms[sample->n++] = took;
}

/* One that is gone by now, or makes no sense, is none of the sample. */
static void
sample_run(
    const redisReply *reply, int64_t since_ms, struct history_sample *sample)
{
	const redisReply *at[SAMPLE_FIELDS];
	enum record_status status;
	int64_t start, end, took, count;
	size_t i;

	for (i = 0; i < SAMPLE_FIELDS; i++)
		at[i] = redis_reply_at(reply, i);
	if (!redis_read_status(at[SAMPLE_STATUS], &status))
		return;
	start = redis_number_or(at[SAMPLE_START], CLOCK_NONE);
	end = redis_number_or(at[SAMPLE_END], start);
	took = redis_number_or(at[SAMPLE_TOOK], -1);
	count = redis_number_or(at[SAMPLE_COUNT], 1);
	if (since_ms != CLOCK_NONE && end < since_ms)
		return;
	if (count > 0 && sample->by_status[status] <= INT64_MAX - count)
		sample->by_status[status] += count;
	raise_to(&sample->last_execution_ms, start);
	if (status == RECORD_COMPLETED)
		raise_to(&sample->last_success_ms, end);
	else if (status == RECORD_FAILED || status == RECORD_LOST)
		sample_failure(at[SAMPLE_ERROR], end, sample);
	if (took >= 0 &&
	    (status == RECORD_COMPLETED || status == RECORD_FAILED))
		sample_took(sample, took);
}

static bool
sample_some(struct redis *rd, const struct ulid *ids, size_t n,
    int64_t since_ms, struct history_sample *sample, struct err *err)
{
	redisReply *reply;
	size_t i;

	for (i = 0; i < n; i++)
		redis_push_fields(rd, &ids[i], sample_field, SAMPLE_FIELDS);
	for (i = 0; i < n; i++) {
		if (!redis_link_take(rd->link, &reply, err)) {
			redis_link_drop(rd->link);
			return false;
		}
		sample_run(reply, since_ms, sample);
		freeReplyObject(reply);
	}
	return true;
}

/* All ids of one of a job's sets; bounded, since the sets are pruned. */
static bool
sample_set(struct redis *rd, const char *kind, const char *job,
    int64_t since_ms, struct history_sample *sample, struct err *err)
{
	struct ulid *ids = NULL;
	redisReply *reply;
	size_t n = 0, i, end;
	bool is_good = true;

	redis_args_clear(&rd->args);
	redis_args_text(&rd->args, "ZREVRANGE");
	redis_args_key(&rd->args, rd->link, "%s:%s", kind, job);
	redis_args_int(&rd->args, 0);
	redis_args_int(&rd->args, -1);
	if (!redis_link_call(rd->link, &rd->args, &reply, err))
		return false;
	if (reply->type != REDIS_REPLY_ARRAY)
		is_good = redis_reply_bad(rd->link, "ZREVRANGE", err);
	for (i = 0; is_good && i < reply->elements; i++) {
		ids = mem_grow(ids, n + 1, sizeof *ids);
		if (redis_read_ulid(reply->element[i], &ids[n]))
			n++;
	}
	freeReplyObject(reply);
	for (i = 0; is_good && i < n; i = end) {
		end = n - i > REDIS_PIPELINE ? i + REDIS_PIPELINE : n;
		is_good = sample_some(
		    rd, ids + i, end - i, since_ms, sample, err);
	}
	free(ids);
	return is_good;
}

static int
by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

bool
redis_sample(struct store *store, const char *job, int64_t since_ms,
    struct history_sample *sample, struct err *err)
{
	struct redis *rd = (struct redis *)store;
	struct history_sample result = { .last_execution_ms = CLOCK_NONE,
		.last_success_ms = CLOCK_NONE,
		.last_failure_ms = CLOCK_NONE };

	if (!redis_is_ours(rd, err) ||
	    !sample_set(rd, "h", job, since_ms, &result, err) ||
	    !sample_set(rd, "k", job, since_ms, &result, err)) {
		history_sample_release(&result);
		return false;
	}
	if (result.n > 0)
		qsort(result.duration_ms, result.n, sizeof *result.duration_ms,
		    by_size);
	*sample = result;
	return true;
}
