#ifndef WJOBS_ACQUIRE_H
#define WJOBS_ACQUIRE_H

#include "cmd/cmd.h"
#include "lib/store/lock.h"

/*
 * A lock as a command takes it: `wjobs lock`, `exec --lock`; or any one of
 * several, which are the slots of a named pool.
 */
#define ACQUIRE_TTL_MS INT64_C(30000)

struct acquire {
	const char *key;
	int64_t ttl_ms;
	int64_t wait_ms; /* 0: not at all; OPT_NO_LIMIT: for ever */
	bool is_by_time; /* held without a process */
	/* Slots: any of these keys, all valid; key becomes the one taken. */
	const char *const *slot; /* NULL: key alone */
	size_t slots;
	const char *pool; /* whose slots they are, for messages */
	/* Set below. */
	bool is_remote;
	struct store_place place; /* unless is_remote */
	char *where;              /* as lock_open has it */
	struct lock *lock;
	char token[LOCK_TOKEN_MAX + 1];
	char holder[LOCK_TEXT_MAX + 1];
	struct identity self;
	struct lock_state state;
	int64_t asked_ms; /* of clock_boot_ms: the grant is not older */
	size_t at;        /* the slot that may be ours: no answer came */
};

/*
 * Find and open the locks: those of `store` (--store; NULL: none given), else
 * of the jobfile's `locking` or store, else of local.db. The key is checked.
 */
bool acquire_open(struct acquire *acquire, struct cli *cli, const char *store,
    struct err *err) MUST_CHECK;
/* False with ERR_BUSY that names the holder where it is held for too long. */
bool acquire_take(struct acquire *acquire, struct err *err) MUST_CHECK;
/* "the lock 'k' is lost: WHY; WHAT". is_gone: the store has said so. */
void acquire_say_lost(const struct acquire *acquire, bool is_gone,
    const char *what, struct err *err);
/* Where it is not ours any more, or the store is away: nothing to be done. */
void acquire_release(struct acquire *acquire);
void acquire_close(struct acquire *acquire);

#endif
