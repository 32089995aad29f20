#ifndef WJOBS_DEPOT_H
#define WJOBS_DEPOT_H

#include "cmd/cmd.h"
#include "lib/engine/scheduler.h"
#include "lib/engine/worker.h"
#include "lib/store/late.h"
#include "lib/store/session.h"
#include "lib/store/writer.h"

/*
 * A store of a scheduler, with all that stands between: the writer's thread,
 * and where other instances share the store, the session's. What they say goes
 * to the log, to the scheduler and to the workers. A store that cannot be
 * reached keeps no scheduler from starting; one that must not be written does.
 */
struct depot {
	/* To be set; borrowed. */
	const struct store_place *place;
	struct store_limits limits;
	struct ev_loop *loop;
	struct engine *engine;
	const char
	    *spool; /* where to leave what could not be written, or NULL */
	bool is_for_claims;
	bool is_for_work; /* the queue is there */
	bool has_history; /* else nothing but the queue */
	/*
	 * Others are at work there as well, and none owns it: no lock is taken,
	 * nothing is taken over.
	 */
	bool is_guest;
	enum session_kind kind;

	struct scheduler *scheduler; /* NULL before depot_begin, or at all */
	struct worker *worker;       /* likewise */
	struct owner owner;          /* of the store alone */
	struct session *session;     /* NULL: nobody shares the store */
	struct store_session bond;
	struct session_state state; /* as it was told last */
	struct writer *writer;
	struct store_start found;
	int clock_level; /* of what was said of the clock: 0, 1, 2 */
	bool is_stuck;   /* the session's thread hangs: see session_free */
};

/* store_place_make must have been called. depot->found is what there is. */
bool depot_open(struct depot *depot, struct err *err) MUST_CHECK;
/* From now on, what comes goes there. */
void depot_begin(
    struct depot *depot, struct scheduler *scheduler, struct worker *worker);
/* No event any more: what waits is written, then others hear of the end. */
void depot_close(struct depot *depot);

#endif
