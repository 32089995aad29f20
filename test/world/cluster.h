#ifndef WJOBS_CLUSTER_H
#define WJOBS_CLUSTER_H

#include "lib/base/simclock.h"
#include "lib/engine/run.h"
#include "lib/engine/scheduler.h"

/*
 * Many simulated hosts around one store that they share. Each host has a clock
 * of its own, which is wrong, a scheduler, processes, a writer and a session;
 * the store has the time that counts. Hosts crash, freeze and are cut off,
 * replies are lost, and what was sent in vain is carried out later. The cluster
 * watches, and complains of what must never happen.
 */
#define CLUSTER_HOSTS 6

/* What may be broken on purpose, to see the checks fail. */
enum cluster_mutant {
	CLUSTER_SOUND,
	CLUSTER_RELEASE, /* a lock until the run's end, and no watermark */
	CLUSTER_NEW_ID,  /* a claim that is asked again is another one */
	CLUSTER_WALL,    /* leases are timed by the clock that is set */
};

struct cluster;
struct shared_store;

struct cluster_host {
	struct cluster *cluster;
	int number;
	char name[16];
	struct clock *clock;
	int64_t offset_ms; /* its wall clock less the store's */
	struct engine engine;
	struct pool pool;
	struct scheduler *scheduler; /* NULL while it is down */
	struct proc_host processes;
	struct child *children;
	struct host_writer *writer;
	/* Its session; 0: none. */
	uint64_t sid, old_sid;
	int64_t renewed_ms, looked_ms; /* by the lease's clock */
	int doubts;                    /* how often it was told of a loss */
	bool is_blind;                 /* it began without the store */
	struct clock_timer session;
	bool is_cut;          /* off from the store */
	int64_t frozen_to_ms; /* by the store's clock; 0: not */
	int64_t frozen_ms;    /* when it was last so */
	int64_t froze_ms;     /* when that began */
	bool is_stopped;
};

struct cluster {
	struct clock *clock; /* the store's */
	struct jobfile file;
	struct shared_store *store;
	struct cluster_host host[CLUSTER_HOSTS];
	int hosts;
	enum cluster_mutant mutant;
	uint64_t seed;
	bool is_away;         /* the store, from all */
	int lossy;            /* of a hundred replies, so many are lost */
	int64_t disturbed_ms; /* when anything was last not as it should be */
	int64_t lasts_ms;     /* 0: at random; else each run's length */
	struct seen {         /* of each job */
		int64_t *due; /* instants begun, sorted as they began */
		int64_t *began;
		size_t n;
		uint64_t fence;
		int64_t checked_ms; /* instants looked at, whether on time */
	} * seen;
	size_t faults, starts, granted, reruns, punctual;
	char fault[256];
};

void cluster_open(struct cluster *cluster, int64_t now_ms, int hosts,
    uint64_t seed, enum cluster_mutant mutant);
void cluster_close(struct cluster *cluster);
struct job *cluster_add_job(struct cluster *cluster, const char *name);
int64_t cluster_random(struct cluster *cluster, int64_t n);
void
cluster_fault(struct cluster *cluster, const char *fmt, ...) PRINTF_LIKE(2, 3);
int64_t cluster_now_ms(const struct cluster *cluster);

/* Let time pass for all, up to that instant of the store's clock. */
void cluster_run(struct cluster *cluster, int64_t until_ms);

/* All that run are asked to stop, until they have and all is written. */
void cluster_stop(struct cluster *cluster);

#endif
