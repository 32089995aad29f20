#ifndef WJOBS_BENCH_REDIS_H
#define WJOBS_BENCH_REDIS_H

#include "lib/store/redis_link.h"

/* As daemon.h: all of these end the program with a message when they fail. */

/* A redis-server until the program ends. Its URL, the caller's to free(3). */
char *bench_redis(void);
struct redis_link *bench_link(const char *url);

#endif
