#include "cmd/await.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/patience.h"
#include "lib/base/mem.h"

/* Between two looks. */
#define AWAIT_PAUSE_MS     INT64_C(5)
#define AWAIT_PAUSE_MAX_MS INT64_C(250)

enum await_look { AWAIT_SEEN, AWAIT_SILENT, AWAIT_FAILED };

static bool
await_unknown(const char *text, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "no work or run '%s'", text);
}

bool
await_add(struct await *await, const char *text, struct err *err)
{
	struct awaited *item;
	struct future future;
	bool found;

	if (!future_find(await->shelf, text, &future, &found, err))
		return false;
	if (!found)
		return await_unknown(text, err);
	await->item = mem_grow(await->item, await->n + 1, sizeof *await->item);
	item = &await->item[await->n++];
	*item = (struct awaited){ .future = future };
	item->has_ended = future_has_ended(&future);
	ulid_format(future_id(&future), item->id);
	return true;
}

void
await_release(struct await *await)
{
	size_t i;

	for (i = 0; i < await->n; i++)
		future_release(&await->item[i].future);
	free(await->item);
	await->item = NULL;
	await->n = 0;
	output_release(&await->output);
}

/* A store that has answered once may be silent for a while. */
static enum await_look
await_look(struct await *await, struct err *err)
{
	struct future future;
	struct awaited *item;
	bool found;
	size_t i;

	for (i = 0; i < await->n; i++) {
		item = &await->item[i];
		if (item->has_ended)
			continue;
		if (!future_find(await->shelf, item->id, &future, &found, err))
			return err->code == ERR_UNREACHABLE ? AWAIT_SILENT
							    : AWAIT_FAILED;
		if (!found) {
			await_unknown(item->id, err);
			return AWAIT_FAILED;
		}
		future_release(&item->future);
		item->future = future;
		item->has_ended = future_has_ended(&future);
		if (!item->has_ended && future.is_work &&
		    future.work.state == WORK_RUNNING)
			reap_see_to(&await->reap, await->shelf, &future.work);
	}
	return AWAIT_SEEN;
}

static void
await_print(struct await *await, struct awaited *item)
{
	if (!item->is_printed)
		output_record(&await->output, future_record(&item->future));
	item->is_printed = true;
}

/* All whose turn has come; with is_last, all that have ended. */
static void
await_print_all(struct await *await, bool is_last)
{
	size_t i;

	for (i = 0; i < await->n; i++) {
		if (await->item[i].has_ended)
			await_print(await, &await->item[i]);
		else if (!is_last)
			break;
	}
	fflush(stdout);
}

static size_t
await_count(const struct await *await)
{
	size_t ended = 0, i;

	for (i = 0; i < await->n; i++)
		ended += await->item[i].has_ended;
	return ended;
}

/* Several may have ended between two looks. */
static struct awaited *
await_first(struct await *await)
{
	struct awaited *first = NULL;
	size_t i;

	for (i = 0; i < await->n; i++) {
		struct awaited *item = &await->item[i];

		if (item->has_ended &&
		    (first == NULL ||
			future_record(&item->future)->completed_ms <
			    future_record(&first->future)->completed_ms))
			first = item;
	}
	return first;
}

static int
await_late(
    const struct await *await, const struct awaited *item, struct err *err)
{
	size_t others = await->n - await_count(await) - 1;
	char more[64] = "";

	if (others > 0)
		snprintf(more, sizeof more, ", nor are %zu more", others);
	err_set(err, ERR_BUSY, "%s is not done: it is %s%s", item->id,
	    future_state(&item->future), more);
	return 75;
}

static int
await_status(struct await *await, struct err *err)
{
	struct awaited *first = await_first(await);
	int status = 0;
	size_t i;

	if (await->any && first != NULL) {
		await_print(await, first);
		return future_status(&first->future, err);
	}
	if (!await->any)
		await_print_all(await, true);
	for (i = 0; i < await->n && status == 0; i++)
		status = await->item[i].has_ended
		    ? future_status(&await->item[i].future, err)
		    : await_late(await, &await->item[i], err);
	return status;
}

int
await_run(struct await *await, int64_t patience_ms, struct err *err)
{
	enum await_look look = AWAIT_SEEN;
	struct patience patience;
	size_t ended;

	await->output.cli = await->shelf->cli;
	await->output.is_visible = isatty(STDOUT_FILENO);
	patience_begin(
	    &patience, patience_ms, AWAIT_PAUSE_MS, AWAIT_PAUSE_MAX_MS);
	for (;;) {
		ended = await_count(await);
		if (ended == await->n || (await->any && ended > 0))
			break;
		if (!await->any)
			await_print_all(await, false);
		if (!patience_pause(&patience))
			break;
		look = await_look(await, err);
		if (look == AWAIT_FAILED)
			return CMD_FAILED;
		if (look == AWAIT_SEEN)
			*err = (struct err){ 0 };
	}
	return look == AWAIT_SILENT ? CMD_FAILED : await_status(await, err);
}
