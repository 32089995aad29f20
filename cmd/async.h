#ifndef WJOBS_ASYNC_H
#define WJOBS_ASYNC_H

#include "cmd/slots.h"

/*
 * `pool --async`: a process of its own waits for a slot and runs the command,
 * while the caller goes on with an id. That process is this program again,
 * called in the same words; it knows by its environment that it is the one.
 */

/* In both: the exit status. argv is the command. */
int async_run(struct cli *cli, const struct slots_options *options, char **argv,
    struct err *err);

#endif
