#include "lib/store/lock_file.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/store/lock_table.h"

/*
 * What a lock does, in a table of slots. A slot whose holder is dead, or whose
 * time is up, is as good as a free one: nobody has to clear it away.
 */
enum { HOLDER, COMMAND };

struct lock_file {
	struct lock lock; /* first */
	struct lock_table table;
};

static struct lock_table *
table_of(struct lock *lock)
{
	return &((struct lock_file *)lock)->table;
}

/* Slots */

static bool
process_is_alive(
    const struct lock_table *table, const struct lock_slot *slot, int i)
{
	struct identity id = { .pid = slot->process[i].pid,
		.start_ticks = slot->process[i].start_ticks };

	if (id.pid <= 0)
		return false;
	memcpy(id.boot_id, table->boot, sizeof id.boot_id);
	return identity_is_alive(&id);
}

static bool
slot_is_held(const struct lock_table *table, const struct lock_slot *slot)
{
	int64_t left_ms;

	switch ((enum lock_slot_state)slot->state) {
	case LOCK_SLOT_PROCESS:
		return process_is_alive(table, slot, HOLDER) ||
		    process_is_alive(table, slot, COMMAND);
	case LOCK_SLOT_TIME:
		left_ms = slot->until_ms - clock_boot_ms();
		return left_ms > 0 && left_ms <= slot->ttl_ms;
	case LOCK_SLOT_FREE:
		break;
	}
	return false;
}

static void
slot_set_process(struct lock_slot *slot, int i, const struct identity *process)
{
	slot->process[i].pid = process != NULL ? process->pid : 0;
	slot->process[i].start_ticks = process != NULL ? process->start_ticks
						       : 0;
}

static void
slot_set_time(struct lock_slot *slot, int64_t ttl_ms)
{
	slot->ttl_ms = ttl_ms;
	slot->until_ms = clock_boot_ms() + ttl_ms;
}

static bool
slot_has_token(const struct lock_slot *slot, const char *token)
{
	return strncmp(slot->token, token, sizeof slot->token) == 0;
}

static struct lock_slot *
slot_of_key(struct lock_table *table, const char *key)
{
	size_t i;

	for (i = 0; i < table->n; i++) {
		struct lock_slot *slot = &table->slot[i];

		if (slot->state != LOCK_SLOT_FREE &&
		    strncmp(slot->key, key, sizeof slot->key) == 0)
			return slot;
	}
	return NULL;
}

static struct lock_slot *
slot_of_token(struct lock_table *table, const char *token)
{
	size_t i;

	for (i = 0; i < table->n; i++) {
		struct lock_slot *slot = &table->slot[i];

		if (slot->state != LOCK_SLOT_FREE &&
		    slot_has_token(slot, token))
			return slot;
	}
	return NULL;
}

/* A free one, else one that nobody holds any more, else a new one. */
static struct lock_slot *
slot_new(struct lock_table *table)
{
	size_t i;

	for (i = 0; i < table->n; i++)
		if (table->slot[i].state == LOCK_SLOT_FREE)
			return &table->slot[i];
	for (i = 0; i < table->n; i++)
		if (!slot_is_held(table, &table->slot[i]))
			return &table->slot[i];
	if (table->n == LOCK_TABLE_MAX)
		return NULL;
	table->slot = mem_realloc(
	    table->slot, table->n + 1, sizeof *table->slot);
	return &table->slot[table->n++];
}

static void
copy_text(char *to, size_t size, const char *from)
{
	size_t len = strlen(from);

	if (len >= size)
		len = size - 1;
	memcpy(to, from, len);
	to[len] = '\0';
}

static void
slot_tell(const struct lock_slot *slot, struct lock_state *state)
{
	*state = (struct lock_state){ .is_held = true,
		.is_process = slot->state == LOCK_SLOT_PROCESS,
		.fence = slot->fence,
		.left_ms = LOCK_NO_END };
	if (!state->is_process)
		state->left_ms = slot->until_ms - clock_boot_ms();
	memcpy(state->holder, slot->holder, sizeof state->holder);
	state->holder[sizeof state->holder - 1] = '\0';
}

/* To take one */

static enum lock_taken
take_new(struct lock_table *table, struct lock_slot *slot,
    const struct lock_ask *ask, struct lock_state *state, struct err *err)
{
	if (slot == NULL && (slot = slot_new(table)) == NULL) {
		err_set(err, ERR_UNREACHABLE, "there are %d locks already",
		    LOCK_TABLE_MAX);
		return LOCK_FAILED;
	}
	*slot = (struct lock_slot){ .fence = ++table->header.fence,
		.state = ask->process != NULL ? LOCK_SLOT_PROCESS
					      : LOCK_SLOT_TIME };
	copy_text(slot->key, sizeof slot->key, ask->key);
	copy_text(slot->token, sizeof slot->token, ask->token);
	copy_text(slot->holder, sizeof slot->holder, ask->holder);
	slot_set_process(slot, HOLDER, ask->process);
	if (ask->process == NULL)
		slot_set_time(slot, ask->ttl_ms);
	slot_tell(slot, state);
	/* a fence that nobody gets to see is none too many */
	return lock_table_write_header(table, err) &&
		lock_table_write(table, slot, err)
	    ? LOCK_TAKEN
	    : LOCK_FAILED;
}

