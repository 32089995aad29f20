#include "lib/store/redis_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"

extern const char session_open_lua[], session_note_lua[], session_close_lua[];

/* Used by threads of their own, so nothing of it is shared. */
struct redis_session {
	struct session_store store; /* first */
	struct redis_url url;
	char *where;
	struct store_limits limits;
	struct redis_link *link;
	struct store *reaped; /* NULL: not open yet */
	struct redis_script open, note, close;
	struct redis_args args;
};

bool
redis_session_is_ok(const struct redis_link *link, const redisReply *reply,
    const char *what, struct err *err)
{
	const char *word, *schema;
	size_t len;

	if (!redis_reply_text(redis_reply_at(reply, 0), &word, &len))
		return redis_reply_bad(link, what, err);
	if (strcmp(word, "ok") == 0)
		return true;
	if (strcmp(word, "schema") == 0 &&
	    redis_reply_text(redis_reply_at(reply, 1), &schema, &len))
		return err_set(err, ERR_CONFIG,
		    "'%s' was written by another version of wjobs (schema "
		    "%.20s, not 1)",
		    redis_link_url(link)->shown, schema);
	return redis_reply_bad(link, what, err);
}

/* Opening */

static void
add_field(struct redis_args *args, const char *name, const char *value)
{
	redis_args_text(args, name);
	redis_args_text(args, value);
}

static void
add_number(struct redis_args *args, const char *name, int64_t value)
{
	redis_args_text(args, name);
	redis_args_int(args, value);
}

static void
add_self(struct redis_args *args, const struct session_self *self)
{
	char host[256] = "localhost", space[64];

	if (gethostname(host, sizeof host - 1) != 0)
		snprintf(host, sizeof host, "localhost");
	instance_pid_space(space, sizeof space);
	add_field(args, "kind", instance_kind_name(self->kind));
	add_field(args, "worker", self->worker);
	add_field(args, "host", host);
	add_number(args, "pid", self->process.pid);
	add_number(args, "start", (int64_t)self->process.start_ticks);
	add_field(args, "boot", self->process.boot_id);
	add_field(args, "pidns", space);
	add_field(args, "version", self->version);
	add_number(args, "since", self->since_ms);
}

/*
 * One of this machine whose process is gone: it cannot speak for itself, and
 * nobody need wait for its time to run out.
 */
static bool
is_over(const struct instance *other)
{
	struct identity self;
	char space[64];

	identity_self(&self);
	instance_pid_space(space, sizeof space);
	return space[0] != '\0' && other->pid_space != NULL &&
	    strcmp(other->pid_space, space) == 0 && self.boot_id[0] != '\0' &&
	    strcmp(other->process.boot_id, self.boot_id) == 0 &&
	    !identity_is_alive(&other->process);
}

static void
add_id(struct redis_args *args, const struct ulid *id)
{
	char text[ULID_LEN + 1];

	ulid_format(id, text);
	redis_args_text(args, text);
}

static void
add_over(struct redis_args *args, const struct instance *list, size_t n,
    const struct ulid *old)
{
	int64_t over = old != NULL;
	size_t i;

	for (i = 0; i < n; i++)
		over += is_over(&list[i]);
	redis_args_int(args, over);
	if (old != NULL)
		add_id(args, old);
	for (i = 0; i < n; i++)
		if (is_over(&list[i]))
			add_id(args, &list[i].session);
}

static bool
session_run_open(
    struct redis_session *rs, struct session_reply *reply, struct err *err)
{
	redisReply *answer;
	int64_t others, now;
	bool is_good;

	if (!redis_link_run(rs->link, &rs->open, &rs->args, &answer, err))
		return false;
	is_good = redis_session_is_ok(rs->link, answer, "a session", err);
	if (is_good &&
	    (!redis_reply_int(redis_reply_at(answer, 1), &others) ||
		!redis_reply_int(redis_reply_at(answer, 2), &now)))
		is_good = redis_reply_bad(rs->link, "a session", err);
	if (is_good)
		*reply = (struct session_reply){ (int)others, now };
	freeReplyObject(answer);
	return is_good;
}

static bool
redis_session_open(struct session_store *store, const struct session_self *self,
    const struct ulid *id, const struct ulid *old, int64_t ttl_ms,
    struct session_reply *reply, struct err *err)
{
	struct redis_session *rs = (struct redis_session *)store;
	struct instance *list;
	size_t n;

	if (!redis_session_list(rs->link, 0, &list, &n, err))
		return false;
	redis_args_clear(&rs->args);
	add_id(&rs->args, id);
	redis_args_int(&rs->args, ttl_ms);
	add_over(&rs->args, list, n, old);
	add_self(&rs->args, self);
	instances_release(list, n);
	return session_run_open(rs, reply, err);
}

/* Renewing */

