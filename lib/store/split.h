#ifndef WJOBS_SPLIT_H
#define WJOBS_SPLIT_H

#include "lib/store/store.h"

/*
 * A port to two stores: instants are claimed in the one, which knows what runs
 * and how far each job is, and history is kept in the other. A run's start is
 * recorded once it was granted; from then on both are told of it, the one that
 * claims without the output. Both ports outlive it.
 */
struct split {
	struct store_port port; /* first */
	struct store_port *claims, *history;
};

void split_init(
    struct split *split, struct store_port *claims, struct store_port *history);

#endif