static enum lock_taken
take_again(struct lock_table *table, struct lock_slot *slot,
    const struct lock_ask *ask, struct lock_state *state, struct err *err)
{
	if (slot->state == LOCK_SLOT_TIME)
		slot_set_time(slot, ask->ttl_ms);
	slot_tell(slot, state);
	return lock_table_write(table, slot, err) ? LOCK_TAKEN : LOCK_FAILED;
}

static enum lock_taken
file_take(struct lock *lock, const struct lock_ask *ask,
    struct lock_state *state, struct err *err)
{
	struct lock_table *table = table_of(lock);
	enum lock_taken taken = LOCK_HELD;
	struct lock_slot *slot;

	if (!lock_table_begin(table, err))
		return LOCK_FAILED;
	slot = slot_of_key(table, ask->key);
	if (slot == NULL || !slot_is_held(table, slot))
		taken = take_new(table, slot, ask, state, err);
	else if (slot_has_token(slot, ask->token))
		taken = take_again(table, slot, ask, state, err);
	else
		slot_tell(slot, state);
	lock_table_end(table);
	return taken;
}

/* To change one */

struct change {
	enum { CHANGE_TIME, CHANGE_FREE, CHANGE_HOLDER, CHANGE_COMMAND } what;
	int64_t ttl_ms;
	const struct identity *process;
};

static void
slot_change(struct lock_slot *slot, const struct change *change)
{
	switch (change->what) {
	case CHANGE_TIME:
		/* what is held by a process has no time to extend */
		if (slot->state == LOCK_SLOT_TIME)
			slot_set_time(slot, change->ttl_ms);
		break;
	case CHANGE_FREE:
		slot->state = LOCK_SLOT_FREE;
		break;
	case CHANGE_HOLDER:
		slot_set_process(slot, HOLDER, change->process);
		break;
	case CHANGE_COMMAND:
		slot_set_process(slot, COMMAND, change->process);
		break;
	}
}

/* key NULL: whatever its name, and held or not. */
static bool
change_slot(struct lock_table *table, const char *key, const char *token,
    const struct change *change, bool *is_ours, struct err *err)
{
	struct lock_slot *slot;
	bool ok = true;

	*is_ours = false;
	if (lock_table_is_absent(table))
		return true;
	if (!lock_table_begin(table, err))
		return false;
	slot = key != NULL ? slot_of_key(table, key)
			   : slot_of_token(table, token);
	*is_ours = slot != NULL && slot_has_token(slot, token) &&
	    (key == NULL || slot_is_held(table, slot));
	if (*is_ours) {
		slot_change(slot, change);
		ok = lock_table_write(table, slot, err);
	}
	lock_table_end(table);
	return ok;
}

static bool
file_extend(struct lock *lock, const char *key, const char *token,
    int64_t ttl_ms, bool *is_ours, struct err *err)
{
	struct change change = { CHANGE_TIME, ttl_ms, NULL };

	return change_slot(table_of(lock), key, token, &change, is_ours, err);
}

static bool
file_release(struct lock *lock, const char *key, const char *token,
    bool *is_ours, struct err *err)
{
	struct change change = { CHANGE_FREE, 0, NULL };

	return change_slot(table_of(lock), key, token, &change, is_ours, err);
}

static bool
file_guard(struct lock *lock, const char *key, const char *token,
    const struct identity *command, struct err *err)
{
	struct change change = { CHANGE_COMMAND, 0, command };
	bool is_ours;

	return change_slot(table_of(lock), key, token, &change, &is_ours, err);
}

bool
lock_file_drop(struct lock *lock, const char *token, struct err *err)
{
	struct change change = { CHANGE_FREE, 0, NULL };
	bool is_ours;

	return change_slot(table_of(lock), NULL, token, &change, &is_ours, err);
}

bool
lock_file_guard(struct lock *lock, const char *token,
    const struct identity *command, struct err *err)
{
	struct change change = { CHANGE_COMMAND, 0, command };
	bool is_ours;

	return change_slot(table_of(lock), NULL, token, &change, &is_ours, err);
}

bool
lock_file_adopt(struct lock *lock, const char *token,
    const struct identity *process, struct err *err)
{
	struct change change = { CHANGE_HOLDER, 0, process };
	bool is_ours;

	return change_slot(table_of(lock), NULL, token, &change, &is_ours, err);
}

static bool
file_read(struct lock *lock, const char *key, struct lock_state *state,
    struct err *err)
{
	struct lock_table *table = table_of(lock);
	struct lock_slot *slot = NULL;

	*state = (struct lock_state){ .left_ms = LOCK_NO_END };
	if (lock_table_is_absent(table))
		return true;
	if (!lock_table_look(table, err))
		return false;
	if (strcmp(table->header.boot, table->boot) == 0)
		slot = slot_of_key(table, key);
	if (slot != NULL && slot_is_held(table, slot))
		slot_tell(slot, state);
	lock_table_end(table);
	return true;
}

static void
file_close(struct lock *lock)
{
	lock_table_release(table_of(lock));
	free(lock);
}

static const struct lock_ops lock_file_ops = {
	.close = file_close,
	.take = file_take,
	.extend = file_extend,
	.release = file_release,
	.guard = file_guard,
	.read = file_read,
};

struct lock *
lock_file_open(const char *store)
{
	struct lock_file *file = mem_zalloc(1, sizeof *file);

	file->lock.ops = &lock_file_ops;
	lock_table_init(&file->table, store);
	return &file->lock;
}
