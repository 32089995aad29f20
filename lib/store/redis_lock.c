#include "lib/store/redis_lock.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/redis.h"

extern const char lock_take_lua[], lock_extend_lua[], lock_release_lua[],
    lock_read_lua[];

enum { TAKE, EXTEND, RELEASE, READ, SCRIPTS };

static const char *const lua[SCRIPTS] = {
	[TAKE] = lock_take_lua,
	[EXTEND] = lock_extend_lua,
	[RELEASE] = lock_release_lua,
	[READ] = lock_read_lua,
};

struct redis_lock {
	struct lock lock; /* first */
	struct redis_url url;
	struct redis_link *link;
	struct redis_script script[SCRIPTS];
	struct redis_args args;
};

static void
redis_lock_close(struct lock *lock)
{
	struct redis_lock *rl = (struct redis_lock *)lock;

	redis_link_free(rl->link);
	redis_url_release(&rl->url);
	redis_args_release(&rl->args);
	free(rl);
}

static void
push_key(struct redis_lock *rl, const char *key, const char *token)
{
	redis_args_clear(&rl->args);
	redis_args_text(&rl->args, key);
	if (token != NULL)
		redis_args_text(&rl->args, token);
}

/* What had no answer may have been done: it is asked for once more. */
static bool
run(struct redis_lock *rl, int which, redisReply **reply, struct err *err)
{
	struct redis_script *script = &rl->script[which];

	return redis_link_run(rl->link, script, &rl->args, reply, err) ||
	    (err->code == ERR_UNREACHABLE &&
		redis_link_run(rl->link, script, &rl->args, reply, err));
}

static void
read_holder(const redisReply *reply, struct lock_state *state)
{
	const char *text = "?";
	size_t len = 1;

	redis_reply_text(redis_reply_at(reply, 2), &text, &len);
	if (len >= sizeof state->holder)
		len = sizeof state->holder - 1;
	memcpy(state->holder, text, len);
	state->holder[len] = '\0';
	if (!redis_reply_int(redis_reply_at(reply, 3), &state->left_ms) ||
	    state->left_ms < 0)
		state->left_ms = LOCK_NO_END;
}

/* {WORD, fence, holder, left}, or as much of it as WORD has. */
static bool
read_state(struct redis_lock *rl, const redisReply *reply,
    struct lock_state *state, struct err *err)
{
	const redisReply *word = redis_reply_at(reply, 0);
	int64_t fence = 0;

	*state = (struct lock_state){ .left_ms = LOCK_NO_END };
	if (redis_reply_is(word, "free"))
		return true;
	if (redis_reply_is(word, "schema")) {
		char *schema = redis_read_text(redis_reply_at(reply, 1));

		err_set(err, ERR_CONFIG,
		    "'%s' has schema '%s': it is used by another version of "
		    "wjobs",
		    rl->url.shown, schema != NULL ? schema : "?");
		free(schema);
		return false;
	}
	if ((!redis_reply_is(word, "held") && !redis_reply_is(word, "taken")) ||
	    !redis_reply_int(redis_reply_at(reply, 1), &fence))
		return redis_reply_bad(rl->link, "a lock", err);
	state->is_held = true;
	state->fence = (uint64_t)fence;
	read_holder(reply, state);
	return true;
}

static enum lock_taken
redis_lock_take(struct lock *lock, const struct lock_ask *ask,
    struct lock_state *state, struct err *err)
{
	struct redis_lock *rl = (struct redis_lock *)lock;
	enum lock_taken taken = LOCK_FAILED;
	redisReply *reply;

	push_key(rl, ask->key, ask->token);
	redis_args_int(&rl->args, ask->ttl_ms);
	redis_args_text(&rl->args, ask->holder);
	if (!run(rl, TAKE, &reply, err))
		return LOCK_FAILED;
	if (read_state(rl, reply, state, err))
		taken = redis_reply_is(redis_reply_at(reply, 0), "taken")
		    ? LOCK_TAKEN
		    : LOCK_HELD;
	if (taken == LOCK_TAKEN)
		state->left_ms = ask->ttl_ms;
	freeReplyObject(reply);
	return taken;
}

/* For those that answer 1 where the token holds the lock. */
static bool
ask_ours(struct redis_lock *rl, int which, bool *is_ours, struct err *err)
{
	redisReply *reply;
	int64_t n = 0;
	bool ok;

	*is_ours = false;
	if (!run(rl, which, &reply, err))
		return false;
	ok = redis_reply_int(reply, &n) ||
	    redis_reply_bad(rl->link, "a lock", err);
	*is_ours = n == 1;
	freeReplyObject(reply);
	return ok;
}

static bool
redis_lock_extend(struct lock *lock, const char *key, const char *token,
    int64_t ttl_ms, bool *is_ours, struct err *err)
{
	struct redis_lock *rl = (struct redis_lock *)lock;

	push_key(rl, key, token);
	redis_args_int(&rl->args, ttl_ms);
	return ask_ours(rl, EXTEND, is_ours, err);
}

static bool
redis_lock_release(struct lock *lock, const char *key, const char *token,
    bool *is_ours, struct err *err)
{
	struct redis_lock *rl = (struct redis_lock *)lock;

	push_key(rl, key, token);
	return ask_ours(rl, RELEASE, is_ours, err);
}

/* A process on one host means nothing to the others. */
static bool
redis_lock_guard(struct lock *lock, const char *key, const char *token,
    const struct identity *command, struct err *err)
{
	(void)lock;
	(void)key;
	(void)token;
	(void)command;
	(void)err;
	return true;
}

static bool
redis_lock_read(struct lock *lock, const char *key, struct lock_state *state,
    struct err *err)
{
	struct redis_lock *rl = (struct redis_lock *)lock;
	redisReply *reply;
	bool ok;

	push_key(rl, key, NULL);
	if (!run(rl, READ, &reply, err))
		return false;
	ok = read_state(rl, reply, state, err);
	freeReplyObject(reply);
	return ok;
}

static const struct lock_ops redis_lock_ops = {
	.close = redis_lock_close,
	.take = redis_lock_take,
	.extend = redis_lock_extend,
	.release = redis_lock_release,
	.guard = redis_lock_guard,
	.read = redis_lock_read,
	.needs_renewal = true,
};

bool
redis_lock_open(const char *url, struct lock **lock, struct err *err)
{
	struct redis_url parsed;
	struct redis_lock *rl;
	int i;

	if (!redis_url_parse(url, &parsed, err))
		return false;
	rl = mem_zalloc(1, sizeof *rl);
	rl->lock.ops = &redis_lock_ops;
	rl->url = parsed;
	rl->link = redis_link_new(&rl->url, "wjobs-lock");
	for (i = 0; i < SCRIPTS; i++)
		rl->script[i].text = lua[i];
	*lock = &rl->lock;
	return true;
}
