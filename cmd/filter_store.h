#ifndef WJOBS_FILTER_STORE_H
#define WJOBS_FILTER_STORE_H

#include "cmd/filter.h"
#include "lib/engine/engine.h"
#include "lib/store/direct.h"
#include "lib/store/route.h"
#include "lib/store/session.h"
#include "lib/store/split.h"

/*
 * The store of a filter: it writes straight, with no thread between. Where
 * other instances share the store, a session lives as long as the filter does.
 */
struct filter_shelf {
	struct store_place place; /* of claims; its own */
	struct store *store;
	struct session *session;
	struct store_session bond;
	struct direct direct;
};

struct filter_store {
	/* To be set. */
	const struct filter *filter;
	struct cli *cli;
	struct ev_loop *loop;
	struct engine *engine;
	/* The lease is in doubt; with `now`, lost. */
	void (*lease_lost)(void *data, bool now);
	void *data;

	/* Of history; of claims, where these are made elsewhere. */
	struct filter_shelf history, claims;
	struct split split;
	/* Of work that jobs put in, where that is not in one of these. */
	struct filter_shelf queue;
	struct route route;
	const struct store_place *queue_place; /* who puts work in, rings */
	/* Why there is none to claim in, where there ought to be. */
	struct err away;
	struct err no_queue; /* likewise */
};

/*
 * Sets the engine's port. What cannot be opened is said, and left out: the
 * command runs all the same, unless it may not without a claim.
 */
void filter_store_open(struct filter_store *store);
/* May the job run now? Else err says why not, as ERR_UNREACHABLE. */
bool filter_store_admits(const struct filter_store *store,
    const struct job *job, struct err *err) MUST_CHECK;
/* False: the loop and the clock have to stay; see session_free. */
bool filter_store_close(struct filter_store *store);

#endif
