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
/*
 * Apply what an earlier writer left, and remove the file. True where there was
 * none, too. On failure it stays, for the next writer to take in; err says why.
 */
bool spool_take_in(
    const char *path, struct store *store, struct err *err) MUST_CHECK;
/*
 * What the file knows better than a store that could not be written: put the
 * watermarks of its operations into *start.
 */
void spool_correct(const char *path, struct store_start *start);
void spool_release(struct spool *spool);

#endif
