#ifndef WJOBS_LATE_H
#define WJOBS_LATE_H

#include "lib/store/owner.h"
#include "lib/store/place.h"
#include "lib/store/store.h"

/*
 * A store that could not be opened when its scheduler began (a full disk, a
 * file system that is not there yet, a server that is away): its writer tries
 * until it can, and holds the records until then. It is never read. All is as
 * at a start then: what an earlier scheduler spooled is written, runs of dead
 * ones are marked as lost, and what there is to go on with is found. Never
 * NULL; all is borrowed. The lock on the store is taken with the store.
 *
 * A worker beside a scheduler owns nothing: with no owner and no self, no lock
 * is taken, and nothing is found.
 */
struct late_place {
	const struct store_place *place;
	struct owner *owner; /* NULL: nobody's own */
	struct store_limits limits;
	const struct identity *self;         /* NULL: likewise */
	const struct store_session *session; /* NULL: it needs none */
};
struct store *late_new(const struct late_place *place);

/*
 * What is done at a start once a store is open: spool, then take-over. A spool
 * that stays for now is `note`, to free; NULL: none did.
 */
bool late_take_over(const struct store_place *place, struct store *store,
    const struct identity *self, struct store_start *found, char **note,
    struct err *err) MUST_CHECK;

#endif