static void
push_expire(struct redis_session *rs, const struct ulid *id, int64_t ttl_ms)
{
	char text[ULID_LEN + 1];

	ulid_format(id, text);
	redis_args_clear(&rs->args);
	redis_args_text(&rs->args, "PEXPIRE");
	redis_args_key(&rs->args, rs->link, "s:%s", text);
	redis_args_int(&rs->args, ttl_ms);
	redis_link_push(rs->link, &rs->args);
}

static bool
reply_number(const redisReply *reply, size_t i, int64_t *n)
{
	const char *text;
	size_t len;

	if (!redis_reply_text(redis_reply_at(reply, i), &text, &len))
		return false;
	*n = strtoll(text, NULL, 10);
	return true;
}

/* Seconds and microseconds. */
static bool
take_time(struct redis_session *rs, int64_t *ms, struct err *err)
{
	redisReply *answer;
	int64_t s, us;
	bool is_good;

	if (!redis_link_take(rs->link, &answer, err))
		return false;
	is_good = reply_number(answer, 0, &s) && reply_number(answer, 1, &us);
	if (is_good)
		*ms = s * 1000 + us / 1000;
	freeReplyObject(answer);
	return is_good || redis_reply_bad(rs->link, "TIME", err);
}

/*
 * A PEXPIRE and not a SET, which a server refuses when its memory is full. Both
 * replies are taken whatever the first one is.
 */
static enum session_answer
redis_session_renew(struct session_store *store, const struct ulid *id,
    int64_t ttl_ms, struct session_reply *reply, struct err *err)
{
	struct redis_session *rs = (struct redis_session *)store;
	redisReply *answer;
	int64_t is_there = 0;
	bool is_good;

	push_expire(rs, id, ttl_ms);
	redis_args_clear(&rs->args);
	redis_args_text(&rs->args, "TIME");
	redis_link_push(rs->link, &rs->args);
	if (!redis_link_take(rs->link, &answer, err)) {
		redis_link_drop(rs->link);
		return SESSION_FAILED;
	}
	is_good = redis_reply_int(answer, &is_there) ||
	    redis_reply_bad(rs->link, "PEXPIRE", err);
	freeReplyObject(answer);
	if (!take_time(rs, &reply->store_ms, err) || !is_good) {
		redis_link_drop(rs->link);
		return SESSION_FAILED;
	}
	return is_there == 1 ? SESSION_ALIVE : SESSION_GONE;
}

static bool
redis_session_note(struct session_store *store, const struct ulid *id,
    int64_t offset_ms, struct err *err)
{
	struct redis_session *rs = (struct redis_session *)store;
	redisReply *answer;

	redis_args_clear(&rs->args);
	add_id(&rs->args, id);
	redis_args_int(&rs->args, offset_ms);
	if (!redis_link_run(rs->link, &rs->note, &rs->args, &answer, err))
		return false;
	freeReplyObject(answer);
	return true;
}

/* What the dead leave; by another connection, which may take its time. */
static bool
redis_session_reap(struct session_store *store, struct session *session,
    struct store_start *found, struct err *err)
{
	struct redis_session *rs = (struct redis_session *)store;
	struct store_session bond = { session_current, session };
	char *note = NULL;

	if (rs->reaped == NULL) {
		if (store_open(rs->where, STORE_WRITE, rs->limits, &rs->reaped,
			&note, err) != STORE_OPENED) {
			rs->reaped = NULL;
			return false;
		}
		free(note);
		store_bind(rs->reaped, &bond);
	}
	return store_reap(rs->reaped, clock_now_ms(), found, err);
}

/* The end */

static void
redis_session_close(struct session_store *store, const struct ulid *id)
{
	struct redis_session *rs = (struct redis_session *)store;
	redisReply *answer;
	struct err err;

	redis_args_clear(&rs->args);
	add_id(&rs->args, id);
	if (redis_link_run(rs->link, &rs->close, &rs->args, &answer, &err))
		freeReplyObject(answer);
}

static void
redis_session_free(struct session_store *store)
{
	struct redis_session *rs = (struct redis_session *)store;

	store_close(rs->reaped);
	redis_link_free(rs->link);
	redis_args_release(&rs->args);
	redis_url_release(&rs->url);
	free(rs->where);
	free(rs);
}

static const struct session_store_ops redis_session_ops = {
	.open = redis_session_open,
	.renew = redis_session_renew,
	.note = redis_session_note,
	.reap = redis_session_reap,
	.close = redis_session_close,
	.free = redis_session_free,
};

struct session_store *
redis_session_new(
    const char *where, struct store_limits limits, struct err *err)
{
	struct redis_session *rs;
	struct redis_url url;

	if (!redis_url_parse(where, &url, err))
		return NULL;
	rs = mem_zalloc(1, sizeof *rs);
	rs->store.ops = &redis_session_ops;
	rs->url = url;
	rs->where = mem_strdup(where);
	rs->limits = limits;
	rs->link = redis_link_new(&rs->url, "wjobs-session");
	rs->open.text = session_open_lua;
	rs->note.text = session_note_lua;
	rs->close.text = session_close_lua;
	return &rs->store;
}
