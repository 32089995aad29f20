#ifndef WJOBS_REAP_H
#define WJOBS_REAP_H

#include "cmd/shelf.h"

/*
 * Workers see to what the dead left in the queue. Where there may be none, as
 * for a named pool, those who wait for the work do. Zeroed is ready.
 */
struct reap {
	int64_t next_ms; /* of clock_boot_ms */
};

/*
 * The work runs, as the queue has it; if its process has died, or that cannot
 * be seen from here, have the queue find out: now and then, however often this
 * is called. What fails is left for the next time.
 */
void reap_see_to(
    struct reap *reap, const struct shelf *shelf, const struct work *work);

#endif
