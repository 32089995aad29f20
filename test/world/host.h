#ifndef WJOBS_HOST_H
#define WJOBS_HOST_H

#include "test/world/cluster.h"

/* One host of a cluster: its scheduler, its processes and its session. */
void host_open(struct cluster_host *host, struct cluster *cluster, int number,
    int64_t offset_ms);
void host_close(struct cluster_host *host);
void host_begin(struct cluster_host *host);
void host_crash(struct cluster_host *host);
void host_freeze(struct cluster_host *host, int64_t for_ms);
/* Ask it to stop; is_stopped says when it has. */
void host_stop(struct cluster_host *host);
/* Its clock is set. */
void host_step(struct cluster_host *host, int64_t by_ms);
/* Whether the host reaches the store just now. */
bool host_reaches_store(const struct cluster_host *host);
/* Of processes: the ids of runs that a host has under way. */
bool host_has_run(const struct cluster_host *host, const struct ulid *id);

#endif
