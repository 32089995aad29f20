#include "cmd/shelf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/patience.h"
#include "lib/base/mem.h"
#include "lib/base/redis_url.h"
#include "lib/store/wake.h"

/* How long a store that does not answer is asked again. */
#define SHELF_PATIENCE_MS  INT64_C(5000)
#define SHELF_PAUSE_MS     INT64_C(10)
#define SHELF_PAUSE_MAX_MS INT64_C(250)
/* Of history, where no jobfile says how much of it: as exec has it. */
#define SHELF_KEEP   100
#define SHELF_AGE_MS (INT64_C(30) * 24 * 60 * 60 * 1000)

static const char *
shelf_written(const struct cli *cli)
{
	return cli->has_jobfile ? jobfile_queue(&cli->jobfile) : NULL;
}

bool
shelf_is_memory(const struct cli *cli)
{
	const char *written = shelf_written(cli);

	return written != NULL && strcmp(written, "memory") == 0;
}

/* The same place by the same name needs no second search for it. */
static bool
shelf_find(struct shelf *shelf, struct err *err)
{
	struct cli *cli = shelf->cli;
	const struct jobfile *file = &cli->jobfile;

	if (!store_place_find(cli->has_jobfile ? file->path : NULL,
		shelf_written(cli), &shelf->place, err))
		return false;
	if (!cli->has_jobfile ||
	    strcmp(jobfile_queue(file), jobfile_history(file)) == 0) {
		shelf->has_history = true;
		return true;
	}
	if (!cli_find_place(cli, err))
		return false;
	shelf->has_history = strcmp(shelf->place.store, cli->place.store) == 0;
	return true;
}

/* As store_open, but a file that others keep locked is asked again. */
static enum store_opened
shelf_try(
    struct shelf *shelf, enum store_mode mode, char **note, struct err *err)
{
	struct store_limits limits = cli_limits(shelf->cli);
	struct patience patience;
	enum store_opened opened;

	if (mode == STORE_READ)
		limits = (struct store_limits){ .max_age_ms = -1 };
	else if (!shelf->cli->has_jobfile)
		limits = (struct store_limits){ .keep = SHELF_KEEP,
			.max_age_ms = SHELF_AGE_MS };
	patience_begin(
	    &patience, SHELF_PATIENCE_MS, SHELF_PAUSE_MS, SHELF_PAUSE_MAX_MS);
	do {
		opened = store_open(
		    shelf->place.store, mode, limits, &shelf->store, note, err);
	} while (opened == STORE_FAILED && mode == STORE_WRITE &&
	    err->code == ERR_UNREACHABLE && err->sys == 0 &&
	    !redis_url_is(shelf->place.store) && patience_pause(&patience));
	return opened;
}

static bool
shelf_open_own(struct shelf *shelf, enum store_mode mode, struct err *err)
{
	char *note = NULL;
	enum store_opened opened = shelf_try(shelf, mode, &note, err);

	if (note != NULL)
		cli_note(shelf->cli, "%s", note);
	free(note);
	if (opened != STORE_OPENED)
		shelf->store = NULL;
	if (opened != STORE_ABSENT)
		return opened == STORE_OPENED;
	*err = (struct err){ 0 };
	return true;
}

static bool
shelf_open_to_read(struct shelf *shelf, struct err *err)
{
	if (!shelf->has_history)
		return shelf_open_own(shelf, STORE_READ, err);
	if (!cli_open_store(shelf->cli, err))
		return false;
	shelf->store = shelf->cli->store;
	shelf->is_borrowed = true;
	return true;
}

static bool
shelf_is_absent(const struct shelf *shelf)
{
	return !redis_url_is(shelf->place.store) &&
	    access(shelf->place.store, F_OK) != 0 &&
	    (errno == ENOENT || errno == ENOTDIR);
}

static bool
shelf_open_to_write(struct shelf *shelf, enum shelf_mode mode, struct err *err)
{
	if (mode == SHELF_CHANGE && shelf_is_absent(shelf))
		return true;
	if (!redis_url_is(shelf->place.store) &&
	    !store_place_make(&shelf->place, err))
		return false;
	return shelf_open_own(shelf, STORE_WRITE, err);
}

