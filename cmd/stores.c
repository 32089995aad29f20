#include "cmd/stores.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

static bool
stores_is_same(const struct store_place *a, const struct store_place *b)
{
	return a->store != NULL && b->store != NULL &&
	    strcmp(a->store, b->store) == 0;
}

/* *place stays empty where that is the store of history. */
static bool
stores_find_one(const struct stores *stores, const char *where,
    struct store_place *place, struct err *err)
{
	const char *path = stores->cli->jobfile.path;

	if (where == NULL)
		return true;
	if (!store_place_find(path, where, place, err))
		return false;
	if (stores_is_same(place, &stores->cli->place))
		store_place_release(place);
	return true;
}

static bool
stores_find(struct stores *stores, struct err *err)
{
	const struct jobfile *file = &stores->cli->jobfile;
	const char *dir = stores->cli->place.state_dir;

	stores->claims_spool = mem_printf("%s/spool-claims", dir);
	stores->queue_spool = mem_printf("%s/spool-queue", dir);
	return stores_find_one(
		   stores, jobfile_claims(file), &stores->claims_place, err) &&
	    stores_find_one(
		stores, jobfile_queue(file), &stores->queue_place, err);
}

static bool
stores_open_depot(struct stores *stores, struct depot *depot,
    const struct store_place *place, const char *spool, struct err *err)
{
	depot->place = place;
	depot->spool = stores->has_scheduler ? spool : NULL;
	depot->limits = cli_limits(stores->cli);
	depot->loop = stores->loop;
	depot->engine = stores->engine;
	depot->kind = stores->has_scheduler ? SESSION_SCHEDULER
					    : SESSION_WORKER;
	depot->owner = *stores->sign;
	depot->owner.jobfile_fd = depot->owner.store_fd = -1;
	depot->is_guest |= !stores->has_scheduler;
	depot->has_history = depot != &stores->queue;
	if (depot == &stores->claims)
		depot->limits.keep = 1;
	return depot_open(depot, err);
}

/* Instants are claimed, and found, in one of them. */
static bool
stores_open_claims(struct stores *stores, struct err *err)
{
	const struct store_place *own = &stores->claims_place;

	stores->first = &stores->history;
	if (own->store == NULL || !stores->has_scheduler)
		return true;
	stores->first = &stores->claims;
	return stores_open_depot(
	    stores, &stores->claims, own, stores->claims_spool, err);
}

static bool
stores_open_queue(struct stores *stores, struct err *err)
{
	const struct store_place *own = &stores->queue_place;

	if (stores->work != &stores->queue)
		return true;
	stores->queue.is_guest = true;
	return stores_open_depot(
	    stores, &stores->queue, own, stores->queue_spool, err);
}

static void
stores_find_work(struct stores *stores)
{
	if (stores->queue_place.store == NULL)
		stores->work = &stores->history;
	else if (stores->has_scheduler &&
	    stores_is_same(&stores->queue_place, &stores->claims_place))
		stores->work = &stores->claims;
	else
		stores->work = &stores->queue;
	stores->work->is_for_work = true;
}

static void
stores_connect(struct stores *stores)
{
	struct engine *engine = stores->engine;
	const struct jobfile *file = &stores->cli->jobfile;
	struct store_port *history = &stores->history.writer->port;

	engine->store = history;
	if (stores->first == &stores->claims) {
		split_init(
		    &stores->split, &stores->claims.writer->port, history);
		engine->store = &stores->split.port;
	}
	engine->queue = &stores->work->writer->port;
	if (stores->work != &stores->history)
		engine->history = history;
	if (engine->store != engine->queue) {
		route_init(&stores->route, engine->store, engine->queue);
		engine->store = &stores->route.port;
	}
	engine->queue_size = file->queue_size;
	engine->queue_aging_ms = file->queue_aging_ms;
	engine->runtime_dir = stores->cli->place.runtime_dir;
	engine->is_shared = stores->has_scheduler && jobfile_is_shared(file);
	engine->is_first = stores->first->session == NULL ||
	    stores->first->state.is_first;
}

bool
stores_open(struct stores *stores, struct err *err)
{
	const struct store_place *place = &stores->cli->place;

	if (!stores_find(stores, err))
		return false;
	stores_find_work(stores);
	stores->claims.is_for_claims = stores->claims_place.store != NULL;
	stores->history.is_for_claims = !stores->claims.is_for_claims;
	if (!stores_open_claims(stores, err) ||
	    !stores_open_depot(
		stores, &stores->history, place, place->spool, err) ||
	    !stores_open_queue(stores, err))
		return false;
	stores_connect(stores);
	return true;
}

void
stores_begin(
    struct stores *stores, struct scheduler *scheduler, struct worker *worker)
{
	depot_begin(stores->first, scheduler, NULL);
	if (stores->work == stores->first)
		depot_begin(stores->work, scheduler, worker);
	else
		depot_begin(stores->work, NULL, worker);
}

void
stores_close(struct stores *stores)
{
	depot_close(&stores->queue);
	depot_close(&stores->history);
	depot_close(&stores->claims);
	route_release(&stores->route);
	store_place_release(&stores->claims_place);
	store_place_release(&stores->queue_place);
	free(stores->claims_spool);
	free(stores->queue_spool);
}

bool
stores_are_stuck(const struct stores *stores)
{
	return stores->claims.is_stuck || stores->history.is_stuck ||
	    stores->queue.is_stuck;
}
