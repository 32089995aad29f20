#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/lookup.h"
#include "lib/store/redis.h"

/*
 * Reading the queue. A listing goes through the sets of the states, a page at
 * a time, each page with its work in one answer of a script; it goes on behind
 * the last one that it had, wherever that is by then.
 */
#define PAGE 100

/* What a hash has beside the fields of its record. */
enum type { TYPE_INT, TYPE_MS, TYPE_FLAG, TYPE_ID, TYPE_TEXT, TYPE_STATE };

#define AT(member) offsetof(struct work, member)
static const struct {
	const char *name;
	enum type type;
	size_t at;
} field[] = {
	{ "state", TYPE_STATE, AT(state) },
	{ "key", TYPE_TEXT, AT(key) },
	{ "prio", TYPE_INT, AT(priority) },
	{ "lead", TYPE_MS, AT(lead_ms) },
	{ "made", TYPE_MS, AT(created_ms) },
	{ "due", TYPE_MS, AT(due_ms) },
	{ "n", TYPE_INT, AT(attempts) },
	{ "crashes", TYPE_INT, AT(crashes) },
	{ "rmax", TYPE_INT, AT(retry_max) },
	{ "rdelay", TYPE_MS, AT(retry_delay_ms) },
	{ "tmo", TYPE_MS, AT(timeout_ms) },
	{ "told", TYPE_FLAG, AT(is_told_to_end) },
	{ "take", TYPE_ID, AT(take) },
	{ "run", TYPE_ID, AT(record.id) },
};
#undef AT

bool
redis_read_state(const redisReply *reply, enum work_state *state)
{
	int i;

	for (i = 0; i < WORK_STATES; i++)
		if (redis_reply_is(
			reply, work_state_name((enum work_state)i))) {
			*state = (enum work_state)i;
			return true;
		}
	return false;
}

static bool
read_int(const redisReply *reply, int *to)
{
	int64_t n;

	if (!redis_read_ms(reply, &n) || n < INT_MIN || n > INT_MAX)
		return false;
	*to = (int)n;
	return true;
}

/* False where the value is none of its kind. */
static bool
read_field(const redisReply *reply, size_t i, struct work *work)
{
	void *at = (char *)work + field[i].at;

	switch (field[i].type) {
	case TYPE_INT:
		return read_int(reply, at);
	case TYPE_MS:
		return redis_read_ms(reply, at);
	case TYPE_FLAG:
		*(bool *)at = redis_reply_is(reply, "1");
		return true;
	case TYPE_ID:
		return redis_read_ulid(reply, at);
	case TYPE_TEXT:
		free(*(char **)at);
		*(char **)at = redis_read_text(reply);
		return true;
	case TYPE_STATE:
		return redis_read_state(reply, at);
	}
	return false;
}

/* What goes on now goes before what was known when an attempt ended. */
static void
set_present(struct work *work, int64_t taken_ms)
{
	struct record *r = &work->record;

	work->is_told_to_end &= work->state == WORK_RUNNING;
	if (work_state_is_final(work->state))
		return;
	r->completed_ms = r->retry_at_ms = CLOCK_NONE;
	if (work->attempts == 0) {
		r->attempt = 0;
		r->fence = 0;
		free(r->worker);
		r->worker = NULL;
	}
	if (work->state != WORK_RUNNING) {
		r->status = RECORD_PENDING;
		if (work->attempts > 0)
			r->retry_at_ms = work->due_ms;
		return;
	}
	r->status = RECORD_RUNNING;
	r->attempt = work->attempts;
	if (r->started_ms == CLOCK_NONE)
		r->started_ms = taken_ms;
}

bool
redis_read_work(
    const redisReply *reply, const struct ulid *id, struct work *work)
{
	int64_t taken_ms = CLOCK_NONE;
	bool is_good, has_state = false;
	size_t i, k;

	work_init(work);
	work->id = *id;
	is_good = redis_read_record(reply, id, &work->record);
	for (i = 0; is_good && i + 1 < reply->elements; i += 2) {
		const redisReply *name = reply->element[i],
				 *value = reply->element[i + 1];

		if (redis_reply_is(name, "taken"))
			is_good = redis_read_ms(value, &taken_ms);
		for (k = 0; is_good && k < ARRAY_LEN(field); k++)
			if (redis_reply_is(name, field[k].name)) {
				has_state |= field[k].type == TYPE_STATE;
				is_good = read_field(value, k, work);
			}
	}
	if (is_good && has_state) {
		set_present(work, taken_ms);
		return true;
	}
	work_release(work);
	return false;
}