bool
shelf_open(
    struct shelf *shelf, struct cli *cli, enum shelf_mode mode, struct err *err)
{
	bool ok;

	*shelf = (struct shelf){ .cli = cli };
	if (shelf_is_memory(cli))
		return err_set(err, ERR_UNREACHABLE,
		    "the queue is in the scheduler's memory and cannot be "
		    "reached from here");
	if (!shelf_find(shelf, err))
		return false;
	ok = mode == SHELF_READ ? shelf_open_to_read(shelf, err)
				: shelf_open_to_write(shelf, mode, err);
	/* The jobfile is well: it is the store that does not answer. */
	if (!ok && err->code == ERR_SYSTEM)
		err->code = ERR_UNREACHABLE;
	return ok;
}

void
shelf_close(struct shelf *shelf)
{
	if (!shelf->is_borrowed)
		store_close(shelf->store);
	store_place_release(&shelf->place);
	*shelf = (struct shelf){ 0 };
}

bool
shelf_history(struct shelf *shelf, struct store **store, struct err *err)
{
	*store = shelf->store;
	if (shelf->has_history)
		return true;
	*store = NULL;
	if (!cli_find_place(shelf->cli, err))
		return false;
	if (cli_store_is_memory(shelf->cli))
		return true;
	if (!cli_open_store(shelf->cli, err))
		return false;
	*store = shelf->cli->store;
	return true;
}

struct store_op *
shelf_op_new(const struct shelf *shelf, enum work_op_kind kind)
{
	struct store_op *op = store_op_new(STORE_WORK, NULL);

	op->work = work_op_new(kind);
	op->work->has_history = shelf->has_history;
	return op;
}

bool
shelf_apply(
    struct shelf *shelf, struct store_op **ops, size_t n, struct err *err)
{
	struct patience patience;

	patience_begin(
	    &patience, SHELF_PATIENCE_MS, SHELF_PAUSE_MS, SHELF_PAUSE_MAX_MS);
	while (!store_apply(shelf->store, ops, n, err))
		if (err->code != ERR_UNREACHABLE || !patience_pause(&patience))
			return false;
	*err = (struct err){ 0 };
	wake_ring(&shelf->place);
	return true;
}

bool
shelf_do(struct shelf *shelf, struct store_op *op, struct shelf_answer *answer,
    struct err *err)
{
	bool ok = shelf_apply(shelf, &op, 1, err);

	*answer = (struct shelf_answer){ .result = op->result,
		.state = op->work->work.state,
		.n = op->work->n,
		.is_more = op->work->is_more };
	store_op_free(op);
	return ok;
}

static bool
shelf_post_end(struct shelf *shelf, struct store_op *op, struct err *err)
{
	struct cli *cli = shelf->cli;
	struct store *store = NULL;
	bool ok;

	if (!cli_find_place(cli, err))
		return false;
	if (cli_store_is_memory(cli))
		return err_set(err, ERR_UNREACHABLE,
		    "history is in the scheduler's memory");
	if (!redis_url_is(cli->place.store) &&
	    !store_place_make(&cli->place, err))
		return false;
	if (store_open(cli->place.store, STORE_WRITE, cli_limits(cli), &store,
		NULL, err) != STORE_OPENED)
		return false;
	ok = store_apply(store, &op, 1, err);
	store_close(store);
	return ok;
}

void
shelf_tell_end(struct shelf *shelf, const struct record *record)
{
	struct store_op *op;
	struct err err = { 0 };
	char text[600];

	if (shelf->has_history)
		return;
	op = store_op_new(STORE_END, record);
	if (!shelf_post_end(shelf, op, &err)) {
		err_format(&err, text, sizeof text);
		cli_note(shelf->cli, "history is not written: %s", text);
	}
	store_op_free(op);
}

void
shelf_tell_cancelled(struct shelf *shelf, const struct work *work)
{
	struct record record;

	record_copy(&record, &work->record);
	record.status = RECORD_CANCELLED;
	record.reason = RECORD_CANCELLED_BY_USER;
	record.completed_ms = clock_now_ms();
	record.retry_at_ms = CLOCK_NONE;
	shelf_tell_end(shelf, &record);
	record_release(&record);
}
