#ifndef WJOBS_DEPOT_H
#define WJOBS_DEPOT_H

#include "cmd/cmd.h"
#include "lib/engine/scheduler.h"
#include "lib/store/late.h"
#include "lib/store/session.h"
#include "lib/store/writer.h"

/*
 * A store of a scheduler, with all that stands between: the writer's thread,
 * and where other instances share the store, the session's. What they say goes
 * to the log and to the scheduler. A store that cannot be reached keeps no
 * scheduler from starting; one that must not be written does.
 */
struct depot {
	/* To be set; borrowed. */
	const struct store_place *place;
	struct store_limits limits;
	struct ev_loop *loop;
	struct engine *engine;
	bool is_for_claims; /* else for history alone */

	struct scheduler *scheduler; /* NULL before depot_begin */
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
void depot_begin(struct depot *depot, struct scheduler *scheduler);
/* No event any more: what waits is written, then others hear of the end. */
void depot_close(struct depot *depot);

#endif
