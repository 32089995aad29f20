#ifndef WJOBS_UNDER_H
#define WJOBS_UNDER_H

#include "cmd/acquire.h"

/*
 * A command under a lock, as a filter: `wjobs lock`, and a slot of a named
 * pool. Beside a file, where a lock is held while its process lives, the
 * command takes the place of this process: nobody has to wait for its end.
 * Else it is run beside the renewal.
 */

/*
 * Take what acquire has opened, and run argv; goes_on also where the lock is
 * lost. The exit status; err is filled where there is something to say.
 */
int under_run(struct cli *cli, struct acquire *acquire, char **argv,
    bool goes_on, struct err *err);
/* WJOBS_FENCE of our own environment. */
void under_export_fence(const struct lock_state *state);

#endif
