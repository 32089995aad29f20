#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/store/redis.h"

extern const char begin_lua[], update_lua[], end_lua[], skip_lua[],
    watermark_lua[], once_lua[], late_lua[], reap_lua[], work_put_lua[],
    work_take_lua[], work_end_lua[], work_release_lua[], work_cancel_lua[],
    work_revive_lua[], work_purge_lua[], work_list_lua[], work_find_lua[];

static const char *const lua[REDIS_SCRIPTS] = {
	[REDIS_BEGIN] = begin_lua,
	[REDIS_UPDATE] = update_lua,
	[REDIS_END] = end_lua,
	[REDIS_SKIP] = skip_lua,
	[REDIS_WATERMARK] = watermark_lua,
	[REDIS_ONCE] = once_lua,
	[REDIS_LATE] = late_lua,
	[REDIS_REAP] = reap_lua,
	[REDIS_WORK_PUT] = work_put_lua,
	[REDIS_WORK_TAKE] = work_take_lua,
	[REDIS_WORK_END] = work_end_lua,
	[REDIS_WORK_RELEASE] = work_release_lua,
	[REDIS_WORK_CANCEL] = work_cancel_lua,
	[REDIS_WORK_REVIVE] = work_revive_lua,
	[REDIS_WORK_PURGE] = work_purge_lua,
	[REDIS_WORK_LIST] = work_list_lua,
	[REDIS_WORK_FIND] = work_find_lua,
};

static void
redis_close(struct store *store)
{
	struct redis *rd = (struct redis *)store;

	redis_link_free(rd->link);
	redis_url_release(&rd->url);
	redis_args_release(&rd->args);
	free(rd->host);
	free(rd->told);
	free(rd);
}

static void
redis_rest(struct store *store)
{
	struct redis *rd = (struct redis *)store;

	redis_args_release(&rd->args);
	mem_trim();
}

static void
redis_bind(struct store *store, const struct store_session *session)
{
	struct redis *rd = (struct redis *)store;

	rd->session = *session;
}

static const struct store_ops redis_ops = {
	.close = redis_close,
	.apply = redis_apply,
	.rest = redis_rest,
	.take_over = redis_take_over,
	.reap = redis_reap,
	.bind = redis_bind,
	.list = redis_list,
	.find = redis_find,
	.last = redis_last,
	.jobs = redis_jobs,
	.sample = redis_sample,
	.queue_list = redis_queue_list,
	.queue_count = redis_queue_count,
	.queue_find = redis_queue_find,
};

bool
redis_is_ours(struct redis *rd, struct err *err)
{
	if (rd->pid == getpid())
		return true;
	return err_set(err, ERR_UNREACHABLE,
	    "the store was opened by another process, %d", (int)rd->pid);
}

bool
redis_sid(struct redis *rd, char sid[ULID_LEN + 1])
{
	struct ulid id;

	sid[0] = '\0';
	if (rd->session.current == NULL)
		return true;
	if (!rd->session.current(rd->session.data, &id))
		return false;
	ulid_format(&id, sid);
	return true;
}

bool
redis_expired(struct redis *rd, struct err *err)
{
	return err_set(err, ERR_UNREACHABLE,
	    "the session with '%s' has expired", rd->url.shown);
}

static bool
refuse_schema(struct redis *rd, const redisReply *schema, struct err *err)
{
	char *text = redis_read_text(schema);

	err_set(err, ERR_CONFIG,
	    "'%s' has schema '%s', and this wjobs knows " REDIS_SCHEMA
	    ": it is used by another version of wjobs",
	    rd->url.shown, text != NULL ? text : "?");
	free(text);
	return false;
}

bool
redis_foreign(struct redis *rd, const redisReply *reply, struct err *err)
{
	return refuse_schema(rd, redis_reply_at(reply, 1), err);
}

static bool
ask_schema(struct redis *rd, redisReply **reply, struct err *err)
{
	redis_args_clear(&rd->args);
	redis_args_text(&rd->args, "HGET");
	redis_args_key(&rd->args, rd->link, "meta");
	redis_args_text(&rd->args, "schema");
	return redis_link_call(rd->link, &rd->args, reply, err);
}

/* Of two that come first at once, one signs, and both sign the same. */
static bool
sign_schema(struct redis *rd, struct err *err)
{
	redisReply *reply;

	redis_args_clear(&rd->args);
	redis_args_text(&rd->args, "HSETNX");
	redis_args_key(&rd->args, rd->link, "meta");
	redis_args_text(&rd->args, "schema");
	redis_args_text(&rd->args, REDIS_SCHEMA);
	if (!redis_link_call(rd->link, &rd->args, &reply, err))
		return false;
	freeReplyObject(reply);
	return true;
}

static enum store_opened
check_schema(struct redis *rd, enum store_mode mode, struct err *err)
{
	enum store_opened opened = STORE_FAILED;
	redisReply *reply;

	if (!ask_schema(rd, &reply, err))
		return STORE_FAILED;
	if (reply->type == REDIS_REPLY_NIL)
		opened = mode == STORE_READ ? STORE_ABSENT
		    : sign_schema(rd, err)  ? STORE_OPENED
					    : STORE_FAILED;
	else if (redis_reply_is(reply, REDIS_SCHEMA))
		opened = STORE_OPENED;
	else
		refuse_schema(rd, reply, err);
	freeReplyObject(reply);
	return opened;
}

static char *
host_name(void)
{
	char name[256] = "";

	if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0')
		return mem_strdup("localhost");
	return mem_strdup(name);
}

enum store_opened
redis_open(const char *where, enum store_mode mode, struct store_limits limits,
    struct store **store, char **note, struct err *err)
{
	struct redis_url url;
	enum store_opened opened;
	struct redis *rd;
	int i;

	if (!redis_url_parse(where, &url, err))
		return STORE_FAILED;
	rd = mem_zalloc(1, sizeof *rd);
	rd->store.ops = &redis_ops;
	rd->url = url;
	rd->link = redis_link_new(&rd->url, "wjobs");
	for (i = 0; i < REDIS_SCRIPTS; i++)
		rd->script[i].text = lua[i];
	rd->pid = getpid();
	rd->host = host_name();
	identity_self(&rd->self);
	rd->limits = limits;
	opened = check_schema(rd, mode, err);
	if (opened != STORE_OPENED) {
		redis_close(&rd->store);
		return opened;
	}
	if (note != NULL && mode != STORE_READ)
		*note = redis_link_note(rd->link);
	*store = &rd->store;
	return STORE_OPENED;
}
