#ifndef WJOBS_REDIS_H
#define WJOBS_REDIS_H

#include "lib/store/backend.h"

/*
 * The Redis backend, in the files redis_*.c and lua; only they and store.c
 * include this. What is written goes through scripts, each of them one
 * operation, so that it happens as a whole or not at all, and each may be
 * repeated. A batch is a pipeline of them.
 *
 * where is the URL. As store_open; nothing is ever moved aside.
 */
enum store_opened redis_open(const char *where, enum store_mode mode,
    struct store_limits limits, struct store **store, char **note,
    struct err *err);

#endif
