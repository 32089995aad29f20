#include "cmd/slots.h"

#include <stdio.h>
#include <stdlib.h>

#include "cmd/patience.h"
#include "cmd/reap.h"
#include "cmd/shelf.h"
#include "cmd/under.h"
#include "lib/base/mem.h"

/* Between two looks of --join, less up to a half of it. */
#define JOIN_PAUSE_MS     INT64_C(10)
#define JOIN_PAUSE_MAX_MS INT64_C(250)

char *
slots_handler(const struct slots_options *options)
{
	return mem_printf("pool:%s", options->name);
}

bool
slots_open(struct slots *slots, struct cli *cli,
    const struct slots_options *options, struct err *err)
{
	struct acquire *acquire = &slots->acquire;
	size_t i;

	*slots = (struct slots){ .options = options };
	slots->n = (size_t)options->width;
	slots->key = mem_zalloc(slots->n, sizeof(char *));
	for (i = 0; i < slots->n; i++)
		slots->key[i] = mem_printf("pool:%s:%zu", options->name, i + 1);
	acquire->pool = options->name;
	acquire->slot = (const char *const *)slots->key;
	acquire->slots = slots->n;
	acquire->key = slots->key[0];
	acquire->ttl_ms = ACQUIRE_TTL_MS;
	acquire->wait_ms = options->try ? 0 : OPT_NO_LIMIT;
	return acquire_open(acquire, cli, options->store, err);
}

void
slots_close(struct slots *slots)
{
	size_t i;

	acquire_close(&slots->acquire);
	for (i = 0; i < slots->n; i++)
		free(slots->key[i]);
	free(slots->key);
	*slots = (struct slots){ 0 };
}

int
slots_run(struct cli *cli, const struct slots_options *options, char **argv,
    struct err *err)
{
	struct slots slots;
	int status = CMD_FAILED;

	if (slots_open(&slots, cli, options, err))
		status = under_run(cli, &slots.acquire, argv, false, err);
	slots_close(&slots);
	return status;
}

/* Looking */

/* All that there may be, where others may have asked for more of them. */
static bool
slots_open_to_look(struct slots *slots, struct cli *cli,
    const struct slots_options *options, struct slots_options *wide,
    struct err *err)
{
	*wide = *options;
	if (!options->is_wide && wide->width < SLOTS_LOOK)
		wide->width = SLOTS_LOOK;
	return slots_open(slots, cli, wide, err);
}

static bool
slots_count(struct slots *slots, size_t *held, struct err *err)
{
	struct lock_state state;
	size_t i;

	*held = 0;
	for (i = 0; i < slots->n; i++) {
		if (!lock_read(slots->acquire.lock, slots->key[i], &state, err))
			return false;
		*held += state.is_held;
	}
	return true;
}

int
slots_running(
    struct cli *cli, const struct slots_options *options, struct err *err)
{
	struct slots_options wide;
	struct slots slots;
	int status = CMD_FAILED;
	size_t held;

	if (slots_open_to_look(&slots, cli, options, &wide, err) &&
	    slots_count(&slots, &held, err)) {
		printf("%zu\n", held);
		status = 0;
	}
	slots_close(&slots);
	return status;
}

/* Joining */

struct join {
	struct slots slots;
	struct shelf shelf;
	char *handler;
	struct reap reap;
};

static bool
join_found(void *data, const struct work *work)
{
	work_copy(data, work);
	return false;
}

/* Whose process has died waits no more. */
static bool
join_is_waited(struct join *join, bool *found, struct err *err)
{
	struct queue_filter filter = { .has_state = true,
		.state = WORK_RUNNING,
		.handler = join->handler,
		.limit = 1 };

	struct work work;
	bool ok;

	*found = false;
	if (join->shelf.store == NULL)
		return true;
	work_init(&work);
	ok = queue_list(join->shelf.store, &filter, join_found, &work, err);
	*found = ok && work.record.job != NULL;
	if (*found)
		reap_see_to(&join->reap, &join->shelf, &work);
	work_release(&work);
	return ok;
}

static bool
join_look(struct join *join, size_t *held, bool *waited, struct err *err)
{
	return slots_count(&join->slots, held, err) &&
	    join_is_waited(join, waited, err);
}

static int
join_wait(struct join *join, int64_t patience_ms, struct err *err)
{
	struct patience patience;
	size_t held;
	bool waited, has_looked = false;

	patience_begin(
	    &patience, patience_ms, JOIN_PAUSE_MS, JOIN_PAUSE_MAX_MS);
	for (;;) {
		if (!join_look(join, &held, &waited, err)) {
			/* a store that did answer is waited for */
			if (!has_looked || err->code != ERR_UNREACHABLE ||
			    !patience_pause(&patience))
				return CMD_FAILED;
			*err = (struct err){ 0 };
			continue;
		}
		has_looked = true;
		if (held == 0 && !waited)
			return 0;
		if (!patience_pause(&patience))
			break;
	}
	err_set(err, ERR_BUSY, "in the pool '%s' %zu run%s%s",
	    join->slots.options->name, held, held == 1 ? "s" : "",
	    waited ? ", and some wait" : "");
	return CMD_FAILED;
}

int
slots_join(struct cli *cli, const struct slots_options *options,
    int64_t patience_ms, struct err *err)
{
	struct slots_options wide;
	struct join join = { .handler = slots_handler(options) };
	int status = CMD_FAILED;

	if (slots_open_to_look(&join.slots, cli, options, &wide, err) &&
	    cli_try_jobfile(cli, 0, err) &&
	    (shelf_is_memory(cli) ||
		shelf_open(&join.shelf, cli, SHELF_READ, err)))
		status = join_wait(&join, patience_ms, err);
	if (join.shelf.cli != NULL)
		shelf_close(&join.shelf);
	slots_close(&join.slots);
	free(join.handler);
	return status;
}
