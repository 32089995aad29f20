#ifndef WJOBS_LATE_H
#define WJOBS_LATE_H

#include "lib/store/owner.h"
#include "lib/store/store.h"

/*
 * A store that could not be opened when its scheduler began (a full disk, a
 * file system that is not there yet): each write tries again, so that its
 * writer holds the records until then. It is never read. Once it opens, the
 * runs of dead schedulers are marked as lost. Never NULL. place and owner are
 * borrowed; the lock on the store is taken with the store.
 */
struct store *late_new(const struct store_place *place, struct owner *owner,
    struct store_limits limits);

#endif
