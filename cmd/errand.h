#ifndef WJOBS_ERRAND_H
#define WJOBS_ERRAND_H

#include "cmd/slots.h"

/*
 * A command that waits for a slot of a named pool by itself, as a piece of work
 * of the queue that this process has for itself: put there, its id printed and
 * standard streams let go of, then run in a slot, its output kept, and ended
 * there. To cancel the work ends the wait, or the command.
 */
int errand_run(struct cli *cli, const struct slots_options *options,
    char **argv, struct err *err);

#endif
