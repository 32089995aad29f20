#ifndef WJOBS_SHARED_STORE_H
#define WJOBS_SHARED_STORE_H

#include "test/world/cluster.h"

/*
 * A store in memory that hosts share, and that keeps the promises which
 * lib/store/store.h makes for one: claims by a watermark, by its own clock.
 */
#define SHARED_TTL_MS 30000

struct shared_store *shared_store_new(struct cluster *cluster);
void shared_store_free(struct shared_store *store);

/* False: there is no such session any more, and nothing was done. */
bool shared_store_apply(
    struct shared_store *store, uint64_t sid, struct store_op *op);

/* A new session; the old one (0: none) is over for certain. */
uint64_t
shared_store_open(struct shared_store *store, uint64_t old, bool *is_first);
bool shared_store_renew(struct shared_store *store, uint64_t sid);
bool shared_store_is_alive(const struct shared_store *store, uint64_t sid);
/* What dead sessions left, for sid; and where asked, all watermarks. */
void shared_store_reap(struct shared_store *store, uint64_t sid, bool with_jobs,
    struct store_start *found);

/* The session that a run was begun under; 0: none that the store knows. */
uint64_t shared_store_run_session(
    const struct shared_store *store, const struct ulid *id);
/* Each instant is accounted for, and no run goes on that nobody runs. */
void shared_store_check(struct shared_store *store);

#endif
