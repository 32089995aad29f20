#include "lib/store/late.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/store/backend.h"

struct late {
	struct store store; /* first */
	const struct store_place *place;
	struct owner *owner;
	struct store_limits limits;
	struct store *real; /* NULL: not open yet */
};

static void
late_close(struct store *store)
{
	struct late *late = (struct late *)store;

	store_close(late->real);
	free(late);
}

/*
 * Nobody listens for what there is to say of the file (that it was damaged,
 * and where it is now), so one write fails with it; the next one is made.
 */
static bool
late_tell(char *note, struct err *err)
{
	err_set(err, ERR_UNREACHABLE, "%s", note);
	free(note);
	return false;
}

/* What it finds comes too late to go on with: all of it stays as it was. */
static bool
late_open(struct late *late, struct err *err)
{
	struct store_start found;
	char *note = NULL;

	if (!owner_take_store(late->place, late->owner, err))
		return false;
	if (store_open(late->place->store, STORE_OWN, late->limits, &late->real,
		&note, err) != STORE_OPENED) {
		late->real = NULL;
		return false;
	}
	if (!store_take_over(late->real, NULL, clock_now_ms(), &found, err)) {
		free(note);
		store_close(late->real);
		late->real = NULL;
		return false;
	}
	store_start_release(&found);
	return note == NULL || late_tell(note, err);
}

static bool
late_apply(
    struct store *store, struct store_op **ops, size_t n, struct err *err)
{
	struct late *late = (struct late *)store;

	if (late->real == NULL && !late_open(late, err))
		return false;
	return store_apply(late->real, ops, n, err);
}

/* Nothing is known, and that is no failure. */
static bool
late_take_over(struct store *store, const struct identity *self, int64_t now_ms,
    struct store_start *start, struct err *err)
{
	(void)store;
	(void)self;
	(void)now_ms;
	(void)start;
	(void)err;
	return true;
}

static const struct store_ops late_ops = {
	.close = late_close,
	.apply = late_apply,
	.take_over = late_take_over,
};

struct store *
late_new(const struct store_place *place, struct owner *owner,
    struct store_limits limits)
{
	struct late *late = mem_zalloc(1, sizeof *late);

	late->store.ops = &late_ops;
	late->place = place;
	late->owner = owner;
	late->limits = limits;
	return &late->store;
}
