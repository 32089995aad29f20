#include "cmd/depot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/redis_url.h"
#include "lib/store/owner.h"
#include "lib/store/redis_session.h"

/* How long a stop waits for a slow store, after the last run has ended. */
#define FLUSH_MS 5000

/* From here on the clock is worth a warning; then it is a fault. */
#define OFFSET_WARN_MS 1000
#define OFFSET_BAD_MS  30000

/* What the writer says */

static const char *
depot_trouble(const struct depot *depot, bool is_refused)
{
	if (!depot->has_history)
		return is_refused
		    ? "degraded: the queue's store refuses us, until somebody "
		      "changes something"
		    : "degraded: the queue's store does not answer";
	return is_refused ? "degraded: the store refuses history, until "
			    "somebody changes something"
			  : "degraded: history waits for its store";
}

static void
depot_on_store(void *data)
{
	struct depot *depot = data;
	struct writer_state state;
	char waiting[24], dropped[24];

	writer_state(depot->writer, &state);
	snprintf(waiting, sizeof waiting, "%zu", state.waiting);
	snprintf(
	    dropped, sizeof dropped, "%llu", (unsigned long long)state.dropped);
	if (depot->is_for_claims)
		depot->engine->is_store_away = state.is_degraded;
	if (state.note[0] != '\0')
		log_line(LOG_ERROR, "%s", state.note);
	if (state.is_degraded)
		log_event(LOG_ERROR, depot_trouble(depot, state.is_refused),
		    "error", state.reason, "waiting", waiting, NULL);
	else if (state.note[0] == '\0')
		log_event(LOG_INFO,
		    depot->has_history ? "the store takes history again"
				       : "the queue's store answers again",
		    "dropped", state.dropped != 0 ? dropped : NULL, NULL);
}

static void
depot_log_found(const struct store_start *found)
{
	if (found->lost != 0)
		log_line(LOG_WARN,
		    "%zu runs of a scheduler that died are marked as lost",
		    found->lost);
}

static void
depot_on_found(void *data, struct store_start *found)
{
	struct depot *depot = data;

	depot_log_found(found);
	if (depot->scheduler != NULL)
		scheduler_found(depot->scheduler, found);
}

/* What the session says */

static void
depot_log_clock(struct depot *depot, int64_t offset_ms)
{
	int64_t off = offset_ms < 0 ? -offset_ms : offset_ms;
	int level = off > OFFSET_BAD_MS ? 2 : off > OFFSET_WARN_MS ? 1 : 0;
	char text[32];

	if (level == depot->clock_level)
		return;
	depot->clock_level = level;
	snprintf(text, sizeof text, "%+.3fs", (double)offset_ms / 1e3);
	if (level == 0)
		log_event(LOG_INFO, "the clock agrees with the store's again",
		    "offset", text, NULL);
	else
		log_event(level == 1 ? LOG_WARN : LOG_ERROR,
		    level == 1 ? "the clock differs from the store's"
			       : "degraded: the clock is far from the store's",
		    "offset", text, NULL);
}

static void
depot_log_session(
    const struct session_state *was, const struct session_state *is)
{
	if (is->is_away &&
	    (!was->is_away || strcmp(was->reason, is->reason) != 0))
		log_event(LOG_ERROR,
		    is->is_refused
			? "degraded: the shared store refuses us, until "
			  "somebody changes something"
			: "degraded: the shared store does not answer",
		    "error", is->reason, NULL);
	else if (!is->is_away && was->is_away)
		log_line(LOG_INFO, "the shared store answers again");
}

static void
depot_on_session(void *data)
{
	struct depot *depot = data;
	struct session_state state;

	session_state(depot->session, &state);
	depot_log_session(&depot->state, &state);
	if (state.has_offset && depot->is_for_claims) {
		depot_log_clock(depot, state.offset_ms);
		if (depot->scheduler != NULL)
			scheduler_store_clock(
			    depot->scheduler, state.offset_ms);
	}
	if (depot->writer != NULL && state.is_open &&
	    (!depot->state.is_open || (depot->state.is_away && !state.is_away)))
		writer_hurry(depot->writer);
	depot->state = state;
}

static void
depot_lose(struct depot *depot, bool now)
{
	bool has_claims = depot->is_for_claims && depot->scheduler != NULL;
	bool has_work = depot->is_for_work && depot->worker != NULL;

	if (!has_claims && !has_work)
		return;
	log_line(now ? LOG_ERROR : LOG_WARN,
	    now ? "the session with the store is lost; killing what it claimed"
		: "the session with the store is in doubt; stopping what it "
		  "claimed");
	if (has_claims)
		scheduler_lease_lost(depot->scheduler, now);
	if (has_work)
		worker_lease_lost(depot->worker, now);
}

static void
depot_on_doubtful(void *data)
{
	struct depot *depot = data;

	depot_lose(depot, false);
}

static void
depot_on_lost(void *data)
{
	struct depot *depot = data;

	depot_lose(depot, true);
}

