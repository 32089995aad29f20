#ifndef WJOBS_ALIVE_H
#define WJOBS_ALIVE_H

#include "cmd/cmd.h"
#include "lib/store/instance.h"

/*
 * The instances that are alive: who claims is alive where it claims, else where
 * history is kept. To be released by instances_release().
 */
bool alive_list(struct cli *cli, struct instance **list, size_t *n,
    struct err *err) MUST_CHECK;

#endif
