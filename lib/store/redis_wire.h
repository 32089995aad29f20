#ifndef WJOBS_REDIS_WIRE_H
#define WJOBS_REDIS_WIRE_H

#include <hiredis/hiredis.h>

#include "lib/base/err.h"
#include "lib/base/redis_url.h"

/*
 * A socket to a Redis with hiredis' reader behind it, which neither sends nor
 * reads for longer than its time. It speaks no word of its own.
 *
 * The socket is close-on-exec from birth, and not blocking: sending and reading
 * take turns, so that a long pipeline cannot stand still with both sides
 * sending. Without a byte in either direction REDIS_COMMAND_MS is the limit;
 * REDIS_REPLY_MS it is in all, for an answer that comes in drops.
 */
#define REDIS_CONNECT_MS 1000
#define REDIS_COMMAND_MS 1000
#define REDIS_REPLY_MS   10000

struct redis_wire {
	redisContext *context; /* NULL: closed */
	const char *shown;     /* the URL for people, borrowed */
	bool is_tls;
	bool is_sending; /* what was put has not gone out whole */
	/* hiredis' makers of replies, and they with a guard. */
	redisReplyObjectFunctions functions, guarded;
};

/*
 * Connect; the wire stays where it is, and url outlives the wire. ERR_UNREACHABLE, or ERR_CONFIG where TLS is
 * asked for and this build has none.
 */
bool redis_wire_open(struct redis_wire *wire, const struct redis_url *url,
    struct err *err) MUST_CHECK;
void redis_wire_close(struct redis_wire *wire);
/*
 * Has the other side closed it, or said what nobody asked? Of use between
 * commands, while no reply is due.
 */
bool redis_wire_is_stale(const struct redis_wire *wire);
/* To be sent with the next redis_wire_get. */
void redis_wire_put(struct redis_wire *wire, const char *data, size_t n);
/*
 * Send what was put, and read one reply, which may be an error; to free with
 * freeReplyObject. On failure (ERR_UNREACHABLE) the wire is closed.
 */
bool redis_wire_get(
    struct redis_wire *wire, redisReply **reply, struct err *err) MUST_CHECK;

#endif