/* Opening */

/* The session's first attempt is made here, so that a start knows of it. */
static bool
depot_open_session(struct depot *depot, struct err *err)
{
	struct engine *engine = depot->engine;
	struct session_self self = {
		.kind = depot->kind,
		.worker = engine->worker,
		.process = engine->self,
		.since_ms = clock_wall_ms(engine->clock),
		.version = WJOBS_VERSION,
	};
	const struct session_events events = {
		.changed = depot_on_session,
		.found = depot_on_found,
		.doubtful = depot_on_doubtful,
		.lost = depot_on_lost,
		.data = depot,
	};
	struct session_store *store;

	if (!redis_url_is(depot->place->store))
		return true;
	store = redis_session_new(depot->place->store, depot->limits, err);
	if (store == NULL)
		return false;
	depot->session = session_new(
	    depot->loop, engine->clock, store, &self, &session_times, &events);
	depot->bond = (struct store_session){ session_current, depot->session };
	if (!session_open(depot->session, err) && err->code == ERR_CONFIG)
		return false;
	depot_on_session(depot);
	return true;
}

/* False with err where the store cannot be had now, or must not be written. */
static bool
depot_try_store(struct depot *depot, struct store **store, struct err *err)
{
	char *note = NULL;
	bool is_open;

	if (!depot->is_guest &&
	    !owner_take_store(depot->place, &depot->owner, err))
		return false;
	is_open = store_open(depot->place->store,
		      depot->is_guest ? STORE_WRITE : STORE_OWN, depot->limits,
		      store, &note, err) == STORE_OPENED;
	if (note != NULL)
		log_line(
		    redis_url_is(depot->place->store) ? LOG_WARN : LOG_ERROR,
		    "%s", note);
	free(note);
	if (is_open && depot->session != NULL)
		store_bind(*store, &depot->bond);
	return is_open;
}

static bool
depot_take_over(struct depot *depot, struct store *store, struct err *err)
{
	char *note;

	if (depot->is_guest)
		return true;
	if (!late_take_over(depot->place, store, &depot->engine->self,
		&depot->found, &note, err))
		return false;
	if (note != NULL)
		log_event(
		    LOG_ERROR, "what was spooled waits", "error", note, NULL);
	free(note);
	depot_log_found(&depot->found);
	return true;
}

/*
 * The store, or one that opens later where it cannot now: jobs do not wait for
 * it. NULL where it is one that must not be written.
 */
static struct store *
depot_reach_store(struct depot *depot, struct err *err)
{
	const struct late_place late = {
		.place = depot->place,
		.owner = depot->is_guest ? NULL : &depot->owner,
		.limits = depot->limits,
		.self = depot->is_guest ? NULL : &depot->engine->self,
		.session = depot->session != NULL ? &depot->bond : NULL,
	};
	struct store *store = NULL;

	if (depot->state.is_away)
		return late_new(&late); /* and that was told */
	if (depot_try_store(depot, &store, err)) {
		if (depot_take_over(depot, store, err))
			return store;
		store_close(store);
		if (depot->session == NULL)
			return NULL;
	}
	if (err->code == ERR_CONFIG || err->code == ERR_BUSY)
		return NULL;
	log_event(LOG_ERROR, "degraded: the store cannot be opened yet",
	    "error", err->msg, NULL);
	*err = (struct err){ 0 }; /* told, and no reason to end */
	return late_new(&late);
}

bool
depot_open(struct depot *depot, struct err *err)
{
	const struct writer_events events = {
		.changed = depot_on_store,
		.found = depot_on_found,
		.data = depot,
	};
	struct store *store;

	if (!depot_open_session(depot, err) ||
	    (store = depot_reach_store(depot, err)) == NULL)
		return false;
	if (depot->is_for_claims) {
		depot->engine->is_store_away = store_is_late(store);
		/* shared jobs begin by the store's clock, the first time too */
		if (depot->state.has_offset)
			depot->engine->store_offset_ms = depot->state.offset_ms;
	}
	depot->writer = writer_start(
	    depot->loop, store, depot->spool, &events, err);
	if (depot->writer == NULL) {
		store_close(store);
		return false;
	}
	return depot->session == NULL || session_start(depot->session, err);
}

void
depot_begin(
    struct depot *depot, struct scheduler *scheduler, struct worker *worker)
{
	depot->scheduler = scheduler;
	depot->worker = worker;
}

void
depot_close(struct depot *depot)
{
	struct err err;

	depot->scheduler = NULL;
	depot->worker = NULL;
	if (depot->writer != NULL &&
	    !writer_stop(depot->writer, FLUSH_MS, &err))
		log_event(LOG_ERROR, "history is lost", "error", err.msg, NULL);
	depot->writer = NULL;
	if (!session_free(depot->session))
		depot->is_stuck = true;
	depot->session = NULL;
	store_start_release(&depot->found);
	owner_give(&depot->owner);
}
