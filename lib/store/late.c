#include "lib/store/late.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/store/backend.h"
#include "lib/store/spool.h"

struct late {
	struct store store; /* first */
	struct late_place place;
	struct store *real; /* NULL: not open yet */
};

static void
late_close(struct store *store)
{
	struct late *late = (struct late *)store;

	store_close(late->real);
	free(late);
}

/* What an earlier scheduler spooled comes first: it is what it did last. */
bool
late_take_over(const struct store_place *place, struct store *store,
    const struct identity *self, struct store_start *found, char **note,
    struct err *err)
{
	struct err spool_err;
	bool is_in = spool_take_in(place->spool, store, &spool_err);

	*note = NULL;
	if (!store_take_over(store, self, clock_now_ms(), found, err))
		return false;
	if (!is_in) {
		spool_correct(place->spool, found);
		*note = mem_strdup(spool_err.msg);
	}
	return true;
}

static bool
late_open(struct late *late, struct err *err)
{
	const struct late_place *at = &late->place;
	char *note = NULL;

	if (at->owner != NULL && !owner_take_store(at->place, at->owner, err))
		return false;
	if (store_open(at->place->store,
		at->owner != NULL ? STORE_OWN : STORE_WRITE, at->limits,
		&late->real, &note, err) == STORE_OPENED) {
		if (at->session != NULL)
			store_bind(late->real, at->session);
	} else {
		late->real = NULL;
	}
	/*
	 * Nobody listens for what there is to say of the file (that it was
	 * damaged, and where it is now), so this attempt fails with it; the
	 * next one goes on.
	 */
	if (note != NULL)
		err_set(err, ERR_UNREACHABLE, "%s", note);
	free(note);
	return late->real != NULL && note == NULL;
}

static bool
late_come(struct store *store, struct store_start *found, struct err *err)
{
	struct late *late = (struct late *)store;
	char *note;

	if (late->real == NULL && !late_open(late, err))
		return false;
	if (late->place.self == NULL) {
		*found = (struct store_start){ 0 };
		return true;
	}
	if (!late_take_over(late->place.place, late->real, late->place.self,
		found, &note, err))
		return false;
	free(note); /* the writer has it in memory */
	return true;
}

static bool
late_apply(
    struct store *store, struct store_op **ops, size_t n, struct err *err)
{
	return store_apply(((struct late *)store)->real, ops, n, err);
}

static void
late_rest(struct store *store)
{
	store_rest(((struct late *)store)->real);
}

static const struct store_ops late_ops = {
	.close = late_close,
	.apply = late_apply,
	.rest = late_rest,
	.come = late_come,
};

struct store *
late_new(const struct late_place *place)
{
	struct late *late = mem_zalloc(1, sizeof *late);

	late->store.ops = &late_ops;
	late->place = *place;
	return &late->store;
}
