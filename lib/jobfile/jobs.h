#ifndef WJOBS_JOBFILE_JOBS_H
#define WJOBS_JOBFILE_JOBS_H

#include "lib/jobfile/loader.h"

/* Jobs, handlers, and what else is a map of keys, from their trees. */

/*
 * A group such as `retry`: its parts, or a scalar that stands for one. False
 * where any of it was wrong, which is then reported.
 */
bool jobs_read_group(struct loader *l, const struct key *group,
    const struct yaml_node *node, bool is_job, void *base,
    struct keyset *written);
void jobs_read_defaults(
    struct loader *l, struct loader_set *set, const struct yaml_node *value);
void jobs_read_one(struct loader *l, struct loader_set *set,
    const struct yaml_node *name, const struct yaml_node *value);
/* `jobs` where it is not walked but given whole, or is no map at all. */
void jobs_read_map(
    struct loader *l, struct loader_set *set, const struct yaml_node *value);

#endif
