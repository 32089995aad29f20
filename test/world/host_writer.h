#ifndef WJOBS_HOST_WRITER_H
#define WJOBS_HOST_WRITER_H

#include "test/world/cluster.h"

/*
 * A host's way to the store: operations in order, in batches, that are sent
 * again until there is an answer; as lib/store/writer.c, in simulated time.
 */
struct host_writer *host_writer_new(struct cluster_host *host);
void host_writer_free(struct host_writer *writer);
struct store_port *host_writer_port(struct host_writer *writer);
/* All that was not written yet is lost. */
void host_writer_crash(struct host_writer *writer);
bool host_writer_is_idle(const struct host_writer *writer);

#endif
