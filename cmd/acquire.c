#include "cmd/acquire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/redis_url.h"
#include "lib/base/ulid.h"
#include "lib/time/duration.h"

/* Between two looks at a lock that is held, less up to a half of it. */
#define PAUSE_MIN_MS INT64_C(10)
#define PAUSE_MAX_MS INT64_C(250)

static const char *
acquire_store(const struct cli *cli, const char *store)
{
	const struct jobfile *file = &cli->jobfile;

	if (store != NULL || !cli->has_jobfile)
		return store;
	return file->locking != NULL && strcmp(file->locking, "none") != 0
	    ? file->locking
	    : file->store;
}

static void
acquire_name_self(struct acquire *acquire)
{
	char host[96] = "localhost";

	if (gethostname(host, sizeof host - 1) != 0)
		snprintf(host, sizeof host, "localhost");
	host[sizeof host - 1] = '\0';
	snprintf(acquire->holder, sizeof acquire->holder, "%s:%ld", host,
	    (long)getpid());
}

/* A Redis needs no place on this host. */
static bool
acquire_find(struct acquire *acquire, const struct cli *cli, const char *store,
    struct err *err)
{
	acquire->is_remote = store != NULL && redis_url_is(store);
	if (acquire->is_remote) {
		acquire->where = mem_strdup(store);
		return true;
	}
	if (!store_place_find(cli->has_jobfile ? cli->jobfile.path : NULL,
		store, &acquire->place, err))
		return false;
	acquire->where = mem_strdup(acquire->place.store);
	return true;
}

bool
acquire_open(struct acquire *acquire, struct cli *cli, const char *store,
    struct err *err)
{
	bool is_whole = store != NULL &&
	    (store[0] == '/' || redis_url_is(store));

	if (!lock_check_key(acquire->key, err))
		return false;
	/* a store that is found without a jobfile does not suffer from one */
	if (!is_whole && !cli_try_jobfile(cli, 0, err))
		return false;
	if (!acquire_find(acquire, cli, acquire_store(cli, store), err) ||
	    !lock_open(acquire->where, &acquire->lock, err))
		return false;
	lock_make_token(acquire->token);
	acquire_name_self(acquire);
	return true;
}

static bool
acquire_say_held(const struct acquire *acquire, struct err *err)
{
	const struct lock_state *state = &acquire->state;
	char span[DURATION_TEXT_SIZE], left[DURATION_TEXT_SIZE + 16] = "";

	if (acquire->slot != NULL)
		return err_set(err, ERR_BUSY,
		    "the pool '%s' has no slot free of its %zu", acquire->pool,
		    acquire->slots);
	if (state->left_ms >= 0)
		snprintf(left, sizeof left, ", for %s more",
		    duration_human(state->left_ms, span));
	return err_set(err, ERR_BUSY, "the lock '%s' is held by %s%s",
	    acquire->key, state->holder, left);
}

/* How long until the next look: less where patience ends sooner. */
static void
acquire_pause(int64_t *pause_ms, int64_t left_ms)
{
	double ms = (double)*pause_ms * (1 - random_fraction() / 2);
	struct timespec ts;

	if (left_ms >= 0 && ms > (double)left_ms)
		ms = (double)left_ms + 1;
	ts.tv_sec = (time_t)(ms / 1000);
	ts.tv_nsec = (long)((ms - (double)ts.tv_sec * 1000) * 1e6);
	nanosleep(&ts, NULL);
	if ((*pause_ms *= 2) > PAUSE_MAX_MS)
		*pause_ms = PAUSE_MAX_MS;
}

/* What is left of its patience; below 0: there is no end to it. */
static int64_t
acquire_patience(const struct acquire *acquire, int64_t began_ms)
{
	int64_t left_ms;

	if (acquire->wait_ms == OPT_NO_LIMIT)
		return -1;
	left_ms = began_ms + acquire->wait_ms - clock_boot_ms();
	return left_ms > 0 ? left_ms : 0;
}

/* The first slot that is free; where there are none, the lock itself. */
static enum lock_taken
acquire_try(struct acquire *acquire, struct lock_ask *ask, struct err *err)
{
	size_t n = acquire->slot != NULL ? acquire->slots : 1, i, k;
	enum lock_taken taken = LOCK_HELD;

	for (i = 0; i < n && taken == LOCK_HELD; i++) {
		k = (acquire->at + i) % n;
		if (acquire->slot != NULL)
			ask->key = acquire->key = acquire->slot[k];
		acquire->asked_ms = clock_boot_ms();
		taken = lock_take(acquire->lock, ask, &acquire->state, err);
		if (taken == LOCK_FAILED)
			acquire->at = k;
	}
	if (taken == LOCK_HELD)
		acquire->at = 0;
	return taken;
}

/*
 * A store that has answered once is waited for as the lock is; one that never
 * did may never do.
 */
bool
acquire_take(struct acquire *acquire, struct err *err)
{
	int64_t pause_ms = PAUSE_MIN_MS, began_ms = clock_boot_ms(), left_ms;
	struct lock_ask ask = { .key = acquire->key,
		.token = acquire->token,
		.holder = acquire->holder,
		.process = acquire->is_by_time ? NULL : &acquire->self,
		.ttl_ms = acquire->ttl_ms };
	enum lock_taken taken;
	bool has_answered = false;

	if (!acquire->is_remote && !store_place_make(&acquire->place, err))
		return false;
	identity_self(&acquire->self);
	for (;;) {
		taken = acquire_try(acquire, &ask, err);
		if (taken == LOCK_TAKEN)
			return true;
		has_answered |= taken == LOCK_HELD;
		left_ms = acquire_patience(acquire, began_ms);
		if (taken == LOCK_FAILED &&
		    (!has_answered || err->code != ERR_UNREACHABLE ||
			left_ms == 0))
			return false;
		if (left_ms == 0)
			return acquire_say_held(acquire, err);
		acquire_pause(&pause_ms, left_ms);
	}
}

void
acquire_say_lost(const struct acquire *acquire, bool is_gone, const char *what,
    struct err *err)
{
	err_set(err, ERR_SYSTEM, "the lock '%s' is lost: %s; %s", acquire->key,
	    is_gone ? "it is not ours any more"
		    : "the store has not answered for too long",
	    what);
}

void
acquire_release(struct acquire *acquire)
{
	struct err err;
	bool is_ours;

	(void)!lock_release(
	    acquire->lock, acquire->key, acquire->token, &is_ours, &err);
}

void
acquire_close(struct acquire *acquire)
{
	lock_close(acquire->lock);
	acquire->lock = NULL;
	free(acquire->where);
	acquire->where = NULL;
	store_place_release(&acquire->place);
}
