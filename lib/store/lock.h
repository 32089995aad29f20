#ifndef WJOBS_LOCK_H
#define WJOBS_LOCK_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/process/identity.h"

/*
 * Locks by name, of all who use one store: `wjobs lock`, `exec --lock`, and
 * jobs with a `lock`. An acquisition has a token, made by who takes it: to take
 * again with the same token is the same acquisition (so a take whose reply was
 * lost may be repeated), and only that token extends or releases it.
 *
 * How long one is held depends on the store. Beside an SQLite file, where all
 * are on one machine, it is held while its holder or the command that the
 * holder guards is alive (lock_file.h); in Redis for ttl_ms, which the holder
 * extends. One that was taken without a holder is held for ttl_ms in both.
 *
 * Each grant has a fence, greater than all before it in the store, whatever
 * the key: a resource that refuses a lesser one is safe from a holder that
 * slept through its loss.
 */
#define LOCK_KEY_MAX   256 /* bytes, without controls */
#define LOCK_TOKEN_MAX 31
#define LOCK_TEXT_MAX  127 /* of a holder's name; a longer one is cut */
#define LOCK_NO_END    INT64_C(-1)

struct lock;

/* Makes no connection and no file yet. where is as in store_open. */
bool
lock_open(const char *where, struct lock **lock, struct err *err) MUST_CHECK;
void lock_close(struct lock *lock);
/* Taken by a process, is it to be extended while it lives? */
bool lock_needs_renewal(const struct lock *lock);

/* ERR_USAGE where key cannot be the name of a lock. */
bool lock_check_key(const char *key, struct err *err) MUST_CHECK;
/* A new token into text[LOCK_TOKEN_MAX + 1]. */
void lock_make_token(char *text);

struct lock_ask {
	const char *key, *token;
	const char *holder;             /* for people: "HOST:PID" */
	const struct identity *process; /* the holder; NULL: held by time */
	int64_t ttl_ms; /* LOCK_NO_END only for a process beside a file */
};

struct lock_state {
	bool is_held;
	bool is_process; /* of a file: until a process ends, not by time */
	uint64_t fence;
	int64_t left_ms; /* LOCK_NO_END: no end is known */
	char holder[LOCK_TEXT_MAX + 1];
};

enum lock_taken {
	LOCK_TAKEN,
	LOCK_HELD,  /* by somebody else: state says by whom */
	LOCK_FAILED /* unknown: the store did not answer */
};

enum lock_taken lock_take(struct lock *lock, const struct lock_ask *ask,
    struct lock_state *state, struct err *err);
/*
 * These fail only where the store does. *is_ours says whether the token held
 * the lock. A release leaves nothing behind, whatever it found.
 */
bool lock_extend(struct lock *lock, const char *key, const char *token,
    int64_t ttl_ms, bool *is_ours, struct err *err) MUST_CHECK;
bool lock_release(struct lock *lock, const char *key, const char *token,
    bool *is_ours, struct err *err) MUST_CHECK;
/*
 * The command that the holder of the token has begun: beside a file it holds
 * the lock too. NULL: it has ended.
 */
bool lock_guard(struct lock *lock, const char *key, const char *token,
    const struct identity *command, struct err *err) MUST_CHECK;
/* Creates nothing. */
bool lock_read(struct lock *lock, const char *key, struct lock_state *state,
    struct err *err) MUST_CHECK;

/* What a store's locks are made of: these functions, under their contracts. */
struct lock_ops {
	void (*close)(struct lock *lock);
	enum lock_taken (*take)(struct lock *lock, const struct lock_ask *ask,
	    struct lock_state *state, struct err *err);
	bool (*extend)(struct lock *lock, const char *key, const char *token,
	    int64_t ttl_ms, bool *is_ours, struct err *err);
	bool (*release)(struct lock *lock, const char *key, const char *token,
	    bool *is_ours, struct err *err);
	bool (*guard)(struct lock *lock, const char *key, const char *token,
	    const struct identity *command, struct err *err);
	bool (*read)(struct lock *lock, const char *key,
	    struct lock_state *state, struct err *err);
	bool needs_renewal;
};

struct lock {
	const struct lock_ops *ops;
};

#endif
