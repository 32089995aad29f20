#ifndef WJOBS_WAKE_H
#define WJOBS_WAKE_H

#include <ev.h>

#include "lib/store/place.h"

/*
 * Hints that there may be work, so that nobody need ask all the time: lost
 * ones cost a poll's time, superfluous ones a question. Beside an SQLite file
 * each listener has a datagram socket in the runtime directory, and who puts
 * work in sends an empty datagram to each of them; of a Redis the scripts
 * themselves publish, and a thread listens.
 */
struct wake;

/*
 * Calls `rang` on the loop. NULL with err where that cannot be: the poll is
 * then all there is.
 */
struct wake *wake_open(struct ev_loop *loop, const struct store_place *place,
    void (*rang)(void *data), void *data, struct err *err);
void wake_close(struct wake *wake); /* takes NULL */
/* Never fails, never waits. Of a Redis it does nothing. */
void wake_ring(const struct store_place *place);

#endif
