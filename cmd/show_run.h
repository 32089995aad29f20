#ifndef WJOBS_SHOW_RUN_H
#define WJOBS_SHOW_RUN_H

#include "cmd/future.h"
#include "cmd/out.h"

/*
 * `show RUN`: the whole record of a run with each of its attempts; of work
 * also what the queue knows of it.
 */
bool show_run(struct cli *cli, struct out *out, const struct future *future,
    struct err *err) MUST_CHECK;

#endif
