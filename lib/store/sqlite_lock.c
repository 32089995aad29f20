#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/store/lock_file.h"
#include "lib/store/sqlite.h"

/*
 * A run's lock is one of those beside the file, under its id as the token, so
 * that runs and `wjobs lock` exclude one another. It is held while the process
 * lives that answers for the run, or the run's own leader: what a scheduler
 * that was killed has left running keeps it.
 *
 * The locks are none of the transaction's. Each of these may be repeated, so a
 * batch that is applied again finds them as it wants them.
 */

static struct lock *
locks(struct sqlite *sq)
{
	if (sq->locks == NULL)
		sq->locks = lock_file_open(sq->path);
	return sq->locks;
}

/* Once, until they can be used again. */
static void
note(struct sqlite *sq, bool is_done, const struct err *err)
{
	if (!is_done && !sq->is_lock_told)
		log_event(LOG_ERROR, "a lock cannot be kept", "error", err->msg,
		    NULL);
	sq->is_lock_told = !is_done;
}

/* As redis_write.c has it. */
static char *
holder_name(const struct record *record)
{
	char id[ULID_LEN + 1];

	ulid_format(&record->id, id);
	return mem_printf("%s, run %s%s%s", record->job, id,
	    record->worker != NULL ? " on " : "",
	    record->worker != NULL ? record->worker : "");
}

bool
sqlite_take_lock(struct sqlite *sq, struct store_op *op)
{
	char token[ULID_LEN + 1], *holder = holder_name(&op->record);
	struct lock_ask ask = { .key = op->lock,
		.token = token,
		.holder = holder,
		.process = &op->record.owner,
		.ttl_ms = LOCK_NO_END };
	enum lock_taken taken;
	struct lock_state state;
	struct err err;

	ulid_format(&op->record.id, token);
	taken = lock_take(locks(sq), &ask, &state, &err);
	free(holder);
	note(sq, taken != LOCK_FAILED, &err);
	switch (taken) {
	case LOCK_TAKEN:
		return true;
	case LOCK_HELD:
		op->result = CLAIM_LOCKED;
		free(op->holder);
		op->holder = mem_strdup(state.holder);
		break;
	case LOCK_FAILED:
		op->result = CLAIM_FAILED;
		break;
	}
	return false;
}

void
sqlite_drop_lock(struct sqlite *sq, const struct ulid *id)
{
	char token[ULID_LEN + 1];
	struct err err;

	if (sq->locks == NULL)
		return;
	ulid_format(id, token);
	note(sq, lock_file_drop(sq->locks, token, &err), &err);
}

void
sqlite_guard_lock(struct sqlite *sq, const struct record *record)
{
	char token[ULID_LEN + 1];
	struct err err;

	if (sq->locks == NULL)
		return;
	ulid_format(&record->id, token);
	note(
	    sq, lock_file_guard(sq->locks, token, &record->leader, &err), &err);
}

void
sqlite_adopt_lock(struct sqlite *sq, const struct record *record)
{
	char token[ULID_LEN + 1];
	struct err err;

	ulid_format(&record->id, token);
	note(sq, lock_file_adopt(locks(sq), token, &record->owner, &err), &err);
}
