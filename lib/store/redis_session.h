#ifndef WJOBS_REDIS_SESSION_H
#define WJOBS_REDIS_SESSION_H

#include "lib/store/instance.h"
#include "lib/store/redis_link.h"
#include "lib/store/session.h"

/*
 * Sessions in a Redis: a hash with a time to live for each, which one PEXPIRE
 * renews, and a set of them all. Connects when it is first asked something.
 * ERR_CONFIG where the URL is wrong; NULL then.
 */
struct session_store *
redis_session_new(const char *url, struct store_limits limits, struct err *err);

/* Is it {"ok", ...}? Else err says what of: another schema, or no answer. */
bool redis_session_is_ok(const struct redis_link *link, const redisReply *reply,
    const char *what, struct err *err);

/* redis_instance.c: those that live. At most so many runs of each; 0: none is asked for. */
bool redis_session_list(struct redis_link *link, int runs,
    struct instance **list, size_t *n, struct err *err) MUST_CHECK;

#endif
