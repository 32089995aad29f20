#ifndef WJOBS_SPOOL_H
#define WJOBS_SPOOL_H

#include "lib/store/store.h"

/*
 * The spool file: operations that could not be written before their writer
 * ended, for the next one. It has a version, an id of its own (which STORE_ONCE
 * remembers) and a checksum, and appears whole or not at all.
 */

/* A list of operations, linked by `next`; all are the list's. */
struct spool {
	struct ulid id;
	struct store_op *first;
	size_t n;
};

enum spool_loaded {
	SPOOL_LOADED,
	SPOOL_NONE,   /* there is no file */
	SPOOL_DAMAGED /* err says how */
};

bool spool_save(
    const char *path, const struct spool *spool, struct err *err) MUST_CHECK;
enum spool_loaded
spool_load(const char *path, struct spool *spool, struct err *err);
void spool_release(struct spool *spool);

#endif
