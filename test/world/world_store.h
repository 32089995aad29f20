#ifndef WJOBS_WORLD_STORE_H
#define WJOBS_WORLD_STORE_H

#include "test/world/incident.h"
#include "test/world/world.h"

/* A store in memory that keeps the promises of lib/store/store.h. */
struct world_store {
	struct store_port port; /* must be first */
	struct world *world;
	struct store_op *first; /* posted, not yet applied */
	struct clock_timer timer;
	struct kept {
		char *job;
		int64_t first_ms, watermark_ms, settled;
		struct incident incident;
	} * job;
	size_t n;
	struct record *record; /* pending and running */
	size_t records;
};

struct world_store *world_store_new(struct world *world);
void world_store_free(struct world_store *store);
void world_store_begin(struct world_store *store);
/* Operations posted and not applied are lost with their scheduler. */
void world_store_crash(struct world_store *store);
/* Apply all that waits, at once. */
void world_store_flush(struct world_store *store);
void world_store_start(struct world_store *store, struct store_start *start);
struct kept *world_store_find(struct world_store *store, const char *job);

#endif
