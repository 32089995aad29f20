#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/lookup.h"
#include "lib/store/redis.h"

/*
 * Reading. Ids lie in sorted sets, each in their order: a listing takes pages
 * of those that it needs, merges them newest first, and asks for the records
 * in one pipeline. What lives is asked for before what has ended, so that a run
 * that ends meanwhile is met twice rather than never, and given once.
 */

/* A sorted set, newest first, a page at a time. */
struct source {
	char *key;
	struct ulid id[REDIS_PIPELINE];
	size_t n, at;
	struct ulid below; /* the page after this one is of lesser ids */
	bool has_begun, is_over;
};

#define SOURCES 3
struct listing {
	struct redis *rd;
	const struct history_filter *filter;
	history_fn *each;
	void *data;
	struct ulid from; /* ids that are less are not asked for */
	bool has_from;
	struct source *source;
	size_t sources;
	size_t page;
	int left;       /* until the limit; -1: none */
	bool only_live; /* nothing that has ended */
	bool is_over;
};

static void
push_hgetall(struct redis *rd, const struct ulid *id)
{
	char text[ULID_LEN + 1];

	ulid_format(id, text);
	redis_args_clear(&rd->args);
	redis_args_text(&rd->args, "HGETALL");
	redis_args_key(&rd->args, rd->link, "r:%s", text);
	redis_link_push(rd->link, &rd->args);
}

/* All replies of a pipeline are taken, though nobody wants them any more. */
static bool
take_record(struct redis *rd, const struct ulid *id, history_fn *each,
    void *data, bool *is_wanted, struct err *err)
{
	struct record record;
	redisReply *reply;

	if (!redis_link_take(rd->link, &reply, err))
		return false;
	if (*is_wanted && redis_read_record(reply, id, &record)) {
		*is_wanted = each(data, &record);
		record_release(&record);
	}
	freeReplyObject(reply);
	return true;
}

bool
redis_each_record(struct redis *rd, const struct ulid *id, size_t n,
    history_fn *each, void *data, struct err *err)
{
	bool is_wanted = true;
	size_t i, k, end;

	for (i = 0; i < n && is_wanted; i = end) {
		end = n - i > REDIS_PIPELINE ? i + REDIS_PIPELINE : n;
		for (k = i; k < end; k++)
			push_hgetall(rd, &id[k]);
		for (k = i; k < end; k++)
			if (!take_record(
				rd, &id[k], each, data, &is_wanted, err)) {
				redis_link_drop(rd->link);
				return false;
			}
	}
	return true;
}

static bool
give(void *data, const struct record *record)
{
	struct listing *list = data;

	if (!lookup_holds(list->filter, record))
		return true;
	if (!list->each(list->data, record))
		list->is_over = true;
	if (list->left > 0 && --list->left == 0)
		list->is_over = true;
	return !list->is_over;
}

static void
push_page(struct listing *list, const struct source *source)
{
	struct redis_args *args = &list->rd->args;
	char id[ULID_LEN + 2] = "(";

	redis_args_clear(args);
	redis_args_text(args, "ZREVRANGEBYLEX");
	redis_args_key(args, list->rd->link, "%s", source->key);
	ulid_format(&source->below, id + 1);
	redis_args_text(args, source->has_begun ? id : "+");
	id[0] = '[';
	ulid_format(&list->from, id + 1);
	redis_args_text(args, list->has_from ? id : "-");
	redis_args_text(args, "LIMIT");
	redis_args_int(args, 0);
	redis_args_int(args, (int64_t)list->page);
	redis_link_push(list->rd->link, args);
}

/* What is no id is passed over. */
static bool
take_page(struct listing *list, struct source *source, struct err *err)
{
	redisReply *reply;
	size_t i;

	if (!redis_link_take(list->rd->link, &reply, err))
		return false;
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements > list->page) {
		freeReplyObject(reply);
		return redis_reply_bad(list->rd->link, "ZREVRANGEBYLEX", err);
	}
	source->n = source->at = 0;
	for (i = 0; i < reply->elements; i++)
		if (redis_read_ulid(reply->element[i], &source->id[source->n]))
			source->n++;
	source->is_over = reply->elements < list->page || source->n == 0;
	if (source->n > 0)
		source->below = source->id[source->n - 1];
	source->has_begun = true;
	freeReplyObject(reply);
	return true;
}

static bool
is_empty(const struct source *source)
{
	return source->at == source->n && !source->is_over;
}

static bool
fill(struct listing *list, struct err *err)
{
	bool is_asked[SOURCES] = { false };
	size_t i;

	for (i = 0; i < list->sources; i++)
		if (is_empty(&list->source[i])) {
			push_page(list, &list->source[i]);
			is_asked[i] = true;
		}
	for (i = 0; i < list->sources; i++)
		if (is_asked[i] && !take_page(list, &list->source[i], err)) {
			redis_link_drop(list->rd->link);
			return false;
		}
	return true;
}

/* The newest of the heads, taken from all that have it; false: a page is due. */
static bool
next_id(struct listing *list, struct ulid *id)
{
	const struct ulid *newest = NULL;
	size_t i;

	for (i = 0; i < list->sources; i++) {
		struct source *source = &list->source[i];

		if (is_empty(source))
			return false;
		if (source->at < source->n &&
		    (newest == NULL ||
			memcmp(newest, &source->id[source->at],
			    sizeof *newest) < 0))
			newest = &source->id[source->at];
	}
	if (newest == NULL)
		return false;
	*id = *newest;
	for (i = 0; i < list->sources; i++) {
		struct source *source = &list->source[i];

		if (source->at < source->n &&
		    memcmp(id, &source->id[source->at], sizeof *id) == 0)
			source->at++;
	}
	return true;
}

