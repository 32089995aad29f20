#include "cmd/filter_store.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/redis_url.h"
#include "lib/store/redis_session.h"
#include "lib/store/wake.h"

static void
filter_store_failed(void *data, const struct err *err)
{
	struct filter_store *fs = data;
	char text[600];

	err_format(err, text, sizeof text);
	cli_note(fs->cli, "history is not written: %s", text);
}

static void
filter_store_doubtful(void *data)
{
	struct filter_store *fs = data;

	fs->lease_lost(fs->data, false);
}

static void
filter_store_lost(void *data)
{
	struct filter_store *fs = data;

	fs->lease_lost(fs->data, true);
}

static bool
filter_store_open_session(struct filter_store *fs, struct filter_shelf *shelf,
    const char *where, struct err *err)
{
	struct session_self self = {
		.kind = SESSION_FILTER,
		.worker = fs->engine->worker,
		.process = fs->engine->self,
		.since_ms = clock_wall_ms(fs->engine->clock),
		.version = WJOBS_VERSION,
	};
	const struct session_events events = {
		.doubtful = filter_store_doubtful,
		.lost = filter_store_lost,
		.data = fs,
	};
	struct session_store *store = redis_session_new(
	    where, fs->filter->limits, err);

	if (store == NULL)
		return false;
	shelf->session = session_new(
	    fs->loop, fs->engine->clock, store, &self, &session_times, &events);
	shelf->bond = (struct store_session){ session_current, shelf->session };
	return session_open(shelf->session, err) &&
	    session_start(shelf->session, err);
}

static bool
filter_store_open_one(struct filter_store *fs, struct filter_shelf *shelf,
    const char *where, struct err *err)
{
	char *note = NULL;
	bool is_open;

	if (redis_url_is(where) &&
	    !filter_store_open_session(fs, shelf, where, err))
		return false;
	is_open = store_open(where, STORE_WRITE, fs->filter->limits,
		      &shelf->store, &note, err) == STORE_OPENED;
	if (note != NULL)
		cli_note(fs->cli, "%s", note);
	free(note);
	if (!is_open) {
		shelf->store = NULL;
		return false;
	}
	if (shelf->session != NULL)
		store_bind(shelf->store, &shelf->bond);
	direct_init(&shelf->direct, shelf->store, filter_store_failed, fs);
	return true;
}

/* Where instants are claimed, if not where history is kept. */
static const char *
filter_store_claims(const struct filter_store *fs)
{
	const struct filter *filter = fs->filter;
	const char *claims;

	if (filter->file == NULL || !filter->has_claims)
		return NULL;
	claims = jobfile_claims(filter->file);
	if (claims == NULL ||
	    strcmp(claims, jobfile_history(filter->file)) == 0)
		return NULL;
	return claims;
}

static bool
filter_store_open_claims(struct filter_store *fs, struct err *err)
{
	const struct jobfile *file = fs->filter->file;
	const char *claims = filter_store_claims(fs);
	struct filter_shelf *shelf = &fs->claims;

	if (claims == NULL)
		return true;
	if (!store_place_find(file->path, claims, &shelf->place, err) ||
	    !filter_store_open_one(fs, shelf, shelf->place.store, err))
		return false;
	split_init(&fs->split, &shelf->direct.port, &fs->history.direct.port);
	fs->engine->store = &fs->split.port;
	return true;
}

/* Work, if any job of the file puts some in */

static bool
filter_store_puts_work(const struct filter_store *fs)
{
	const struct jobfile *file = fs->filter->file;
	size_t i;

	for (i = 0; file != NULL && fs->filter->has_claims && i < file->n; i++)
		if (file->job[i].handler != NULL)
			return true;
	return false;
}

static void
filter_store_ring(void *data)
{
	const struct filter_store *fs = data;

	wake_ring(fs->queue_place);
}

/* Returns the port to it; NULL with err where it cannot be opened. */
static struct store_port *
filter_store_find_queue(struct filter_store *fs, struct err *err)
{
	const struct jobfile *file = fs->filter->file;
	struct filter_shelf *shelf = &fs->queue;

	if (!store_place_find(
		file->path, jobfile_queue(file), &shelf->place, err))
		return NULL;
	fs->queue_place = &shelf->place;
	if (strcmp(shelf->place.store, fs->filter->place->store) == 0)
		return &fs->history.direct.port;
	if (fs->claims.store != NULL &&
	    strcmp(shelf->place.store, fs->claims.place.store) == 0)
		return &fs->claims.direct.port;
	return filter_store_open_one(fs, shelf, shelf->place.store, err)
	    ? &shelf->direct.port
	    : NULL;
}

static void
filter_store_open_queue(struct filter_store *fs)
{
	struct engine *engine = fs->engine;
	const struct jobfile *file = fs->filter->file;

	if (!filter_store_puts_work(fs))
		return;
	engine->queue = filter_store_find_queue(fs, &fs->no_queue);
	if (engine->queue == NULL)
		return;
	if (engine->queue != &fs->history.direct.port)
		engine->history = &fs->history.direct.port;
	if (engine->queue != engine->store) {
		route_init(&fs->route, engine->store, engine->queue);
		engine->store = &fs->route.port;
	}
	engine->queue_size = file->queue_size;
	engine->queue_aging_ms = file->queue_aging_ms;
	engine->put = filter_store_ring;
	engine->put_data = fs;
}

void
filter_store_open(struct filter_store *fs)
{
	const struct filter *filter = fs->filter;
	struct err err;

	if (filter->place == NULL ||
	    strcmp(filter->place->store, "memory") == 0)
		return;
	if (!store_place_make(filter->place, &err) ||
	    !filter_store_open_one(
		fs, &fs->history, filter->place->store, &err)) {
		fs->away = err;
		filter_store_failed(fs, &err);
		return;
	}
	fs->engine->store = &fs->history.direct.port;
	fs->engine->runtime_dir = filter->place->runtime_dir;
	fs->engine->is_shared = filter->has_claims &&
	    jobfile_is_shared(filter->file);
	if (!filter_store_open_claims(fs, &fs->away)) {
		fs->engine->is_shared = false;
		filter_store_failed(fs, &fs->away);
	}
	filter_store_open_queue(fs);
}

bool
filter_store_admits(
    const struct filter_store *fs, const struct job *job, struct err *err)
{
	const struct filter *filter = fs->filter;

	if (job->handler != NULL && fs->no_queue.code != ERR_NONE) {
		*err = fs->no_queue;
		err->code = ERR_UNREACHABLE;
		return err_prefix(err, "%s cannot put its work in", job->name);
	}
	if (fs->away.code == ERR_NONE || !filter->has_claims ||
	    !jobfile_is_shared(filter->file) || !job->shared ||
	    job->on_lock_error == JOB_LOCK_RUN)
		return true;
	*err = fs->away;
	if (err->code != ERR_CONFIG)
		err->code = ERR_UNREACHABLE;
	return err_prefix(err, "%s is not run without a claim", job->name);
}

static bool
filter_store_close_one(struct filter_shelf *shelf)
{
	bool is_free;

	store_close(shelf->store);
	is_free = session_free(shelf->session);
	store_place_release(&shelf->place);
	return is_free;
}

bool
filter_store_close(struct filter_store *fs)
{
	bool queue = filter_store_close_one(&fs->queue);
	bool claims = filter_store_close_one(&fs->claims);

	route_release(&fs->route);
	return filter_store_close_one(&fs->history) && claims && queue;
}
