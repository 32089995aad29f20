#ifndef WJOBS_OWNER_H
#define WJOBS_OWNER_H

#include "lib/base/clock.h"
#include "lib/process/identity.h"
#include "lib/store/place.h"

/*
 * Which scheduler owns: there is one to a jobfile and one to a store. Both are
 * flock(2)s held by descriptors, with the pid written in the files for people,
 * so what a dead scheduler owned is free by itself. ERR_BUSY names the owner.
 * store_place_make must have been called.
 */
struct owner {
	int jobfile_fd, store_fd; /* -1: not held */
	/* What is written into both, for people and for owner_find. */
	const char *worker; /* borrowed; NULL: the pid alone */
	int64_t since_ms;
};
#define OWNER_NONE                               \
	{                                        \
		.jobfile_fd = -1, .store_fd = -1 \
	}
/*
 * The jobfile's, into *owner; then the store's, which `memory` and a Redis do
 * not need. They may be taken by different threads, one after the other.
 */
bool owner_take(const struct store_place *place, struct owner *owner,
    struct err *err) MUST_CHECK;
bool owner_take_store(const struct store_place *place, struct owner *owner,
    struct err *err) MUST_CHECK;
void owner_give(struct owner *owner);

/* Who owns the store. False: nobody who lives. worker is the caller's to free. */
struct owner_sign {
	struct identity process;
	char *worker;     /* NULL: it has not said */
	int64_t since_ms; /* CLOCK_NONE: likewise */
};
bool owner_find(const struct store_place *place, struct owner_sign *sign);

#endif
