#ifndef WJOBS_HOLD_H
#define WJOBS_HOLD_H

#include <ev.h>

#include "cmd/acquire.h"
#include "lib/base/clock.h"
#include "lib/engine/engine.h"
#include "lib/store/renew.h"

/*
 * A lock that a filter's runs are under, beside an event loop: extended where
 * it needs to be, with the leader of each attempt as one that holds it too, and
 * released at the end. Runs are given its fence.
 */
struct hold {
	/* To be set. */
	struct acquire *acquire; /* taken */
	struct ev_loop *loop;
	struct engine *engine;
	/* It is lost, as err says: stop; with `now`, at once. */
	void (*lost)(void *data, const struct err *err, bool now);
	void *data;

	struct renew *renew;
	ev_async gone;
	struct clock_timer look;
	bool is_lost;
	int64_t kill_ms; /* of clock_boot_ms, once it is lost */
};

bool hold_start(struct hold *hold, struct err *err) MUST_CHECK;
/* Also where it was not started. */
void hold_stop(struct hold *hold);

#endif
