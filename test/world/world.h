#ifndef WJOBS_WORLD_H
#define WJOBS_WORLD_H

#include "lib/base/simclock.h"
#include "lib/engine/run.h"
#include "lib/engine/scheduler.h"

/*
 * A simulated world for the scheduler: a clock, processes that last as long as
 * they are told to, and a store that outlives the scheduler. The world watches
 * while it runs and complains of what must never happen.
 */
struct world_event {
	enum world_what {
		WORLD_START,  /* an attempt began */
		WORLD_END,    /* it ended */
		WORLD_RECORD, /* the store took a record's end, or a skip */
	} what;
	int64_t at_ms, due_ms;
	const char *job;
	enum record_status status;
	enum record_reason reason;
	enum record_trigger trigger;
	int attempt;
	int64_t count;
};

struct world {
	struct clock *clock;
	struct jobfile file;
	struct engine engine;
	struct pool pool;
	struct scheduler *scheduler;
	struct world_processes *processes;
	struct world_store *store;
	bool is_stopped, killed_any;

	/* How processes behave; may look at the job and the attempt. */
	int64_t (*duration_ms)(struct world *world, const struct job *job);
	int (*exit_code)(
	    struct world *world, const struct job *job, int attempt);
	void (*event)(struct world *world, const struct world_event *event);
	void *data;
	int64_t store_delay_ms; /* until an operation is applied */
	bool store_is_down;     /* operations wait, claims fail */
	int64_t latest_ms;      /* how far the wall clock has ever been */

	/* What was seen. */
	size_t running, most_running, starts, faults;
	char fault[256]; /* the first */
};

void world_open(struct world *world, int64_t now_ms);
void world_close(struct world *world);
/* What is usual of a job, under a copy of that name. */
struct job world_plain_job(const char *name);
/* Borrowed; add before world_begin. The name must be unique. */
struct job *world_add_job(struct world *world, const char *name);

/* A scheduler begins, with what the store has. */
void world_begin(struct world *world);
/* It is killed: all that it had in mind is gone, its processes too. */
void world_crash(struct world *world);
/* It is asked to stop; time passes until it has. */
void world_stop(struct world *world);

void world_fault(struct world *world, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Of the store, for one job: */
int64_t world_watermark_ms(const struct world *world, const char *job);
int64_t world_first_ms(const struct world *world, const char *job);
/* Instants accounted for: claimed by a run, or in the count of a skip. */
int64_t world_settled(const struct world *world, const char *job);

#endif