/* ---- listing */

struct listing {
	struct redis *rd;
	const struct queue_filter *filter;
	queue_fn *each;
	void *data;
	enum work_state state;
	char *after, *score; /* the last one's; NULL: from the first on */
	int left;            /* until the limit; -1: none */
	bool is_over;
};

static void
give(struct listing *list, const redisReply *page)
{
	struct ulid id;
	struct work work;
	size_t i;

	for (i = 0; i + 1 < page->elements && !list->is_over; i += 2) {
		if (!redis_read_ulid(page->element[i], &id) ||
		    !redis_read_work(page->element[i + 1], &id, &work))
			continue;
		if (!list->each(list->data, &work))
			list->is_over = true;
		work_release(&work);
		if (list->left > 0 && --list->left == 0)
			list->is_over = true;
	}
}

/* {"ok", page, member, score}; the last two are nil where nothing follows. */
static bool
take_page(struct listing *list, const redisReply *reply, bool *is_last,
    struct err *err)
{
	const redisReply *page = redis_reply_at(reply, 1);

	if (redis_reply_is(redis_reply_at(reply, 0), "schema"))
		return redis_foreign(list->rd, reply, err);
	if (!redis_reply_is(redis_reply_at(reply, 0), "ok") || page == NULL ||
	    page->type != REDIS_REPLY_ARRAY)
		return redis_reply_bad(list->rd->link, "a listing", err);
	give(list, page);
	free(list->after);
	free(list->score);
	list->after = redis_read_text(redis_reply_at(reply, 2));
	list->score = redis_read_text(redis_reply_at(reply, 3));
	*is_last = list->after == NULL || list->score == NULL;
	return true;
}

static bool
list_page(struct listing *list, bool *is_last, struct err *err)
{
	struct redis *rd = list->rd;
	int most = list->left > 0 && list->left < PAGE ? list->left : PAGE;
	redisReply *reply;
	bool is_good;

	redis_args_clear(&rd->args);
	redis_args_text(&rd->args, work_state_name(list->state));
	redis_args_text(&rd->args, list->filter->handler);
	redis_args_text(
	    &rd->args, work_state_is_final(list->state) ? "1" : "0");
	redis_args_text(&rd->args, list->after);
	redis_args_text(&rd->args, list->score);
	redis_args_int(&rd->args, most);
	if (!redis_link_run(
		rd->link, &rd->script[REDIS_WORK_LIST], &rd->args, &reply, err))
		return false;
	is_good = take_page(list, reply, is_last, err);
	freeReplyObject(reply);
	return is_good;
}

static bool
list_state(struct listing *list, enum work_state state, struct err *err)
{
	bool is_good = true, is_last = false;

	list->state = state;
	while (is_good && !is_last && !list->is_over)
		is_good = list_page(list, &is_last, err);
	free(list->after);
	free(list->score);
	list->after = list->score = NULL;
	return is_good;
}

bool
redis_queue_list(struct store *store, const struct queue_filter *filter,
    queue_fn *each, void *data, struct err *err)
{
	static const enum work_state in_order[] = { WORK_RUNNING, WORK_READY,
		WORK_DELAYED, WORK_BURIED, WORK_DONE, WORK_CANCELLED };
	struct listing list = { .rd = (struct redis *)store,
		.filter = filter,
		.each = each,
		.data = data,
		.left = filter->limit > 0 ? filter->limit : -1 };
	bool is_good = redis_is_ours(list.rd, err);
	size_t i;

	for (i = 0; is_good && i < ARRAY_LEN(in_order); i++) {
		enum work_state state = in_order[i];

		if (filter->has_state
			? state == filter->state
			: !work_state_is_final(state) || state == WORK_BURIED)
			is_good = list_state(&list, state, err);
	}
	return is_good;
}

/* ---- counting */

static bool
count_one(void *data, const struct work *work)
{
	struct queue_counts *counts = data;

	counts->by_state[work->state]++;
	return true;
}

