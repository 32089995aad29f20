#ifndef WJOBS_BENCH_QUEUE_H
#define WJOBS_BENCH_QUEUE_H

#include <stdint.h>

#include "lib/store/store.h"

/* As daemon.h: all of these end the program with a message when they fail. */

struct bench_queue {
	char *jobfile;
	char *store; /* a path or a URL */
};

/*
 * A jobfile NAME.yaml in $BENCH_DIR, with the handlers `noop` (/bin/true),
 * `later`, the same, and `stamp`, which writes the time into NAME.stamps; four
 * workers, and room for much. Without a URL the store is a file.
 */
void
bench_queue_make(struct bench_queue *queue, const char *name, const char *url);
/* Put n pieces in, by `wjobs enqueue --lines`. */
void bench_queue_fill(
    const struct bench_queue *queue, const char *handler, int priority, int n);
struct store *bench_queue_open(const struct bench_queue *queue);
/* How many wait or run. */
int64_t bench_queue_left(struct store *store);

/* argv as a process, from its start to its end, in milliseconds. */
double bench_call_ms(const char *const *argv);

#endif
