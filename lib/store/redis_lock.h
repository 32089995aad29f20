#ifndef WJOBS_REDIS_LOCK_H
#define WJOBS_REDIS_LOCK_H

#include "lib/store/lock.h"

/*
 * The locks of a Redis, by its URL: each operation is one round trip, by a
 * script that may be repeated, as it is once where no answer came. A lock is
 * held for its time, but for a run's (STORE_BEGIN), which is held while the run
 * lives and its session does. To extend and to release one takes no memory, so
 * that both pass on a server that has none left.
 */
bool redis_lock_open(
    const char *url, struct lock **lock, struct err *err) MUST_CHECK;

#endif
