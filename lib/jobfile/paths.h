#ifndef WJOBS_JOBFILE_PATHS_H
#define WJOBS_JOBFILE_PATHS_H

#include "lib/jobfile/loader.h"

/*
 * Values that are paths, absolute once read: relative ones start at the
 * jobfile's directory. False where one was wrong, which is then reported.
 */
bool paths_read(struct loader *l, const struct key *key,
    const struct yaml_node *node, const char *text, const char **field);
bool paths_read_list(struct loader *l, const struct key *key,
    const struct yaml_node *node, const char ***field);
/*
 * A path or URL that is left as it is, for the store to find; or `memory`, or
 * where the key may be so `none`.
 */
bool paths_read_store(struct loader *l, const struct key *key,
    const struct yaml_node *node, const char *text, const char **field);

#endif
