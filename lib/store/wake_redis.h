#ifndef WJOBS_WAKE_REDIS_H
#define WJOBS_WAKE_REDIS_H

#include <ev.h>

#include "lib/base/err.h"

/*
 * The hints of a Redis: a thread listens, on a connection of its own, for what
 * the scripts publish there, and rings the loop. A connection that fails is
 * made anew, and rings too, for what was published meanwhile.
 */
struct wake_redis;

/* As wake_open; `where` is the URL. */
struct wake_redis *wake_redis_open(struct ev_loop *loop, const char *where,
    void (*rang)(void *data), void *data, struct err *err);
/*
 * No hint comes any more. It waits for the thread, but not for a name server:
 * one that hangs is left to end by itself. Takes NULL.
 */
void wake_redis_close(struct wake_redis *wake);

#endif
