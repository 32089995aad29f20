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
	const char *jobfile;      /* absolute; NULL for `exec` without one */
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
};

/*
 * What `worker` is: worker_id, or where that is NULL the host's name and a
 * random suffix. To free.
 */
char *engine_worker(const char *worker_id);

/* Read the environments and this process' identity. */
void engine_init(struct engine *engine);
void engine_release(struct engine *engine);

#endif
