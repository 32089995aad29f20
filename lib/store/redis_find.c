#include <stdlib.h>
#include <string.h>

#include "lib/store/lookup.h"
#include "lib/store/redis.h"

/* One record: by the beginning of its id, or a job's last. */

static bool
read_output(struct redis *rd, struct record *record, struct err *err)
{
	char id[ULID_LEN + 1];
	redisReply *reply;

	ulid_format(&record->id, id);
	redis_args_clear(&rd->args);
	redis_args_text(&rd->args, "HMGET");
	redis_args_key(&rd->args, rd->link, "o:%s", id);
	redis_args_text(&rd->args, "head");
	redis_args_text(&rd->args, "tail");
	if (!redis_link_call(rd->link, &rd->args, &reply, err))
		return false;
	redis_read_output(reply, record);
	freeReplyObject(reply);
	return true;
}

static bool
gather(void *data, const struct record *record)
{
	struct lookup *lookup = data;

	if (lookup->n < 2)
		record_copy(&lookup->record[lookup->n++], record);
	return lookup->n < 2;
}

/* Up to two ids of a set that lie in the range. */
static bool
find_ids(struct redis *rd, const char *set, const struct ulid *low,
    const struct ulid *high, struct ulid *ids, size_t *n, struct err *err)
{
	char id[ULID_LEN + 2] = "[";
	redisReply *reply;
	size_t i;

	redis_args_clear(&rd->args);
	redis_args_text(&rd->args, "ZRANGEBYLEX");
	redis_args_key(&rd->args, rd->link, "%s", set);
	ulid_format(low, id + 1);
	redis_args_text(&rd->args, id);
	ulid_format(high, id + 1);
	redis_args_text(&rd->args, id);
	redis_args_text(&rd->args, "LIMIT");
	redis_args_int(&rd->args, 0);
	redis_args_int(&rd->args, 2);
	if (!redis_link_call(rd->link, &rd->args, &reply, err))
		return false;
	for (i = 0; i < 2; i++)
		if (redis_read_ulid(redis_reply_at(reply, i), &ids[*n]))
			(*n)++;
	freeReplyObject(reply);
	return true;
}

static int
by_id(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ulid));
}

/* In their order, each once; the new count. */
static size_t
sort_ids(struct ulid *ids, size_t n)
{
	size_t i, k = 0;

	qsort(ids, n, sizeof *ids, by_id);
	for (i = 0; i < n; i++)
		if (i == 0 || by_id(&ids[i], &ids[k - 1]) != 0)
			ids[k++] = ids[i];
	return k;
}

bool
redis_find(struct store *store, const char *prefix, bool with_output,
    struct record *record, bool *found, struct err *err)
{
	struct redis *rd = (struct redis *)store;
	struct lookup lookup = { .n = 0 };
	struct ulid low, high, ids[4];
	size_t n = 0;
	bool is_good;

	if (!redis_is_ours(rd, err))
		return false;
	if (!ulid_range(prefix, &low, &high)) {
		*found = false;
		return true;
	}
	is_good = find_ids(rd, "live", &low, &high, ids, &n, err) &&
	    find_ids(rd, "all", &low, &high, ids, &n, err) &&
	    redis_each_record(rd, ids, sort_ids(ids, n), gather, &lookup, err);
	if (is_good && with_output && lookup.n == 1)
		is_good = read_output(rd, &lookup.record[0], err);
	is_good = is_good && !lookup_is_ambiguous(&lookup, prefix, err);
	lookup_give(&lookup, is_good, record, found);
	return is_good;
}

/* The first that was started. */
static bool
gather_started(void *data, const struct record *record)
{
	struct lookup *lookup = data;

	if (record->started_ms == CLOCK_NONE)
		return true;
	record_copy(&lookup->record[lookup->n++], record);
	return false;
}

bool
redis_last(struct store *store, const char *job, struct record *record,
    bool *found, struct err *err)
{
	struct redis *rd = (struct redis *)store;
	struct history_filter filter = {
		.job = job, .since_ms = CLOCK_NONE, .until_ms = CLOCK_NEVER
	};
	struct lookup lookup = { .n = 0 };
	bool is_good = redis_is_ours(rd, err) &&
	    redis_walk(rd, &filter, 1, gather_started, &lookup, err);

	if (is_good && lookup.n > 0)
		is_good = read_output(rd, &lookup.record[0], err);
	lookup_give(&lookup, is_good, record, found);
	return is_good;
}
