#ifndef WJOBS_REDIS_LINK_H
#define WJOBS_REDIS_LINK_H

#include <stddef.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

#include "lib/base/err.h"
#include "lib/base/redis_url.h"

/*
 * One connection to Redis, for one thread. It is made when it is first needed
 * and made anew after any failure, each time with AUTH, SELECT and CLIENT
 * SETNAME, close-on-exec and timeouts; a context that failed is never used
 * again, since a late reply would be taken for the next command's.
 *
 * A command that failed may have been executed, or may be later on: whatever is
 * sent can be repeated. Errors are ERR_UNREACHABLE (try again), ERR_CONFIG (it
 * will not work before somebody changes something: NOAUTH, NOPERM, a wrong
 * database) or ERR_SYSTEM (this command alone is refused: WRONGTYPE).
 */
#define REDIS_CONNECT_MS 1000
#define REDIS_COMMAND_MS 1000

struct redis_link;

/* Makes no connection yet. `name` is for CLIENT SETNAME. Never NULL. */
struct redis_link *
redis_link_new(const struct redis_url *url, const char *name);
void redis_link_free(struct redis_link *link);
const struct redis_url *redis_link_url(const struct redis_link *link);
/* Connect where it is not. */
bool redis_link_open(struct redis_link *link, struct err *err) MUST_CHECK;
/* Drop the connection; the next command makes a new one. */
void redis_link_drop(struct redis_link *link);

/*
 * A command as it grows: texts, blobs and numbers, copied into one buffer.
 * Zeroed is an empty one; it may be used again after redis_args_clear.
 */
struct redis_args {
	char *buf;
	size_t len, size;
	size_t *end; /* of each argument in buf */
	size_t n, slots;
};
void redis_args_clear(struct redis_args *args);
void redis_args_release(struct redis_args *args);
void redis_args_text(struct redis_args *args, const char *text); /* NULL: "" */
void redis_args_blob(struct redis_args *args, const void *data, size_t n);
void redis_args_int(struct redis_args *args, int64_t n);
/* The key: "{prefix}" and the rest, so that all share one hash slot. */
void redis_args_key(struct redis_args *args, const struct redis_link *link,
    const char *fmt, ...) PRINTF_LIKE(3, 4);

/* A script of lua/, by the name of its file; its SHA1 is computed once. */
struct redis_script {
	const char *text;
	char sha[41]; /* "" until first used */
};

/*
 * Pipelining: push any number of commands, then take as many replies, in
 * order. A push sends nothing. redis_link_eval is EVALSHA of the script with
 * the prefix "{prefix}" as its one key and args as ARGV; where the server does
 * not know it, redis_link_take sends it again as EVAL, once, by itself (the
 * replies after it are not disturbed: scripts do not depend on each other's).
 *
 * take: *reply is freeReplyObject's, never an error reply. False fills err;
 * after ERR_UNREACHABLE the rest of the pipeline is gone with the connection,
 * and has to be pushed again.
 */
void redis_link_push(struct redis_link *link, const struct redis_args *args);
void redis_link_eval(struct redis_link *link, struct redis_script *script,
    const struct redis_args *args);
bool redis_link_take(
    struct redis_link *link, redisReply **reply, struct err *err) MUST_CHECK;
/* One command, or one script, and its reply. */
bool redis_link_call(struct redis_link *link, const struct redis_args *args,
    redisReply **reply, struct err *err) MUST_CHECK;
bool redis_link_run(struct redis_link *link, struct redis_script *script,
    const struct redis_args *args, redisReply **reply,
    struct err *err) MUST_CHECK;

/*
 * Replies, type-checked: a server may answer anything. False where the reply,
 * or its element i, is not of that kind.
 */
bool redis_reply_int(const redisReply *reply, int64_t *n);
bool redis_reply_text(const redisReply *reply, const char **text, size_t *len);
const redisReply *redis_reply_at(const redisReply *reply, size_t i);
/* ERR_UNREACHABLE: "'redis://…' gave an answer that is none to WHAT". */
bool redis_reply_bad(
    const struct redis_link *link, const char *what, struct err *err);

#endif
