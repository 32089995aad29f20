#include "cmd/reap.h"

#include "lib/base/clock.h"
#include "lib/base/redis_url.h"
#include "lib/base/str.h"

#define REAP_LOCAL_MS INT64_C(500)
/* In a Redis only the store knows whose session has ended. */
#define REAP_REMOTE_MS INT64_C(5000)

static bool
reap_is_due(
    struct reap *reap, const struct shelf *shelf, const struct work *work)
{
	bool is_remote = redis_url_is(shelf->place.store);
	int64_t now_ms = clock_boot_ms();

	if (now_ms < reap->next_ms)
		return false;
	/* handlers have workers */
	if (is_remote ? work->record.job == NULL ||
		    !str_starts(work->record.job, "pool:")
		      : identity_is_alive(&work->record.owner))
		return false;
	reap->next_ms = now_ms + (is_remote ? REAP_REMOTE_MS : REAP_LOCAL_MS);
	return true;
}

/* What was buried is told to a history that lies elsewhere. */
static void
reap_tell(struct shelf *shelf, const struct work_op *take)
{
	size_t i;

	for (i = 0; i < take->n_buried; i++)
		shelf_tell_end(shelf, &take->buried[i].record);
}

void
reap_see_to(
    struct reap *reap, const struct shelf *shelf, const struct work *work)
{
	struct shelf own;
	struct store_op *op;
	struct err err;

	if (!reap_is_due(reap, shelf, work))
		return;
	if (shelf_open(&own, shelf->cli, SHELF_CHANGE, &err) &&
	    own.store != NULL) {
		op = shelf_op_new(&own, WORK_TAKE);
		op->work->is_reaping = true;
		op->work->unknown_ms = WORK_UNKNOWN_MS;
		op->work->take = ulid_make(clock_now_ms());
		identity_self(&op->work->work.record.owner);
		if (store_apply(own.store, &op, 1, &err))
			reap_tell(&own, op->work);
		store_op_free(op);
	}
	shelf_close(&own);
}
