#ifndef WJOBS_STORES_H
#define WJOBS_STORES_H

#include "cmd/depot.h"
#include "lib/store/route.h"
#include "lib/store/split.h"

/*
 * The stores of `run`: most often one, which has everything. Instants may be
 * claimed in another one than history is kept in, and the queue may lie in a
 * third. Who only works neither claims nor owns anything, and may be one of
 * many.
 */
struct stores {
	/* To be set; borrowed. */
	struct cli *cli;
	struct ev_loop *loop;
	struct engine *engine;
	const struct owner *sign; /* what is written into the owners' files */
	bool has_scheduler;

	struct depot claims, history, queue; /* unused ones are zeroed */
	/* The one that has the queue, that has the instants: of the three. */
	struct depot *work, *first;
	struct store_place claims_place, queue_place;
	char *claims_spool, *queue_spool;
	struct split split;
	struct route route;
};

/* store_place_make must have been called for cli->place. */
bool stores_open(struct stores *stores, struct err *err) MUST_CHECK;
/* From now on, what comes goes there; each may be NULL. */
void stores_begin(
    struct stores *stores, struct scheduler *scheduler, struct worker *worker);
void stores_close(struct stores *stores);
/* The loop has to stay: see depot.h. */
bool stores_are_stuck(const struct stores *stores);

#endif
