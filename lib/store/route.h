#ifndef WJOBS_ROUTE_H
#define WJOBS_ROUTE_H

#include "lib/store/store.h"

/*
 * A port for a queue in a store of its own: what is done to work goes there,
 * all else where it went before. A run that only puts work in is taken apart:
 * its instant is claimed, then the work is put in, then the run has ended. The
 * asker hears one answer. What was claimed and then found no room is asked for
 * again, and granted again, since it is the same run. Both ports outlive it.
 */
struct route {
	struct store_port port; /* first */
	struct store_port *store, *queue;
	struct route_put *first; /* not answered yet */
};

void route_init(
    struct route *route, struct store_port *store, struct store_port *queue);
/* Once nobody waits for an answer any more. */
void route_release(struct route *route);

#endif
