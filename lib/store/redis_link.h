#ifndef WJOBS_REDIS_LINK_H
#define WJOBS_REDIS_LINK_H

#include <stddef.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

#include "lib/base/err.h"
#include "lib/base/redis_url.h"
#include "lib/base/sha1.h"
#include "lib/store/redis_args.h"
#include "lib/store/redis_reply.h"

/*
 * One connection to Redis, for one thread. It is made when it is first needed
 * and made anew after any failure, each time with AUTH, SELECT and CLIENT
 * SETNAME, close-on-exec and timeouts (redis_wire.h); a context that failed is
 * never used again, since a late reply would be taken for the next command's.
 * One that the server closed meanwhile is made anew without a failure.
 *
 * A command that failed may have been executed, or may be later on: whatever is
 * sent can be repeated. Errors are ERR_UNREACHABLE (try again), ERR_CONFIG (it
 * will not work before somebody changes something: NOAUTH, NOPERM, a wrong
 * database) or ERR_SYSTEM (this command alone is refused: WRONGTYPE); which is
 * which stands in redis_error.c.
 */
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

/* The key: "{prefix}" and the rest, so that all share one hash slot. */
void redis_args_key(struct redis_args *args, const struct redis_link *link,
    const char *fmt, ...) PRINTF_LIKE(3, 4);

/*
 * A script of lua/, by the name of its file; its SHA1 is computed once. Not to
 * be shared by threads.
 */
struct redis_script {
	const char *text;
	char sha[SHA1_TEXT_SIZE]; /* "" until first used */
};

/*
 * Pipelining: push any number of commands, then take as many replies, in
 * order. A push sends nothing. redis_link_eval is EVALSHA of the script with
 * the prefix "{prefix}" as its one key and args as ARGV; where the server does
 * not know it, redis_link_take sends it again as EVAL, once all replies are in
 * (scripts do not depend on each other's).
 *
 * take: *reply is freeReplyObject's, never an error reply. False fills err;
 * after ERR_UNREACHABLE or ERR_CONFIG the rest of the pipeline may be gone with
 * the connection, and has to be pushed again. redis_link_left says how many
 * replies may still be taken (a server that is out of memory has answered them
 * all). Replies that nobody took are forgotten by the next push, and the
 * connection with them.
 */
void redis_link_push(struct redis_link *link, const struct redis_args *args);
void redis_link_eval(struct redis_link *link, struct redis_script *script,
    const struct redis_args *args);
bool redis_link_take(
    struct redis_link *link, redisReply **reply, struct err *err) MUST_CHECK;
size_t redis_link_left(const struct redis_link *link);
/*
 * How many connections there were so far: what a server says of a connection's
 * own writes (WAIT) is of use only while that is the same.
 */
uint64_t redis_link_made(const struct redis_link *link);
/* One command, or one script, and its reply. */
bool redis_link_call(struct redis_link *link, const struct redis_args *args,
    redisReply **reply, struct err *err) MUST_CHECK;
bool redis_link_run(struct redis_link *link, struct redis_script *script,
    const struct redis_args *args, redisReply **reply,
    struct err *err) MUST_CHECK;

/* ERR_UNREACHABLE: "'redis://…' gave an answer that is none to WHAT". */
bool redis_reply_bad(
    const struct redis_link *link, const char *what, struct err *err);

/*
 * What should be told of the server at the start: that it evicts keys when its
 * memory is full. To free; NULL where there is nothing, or it does not say.
 */
char *redis_link_note(struct redis_link *link);

/*
 * How long to wait before the attempt-th try to reconnect (from 0): up to 5 s,
 * and another time for each, so that a server that is back is not stormed.
 */
#define REDIS_BACKOFF_MS 5000
int64_t redis_backoff_ms(unsigned attempt);

#endif
