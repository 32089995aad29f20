#include "cmd/future.h"

#include <errno.h>
#include <string.h>

#include "cmd/filter.h"
#include "lib/base/mem.h"

void
future_release(struct future *future)
{
	work_release(&future->work);
	record_release(&future->record);
	*future = (struct future){ 0 };
}

static bool
future_same(const struct ulid *a, const struct ulid *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

/* Both the queue and history know something by that beginning of an id. */
static bool
future_check(const struct future *future, const char *prefix, struct err *err)
{
	char a[ULID_LEN + 1], b[ULID_LEN + 1];

	if (!future->is_work || !future->has_record ||
	    future_same(&future->record.id, &future->work.id) ||
	    future_same(&future->record.id, &future->work.record.id))
		return true;
	ulid_format(&future->work.id, a);
	ulid_format(&future->record.id, b);
	return err_set(err, ERR_USAGE,
	    "'%s' is the beginning of more than one id, among them %s and %s",
	    prefix, a, b);
}

/*
 * Of work that was taken out of its grave the id is also that of its first
 * run, which has ended: what is wanted is the last one's record, or none.
 */
static bool
future_fit_record(struct store *history, struct future *future, struct err *err)
{
	const struct work *work = &future->work;
	char id[ULID_LEN + 1];

	if (!future->is_work ||
	    (future->has_record && work_state_is_final(work->state) &&
		future_same(&future->record.id, &work->record.id)))
		return true;
	if (future->has_record)
		record_release(&future->record);
	future->has_record = false;
	if (!work_state_is_final(work->state) || history == NULL)
		return true;
	ulid_format(&work->record.id, id);
	return history_find(
	    history, id, true, &future->record, &future->has_record, err);
}

static bool
future_look(struct shelf *shelf, const char *prefix, struct future *future,
    struct err *err)
{
	struct store *history;

	if (shelf->store != NULL &&
	    !queue_find(shelf->store, prefix, true, &future->work,
		&future->is_work, err))
		return false;
	/* a whole id of what is in the queue can be nothing else */
	if (future->is_work && strlen(prefix) == ULID_LEN &&
	    !work_state_is_final(future->work.state))
		return true;
	if (!shelf_history(shelf, &history, err))
		return false;
	if (history != NULL &&
	    !history_find(history, prefix, true, &future->record,
		&future->has_record, err))
		return false;
	return future_check(future, prefix, err) &&
	    future_fit_record(history, future, err);
}

bool
future_find(struct shelf *shelf, const char *prefix, struct future *future,
    bool *found, struct err *err)
{
	struct ulid low, high;
	bool ok = true;

	*future = (struct future){ 0 };
	work_init(&future->work);
	record_init(&future->record);
	if (ulid_range(prefix, &low, &high))
		ok = future_look(shelf, prefix, future, err);
	*found = ok && (future->is_work || future->has_record);
	if (!ok)
		future_release(future);
	return ok;
}

const struct ulid *
future_id(const struct future *future)
{
	return future->is_work ? &future->work.id : &future->record.id;
}

bool
future_has_ended(const struct future *future)
{
	return future->is_work ? work_state_is_final(future->work.state)
			       : record_status_is_final(future->record.status);
}

const struct record *
future_record(const struct future *future)
{
	return future->has_record ? &future->record : &future->work.record;
}

const char *
future_state(const struct future *future)
{
	return future->is_work ? work_state_name(future->work.state)
			       : record_status_name(future->record.status);
}

/*
 * Why an exec failed is kept as a text alone: "cannot run 'x': No such file
 * or directory".
 */
static int
future_spawn_status(const char *error)
{
	static const int known[] = { ENOENT, ENOTDIR, EACCES, ENOEXEC, EISDIR,
		E2BIG };
	const char *why;
	size_t i, len;

	if (error == NULL || strncmp(error, "cannot run '", 12) != 0)
		return FILTER_FAILED;
	len = strlen(error);
	for (i = 0; i < ARRAY_LEN(known); i++) {
		why = strerror(known[i]);
		if (len > strlen(why) &&
		    strcmp(error + len - strlen(why), why) == 0)
			return filter_spawn_status(known[i]);
	}
	return FILTER_FAILED;
}

static int
future_failure(const struct record *record)
{
	switch (record->reason) {
	case RECORD_TIMEOUT:
		return FILTER_TIMED_OUT;
	case RECORD_SPAWN:
		return future_spawn_status(record->error);
	case RECORD_OUTPUT:
		return 1;
	case RECORD_CRASH:
		return FILTER_FAILED;
	default:
		break;
	}
	if (record->signal != 0)
		return FILTER_SIGNAL_BASE + record->signal;
	/* a status of 0 that is not among success_codes is a failure still */
	if (record->exit_code == 0)
		return 1;
	return record->exit_code > 0 ? record->exit_code : FILTER_FAILED;
}

int
future_status(const struct future *future, struct err *err)
{
	const struct record *record = future_record(future);
	const char *what = record->job != NULL ? record->job : "work";
	const char *why = record->error;
	char id[ULID_LEN + 1];

	ulid_format(future_id(future), id);
	if (why == NULL)
		why = record_reason_name(record->reason);
	switch (record->status) {
	case RECORD_COMPLETED:
		return 0;
	case RECORD_CANCELLED:
		err_set(err, ERR_SYSTEM, "%s %s was cancelled", what, id);
		return 1;
	case RECORD_SKIPPED:
		err_set(err, ERR_BUSY, "%s %s was skipped: %s", what, id,
		    why != NULL ? why : "for no reason known");
		return 75;
	case RECORD_LOST:
		err_set(err, ERR_SYSTEM, "%s %s is lost: its scheduler died",
		    what, id);
		return FILTER_FAILED;
	case RECORD_PENDING:
	case RECORD_RUNNING:
	case RECORD_FAILED:
	case RECORD_STATUSES:
		break;
	}
	if (record->reason != RECORD_EXIT && why != NULL)
		err_set(err, ERR_SYSTEM, "%s %s: %s", what, id, why);
	return future_failure(record);
}