static bool
is_done(const struct listing *list)
{
	size_t i;

	for (i = 0; i < list->sources; i++)
		if (list->source[i].at < list->source[i].n ||
		    !list->source[i].is_over)
			return false;
	return true;
}

static bool
merge(struct listing *list, struct err *err)
{
	struct ulid *ids = mem_alloc(REDIS_PIPELINE * sizeof *ids);
	bool is_good = true;
	size_t n;

	while (is_good && !list->is_over && !is_done(list)) {
		is_good = fill(list, err);
		for (n = 0;
		     is_good && n < list->page && next_id(list, &ids[n]);)
			n++;
		if (is_good)
			is_good = redis_each_record(
			    list->rd, ids, n, give, list, err);
		/* What is looked for may be rare. */
		list->page = list->page * 2 < REDIS_PIPELINE ? list->page * 2
							     : REDIS_PIPELINE;
	}
	free(ids);
	return is_good;
}

static void
add_source(struct listing *list, const char *kind, const char *job)
{
	struct source *source = &list->source[list->sources++];

	source->key = job != NULL ? mem_printf("%s:%s", kind, job)
				  : mem_strdup(kind);
}

/* The sets where such records are. */
static void
add_sources(struct listing *list)
{
	const struct history_filter *f = list->filter;
	bool has_live = !f->has_status || !record_status_is_final(f->status);
	bool has_final = !list->only_live &&
	    (!f->has_status || record_status_is_final(f->status));
	bool has_skips = has_final &&
	    (!f->has_status || f->status == RECORD_SKIPPED);
	bool has_runs = has_final &&
	    (!f->has_status || f->status != RECORD_SKIPPED);

	if (has_live)
		add_source(list, f->job != NULL ? "v" : "live", f->job);
	if (f->job == NULL) {
		if (has_final)
			add_source(list, "all", NULL);
		return;
	}
	if (has_runs)
		add_source(list, "h", f->job);
	if (has_skips)
		add_source(list, "k", f->job);
}

static bool
list_sources(struct listing *list, struct err *err)
{
	bool is_good;
	size_t i;

	list->source = mem_zalloc(SOURCES, sizeof *list->source);
	list->sources = 0;
	add_sources(list);
	is_good = merge(list, err);
	for (i = 0; i < list->sources; i++)
		free(list->source[i].key);
	free(list->source);
	return is_good;
}

/* Skips with ids below the bound; a record of many may end long after it. */
static bool
list_old_skips(struct listing *list, const char *job, struct err *err)
{
	struct history_filter filter = *list->filter;
	const struct history_filter *given = list->filter;
	struct ulid from = list->from;
	bool is_good;

	filter.job = job;
	filter.has_status = true;
	filter.status = RECORD_SKIPPED;
	list->filter = &filter;
	list->source = mem_zalloc(SOURCES, sizeof *list->source);
	list->sources = 0;
	add_source(list, "k", job);
	list->source[0].below = from;
	list->source[0].has_begun = true;
	list->has_from = false;
	is_good = merge(list, err);
	list->has_from = true;
	free(list->source[0].key);
	free(list->source);
	list->filter = given;
	return is_good;
}

static bool
list_long_skips(struct listing *list, struct err *err)
{
	const struct history_filter *filter = list->filter;
	bool is_good = true;
	char **names = NULL;
	size_t n = 0, i;

	if (list->is_over || !list->has_from ||
	    (filter->has_status && filter->status != RECORD_SKIPPED))
		return true;
	if (filter->job != NULL)
		return list_old_skips(list, filter->job, err);
	if (!redis_job_names(list->rd, &names, &n, err))
		return false;
	for (i = 0; is_good && i < n && !list->is_over; i++)
		is_good = list_old_skips(list, names[i], err);
	redis_job_names_free(names, n);
	return is_good;
}

bool
redis_list(struct store *store, const struct history_filter *filter,
    history_fn *each, void *data, struct err *err)
{
	struct listing list = { .rd = (struct redis *)store,
		.filter = filter,
		.each = each,
		.data = data,
		.page = REDIS_PIPELINE,
		.left = -1 };

	if (!redis_is_ours(list.rd, err))
		return false;
	if (filter->limit > 0)
		list.left = filter->limit;
	if (filter->limit > 0 && filter->limit < REDIS_PIPELINE)
		list.page = (size_t)filter->limit;
	list.has_from = lookup_bound(list.filter, &list.from);
	return list_sources(&list, err) && list_long_skips(&list, err);
}

bool
redis_walk(struct redis *rd, const struct history_filter *filter, size_t page,
    history_fn *each, void *data, struct err *err)
{
	struct listing list = { .rd = rd,
		.filter = filter,
		.each = each,
		.data = data,
		.page = page,
		.left = -1 };

	return list_sources(&list, err);
}

bool
redis_each_live(struct redis *rd, const char *job, history_fn *each, void *data,
    struct err *err)
{
	struct history_filter filter = {
		.job = job, .since_ms = CLOCK_NONE, .until_ms = CLOCK_NEVER
	};
	struct listing list = { .rd = rd,
		.filter = &filter,
		.each = each,
		.data = data,
		.page = REDIS_PIPELINE,
		.left = -1,
		.only_live = true };

	return list_sources(&list, err);
}