/* Only what is ready is kept by handlers; the others are looked through. */
static bool
count_handler(struct redis *rd, const char *handler,
    struct queue_counts *counts, struct err *err)
{
	struct queue_filter filter = { .handler = handler };
	struct listing list = { .rd = rd,
		.filter = &filter,
		.each = count_one,
		.data = counts,
		.left = -1 };
	bool is_good = true;
	int i;

	for (i = 0; is_good && i < WORK_STATES; i++)
		is_good = list_state(&list, (enum work_state)i, err);
	return is_good;
}

bool
redis_queue_count(struct store *store, const char *handler,
    struct queue_counts *counts, struct err *err)
{
	struct redis *rd = (struct redis *)store;
	redisReply *reply;
	bool is_good = true;
	int i;

	if (!redis_is_ours(rd, err))
		return false;
	if (handler != NULL)
		return count_handler(rd, handler, counts, err);
	for (i = 0; i < WORK_STATES; i++) {
		redis_args_clear(&rd->args);
		redis_args_text(&rd->args, "ZCARD");
		redis_args_key(&rd->args, rd->link, "%s",
		    work_state_name((enum work_state)i));
		redis_link_push(rd->link, &rd->args);
	}
	for (i = 0; i < WORK_STATES; i++) {
		if (!redis_link_take(rd->link, &reply, err)) {
			redis_link_drop(rd->link);
			return false;
		}
		is_good = redis_reply_int(reply, &counts->by_state[i]) &&
		    is_good;
		freeReplyObject(reply);
	}
	return is_good || redis_reply_bad(rd->link, "ZCARD", err);
}

/* ---- finding */

/* {"ok", ID, fields, {head, tail}, ...}: two at most. */
static bool
read_found(struct redis *rd, const redisReply *reply, struct work found[2],
    int *n, struct err *err)
{
	struct ulid id;
	size_t i;

	if (redis_reply_is(redis_reply_at(reply, 0), "schema"))
		return redis_foreign(rd, reply, err);
	if (!redis_reply_is(redis_reply_at(reply, 0), "ok"))
		return redis_reply_bad(rd->link, "a search", err);
	for (i = 1; i + 2 < reply->elements && *n < 2; i += 3) {
		if (!redis_read_ulid(reply->element[i], &id) ||
		    !redis_read_work(reply->element[i + 1], &id, &found[*n]))
			continue;
		redis_read_output(reply->element[i + 2], &found[(*n)++].record);
	}
	return true;
}

static bool
find_between(struct redis *rd, const struct ulid *low, const struct ulid *high,
    bool with_output, struct work found[2], int *n, struct err *err)
{
	redisReply *reply;
	bool is_good;

	redis_args_clear(&rd->args);
	redis_push_ulid(&rd->args, low);
	redis_push_ulid(&rd->args, high);
	redis_args_text(&rd->args, with_output ? "1" : "0");
	if (!redis_link_run(
		rd->link, &rd->script[REDIS_WORK_FIND], &rd->args, &reply, err))
		return false;
	is_good = read_found(rd, reply, found, n, err);
	freeReplyObject(reply);
	return is_good;
}

static bool
is_ambiguous(
    const struct work found[2], int n, const char *prefix, struct err *err)
{
	struct lookup lookup = { .n = n };
	int i;

	for (i = 0; i < n; i++)
		lookup.record[i].id = found[i].id;
	return lookup_is_ambiguous(&lookup, prefix, err);
}

bool
redis_queue_find(struct store *store, const char *prefix, bool with_output,
    struct work *work, bool *found, struct err *err)
{
	struct redis *rd = (struct redis *)store;
	struct work list[2];
	struct ulid low, high;
	bool is_good;
	int n = 0, i;

	if (!redis_is_ours(rd, err))
		return false;
	if (!ulid_range(prefix, &low, &high))
		return true;
	is_good = find_between(rd, &low, &high, with_output, list, &n, err) &&
	    !is_ambiguous(list, n, prefix, err);
	*found = is_good && n == 1;
	if (*found)
		*work = list[0];
	for (i = *found ? 1 : 0; i < n; i++)
		work_release(&list[i]);
	return is_good;
}
