#ifndef WJOBS_ENGINE_H
#define WJOBS_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/process/env.h"
#include "lib/process/identity.h"
#include "lib/process/pool.h"
#include "lib/process/proc.h"
#include "lib/store/store.h"

struct notify;

/*
 * What all runs of one process share: the seams (clock, processes, store) and
 * the facts that go into each record and environment. Made once by the
 * command; everything here is borrowed but the environments.
 */
struct engine {
	struct clock *clock;
	struct proc_host *host;
	struct pool *pool;
	struct store_port *store; /* NULL: nothing is recorded (`exec`) */
	/*
	 * The queue: the same as `store`, or one of its own, which then has no
	 * history. NULL: nobody works here.
	 */
	struct store_port *queue;
	/* Where the ends of work are recorded, if the queue has no history. */
	struct store_port *history;
	int queue_size; /* how much may wait; see work_op */
	int64_t queue_aging_ms;
	/* A run has put work in: workers are to hear of it. NULL: nobody. */
	void (*put)(void *data);
	void *put_data;
	struct notify *notify; /* NULL: no hooks are run */
	const char *jobfile;   /* absolute; NULL for `exec` without one */
	const char *worker;
	struct identity self;
	/* Where metadata and live output lie while runs last; NULL: nowhere. */
	const char *runtime_dir;
	struct env inherited, clean; /* what `clean_env` chooses from */

	/*
	 * A filter (`run JOB`, `exec`): output goes whole to our own two
	 * streams, and where own_input is set the command reads our input.
	 */
	bool is_filter, own_input;
	const char *kind;     /* of all records; NULL: the job's */
	bool is_last_attempt; /* told to end: what fails is not tried again */
	/*
	 * Of a filter whose runs are all under one lock: its fence, and who is
	 * told of the leader of each attempt. 0 and NULL: there is none.
	 */
	uint64_t fence;
	void (*led)(void *data, const struct identity *leader);
	void *led_data;

	/*
	 * Instants are claimed in a store that other instances share; and there
	 * was none of these when this one began, so that what runs once at a
	 * start (`run_immediately`) is its own to run.
	 */
	bool is_shared, is_first;
	/*
	 * The store is known not to answer just now; or the last claim took so
	 * long that slots are not kept waiting for the next one (the engine's
	 * own finding). Runs then claim first and ask for a slot afterwards.
	 */
	bool is_store_away, is_store_slow;
	/*
	 * The store's clock less ours; 0: unknown, or not worth a word. From
	 * scheduler_store_clock, or from a claim that came much too early.
	 */
	int64_t store_offset_ms;
};

struct job;

/* Is the job claimed against other instances? */
bool engine_shares(const struct engine *engine, const struct job *job);
/* An operation on its instants says so, and which instant came before. */
void engine_mark_shared(
    const struct engine *engine, const struct job *job, struct store_op *op);
/*
 * The time by which the job is due: the store's for what is shared, as far as
 * it is known and differs, else ours.
 */
int64_t engine_now_ms(const struct engine *engine, const struct job *job);
int64_t engine_offset_ms(const struct engine *engine, const struct job *job);
#define ENGINE_OFFSET_MS 100 /* an offset up to this is not worth a word */

/*
 * What `worker` is: worker_id, or where that is NULL the host's name and a
 * random suffix. To free.
 */
char *engine_worker(const char *worker_id);

/* Read the environments and this process' identity. */
void engine_init(struct engine *engine);
/*
 * No run inherits these, NULL-terminated or NULL; to be called before the
 * first run.
 */
void engine_hide(struct engine *engine, const char *const *names);
void engine_release(struct engine *engine);

#endif
