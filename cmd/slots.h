#ifndef WJOBS_SLOTS_H
#define WJOBS_SLOTS_H

#include "cmd/acquire.h"

/*
 * Named pools: slots that all processes of a store share. A slot is the lock
 * `pool:NAME:K`, with K from 1 to the pool's width, and so it is held as long
 * as its process lives, or is extended.
 */
#define SLOTS_MAX 1000
/* So many are looked at, where the width is not told. */
#define SLOTS_LOOK 256

struct slots_options {
	const char *name;
	const char *store; /* --store, or NULL */
	int64_t width;
	bool is_wide; /* width was given, and is not just the default */
	bool try;     /* do not wait for a slot */
};

struct slots {
	const struct slots_options *options;
	char **key;
	size_t n;
	struct acquire acquire; /* open */
};

bool slots_open(struct slots *slots, struct cli *cli,
    const struct slots_options *options, struct err *err) MUST_CHECK;
void slots_close(struct slots *slots);
/* What the queue calls those that wait for a slot by themselves; to be freed. */
char *slots_handler(const struct slots_options *options);

/* A command in a slot. The exit status. */
int slots_run(struct cli *cli, const struct slots_options *options, char **argv,
    struct err *err);
/* Print how many run. */
int slots_running(
    struct cli *cli, const struct slots_options *options, struct err *err);
/* Wait until none runs, nor waits by itself. */
int slots_join(struct cli *cli, const struct slots_options *options,
    int64_t patience_ms, struct err *err);

#endif
