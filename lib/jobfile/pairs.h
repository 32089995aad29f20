#ifndef WJOBS_JOBFILE_PAIRS_H
#define WJOBS_JOBFILE_PAIRS_H

#include "lib/jobfile/loader.h"

/* Values that are maps from names to texts: lists of "NAME=value". */

/* False where one was wrong, which is then reported. */
bool pairs_read(struct loader *l, const struct key *key,
    const struct yaml_node *node, const char ***field);
/* base, with the values of own in place of or behind its; either may be NULL. */
const char **
pairs_merge(struct arena *arena, const char **base, const char **own);

#endif
