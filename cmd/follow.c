#include "cmd/follow.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/process/live.h"
#include "lib/store/history.h"

#define FOLLOW_PAUSE_MS 100 /* between two looks */
/* How long after its output's end a run's record may take to say so. */
#define FOLLOW_SETTLE_MS 3000

enum follow_result { FOLLOW_DONE, FOLLOW_STOPPED, FOLLOW_FAILED };

/* False where the reader of our output is gone: nobody is there to follow. */
static bool
follow_pause(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO };

	fflush(stdout);
	if (ferror(stdout))
		return false;
	return poll(&out, 1, FOLLOW_PAUSE_MS) <= 0 ||
	    (out.revents & (POLLERR | POLLNVAL)) == 0;
}

static char *
follow_path(const struct cli *cli, const struct ulid *id)
{
	char text[ULID_LEN + 1];

	ulid_format(id, text);
	return mem_printf("%s/%s.live", cli->place.runtime_dir, text);
}

static bool
follow_open(
    const struct cli *cli, const struct ulid *id, struct live_reader *reader)
{
	char *path = follow_path(cli, id);
	struct err absent;
	bool ok = live_open(reader, path, &absent);

	free(path);
	return ok;
}

static enum live_state
follow_read(struct output *output, struct live_reader *reader)
{
	struct str text = { 0 };
	uint64_t skipped = 0;
	enum live_state state = live_read(reader, &text, &skipped);

	if (skipped > 0)
		output_skip(output, skipped);
	output_put(output, str_text(&text), text.len);
	str_release(&text);
	return state;
}

bool
follow_peek(struct output *output, const struct ulid *id)
{
	struct live_reader reader;

	if (!follow_open(output->cli, id, &reader))
		return false;
	follow_read(output, &reader);
	output_end(output);
	live_close(&reader);
	return true;
}

/* An attempt's output until it ends; *is_broken: without an end. */
static enum follow_result
follow_live(struct output *output, struct live_reader *reader, bool *is_broken)
{
	*is_broken = false;
	for (;;) {
		switch (follow_read(output, reader)) {
		case LIVE_GOING:
			if (!follow_pause())
				return FOLLOW_STOPPED;
			break;
		case LIVE_BROKEN:
			output_end(output);
			cli_note(output->cli, "its scheduler has died");
			*is_broken = true;
			return FOLLOW_DONE;
		case LIVE_ENDED:
			output_end(output);
			return FOLLOW_DONE;
		}
	}
}

/* The record as the store has it now, with its output. */
static bool
follow_load(struct cli *cli, const struct ulid *id, struct record *record,
    bool *found, struct err *err)
{
	char text[ULID_LEN + 1];

	*found = false;
	if (cli->store == NULL)
		return true;
	ulid_format(id, text);
	return history_find(cli->store, text, true, record, found, err);
}

/*
 * Whether the run may still have something to say. A record that stays
 * `running` after its output has ended, or whose scheduler is dead, will not.
 */
static bool
follow_has_more(const struct record *record, int64_t ended_ms)
{
	if (record_status_is_final(record->status))
		return false;
	if (!identity_is_alive(&record->owner))
		return false;
	return record->status == RECORD_PENDING || ended_ms == CLOCK_NONE ||
	    clock_now_ms() - ended_ms < FOLLOW_SETTLE_MS;
}

/*
 * One look at a run. *ended_ms is when output that was read live ended, for
 * what was printed then is not printed again from the record.
 */
static enum follow_result
follow_look(struct output *output, const struct ulid *id, int64_t *ended_ms,
    bool *has_more, struct err *err)
{
	struct live_reader reader;
	struct record record;
	bool found, is_broken;

	if (follow_open(output->cli, id, &reader)) {
		enum follow_result result = follow_live(
		    output, &reader, &is_broken);

		live_close(&reader);
		*ended_ms = clock_now_ms();
		*has_more = !is_broken;
		return result;
	}
	if (!follow_load(output->cli, id, &record, &found, err))
		return FOLLOW_FAILED;
	*has_more = found && follow_has_more(&record, *ended_ms);
	if (found && !*has_more && *ended_ms == CLOCK_NONE)
		output_record(output, &record);
	if (found)
		record_release(&record);
	return FOLLOW_DONE;
}

static enum follow_result
follow_one(struct output *output, const struct ulid *id, struct err *err)
{
	int64_t ended_ms = CLOCK_NONE;
	enum follow_result result;
	bool has_more;

	for (;;) {
		result = follow_look(output, id, &ended_ms, &has_more, err);
		if (result != FOLLOW_DONE || !has_more)
			return result;
		if (!follow_pause())
			return FOLLOW_STOPPED;
	}
}

/* What has been seen of a piece of work so far. */
struct seen {
	int attempt;      /* this one's output was read live */
	bool is_broken;   /* ... until its worker died */
	struct ulid take; /* which had it then */
};

/* Of a worker that died a file is left, until another takes the work. */
static bool
follow_is_stale(const struct seen *seen, const struct work *work)
{
	return seen->is_broken &&
	    (work->state != WORK_RUNNING ||
		memcmp(seen->take.b, work->take.b, sizeof work->take.b) == 0);
}

static enum follow_result
follow_attempt(struct output *output, const struct work *work,
    struct live_reader *reader, struct seen *seen)
{
	enum follow_result result = follow_live(
	    output, reader, &seen->is_broken);

	live_close(reader);
	seen->attempt = work->attempts;
	seen->take = work->take;
	return result;
}

static enum follow_result
follow_look_work(struct output *output, struct shelf *shelf, const char *id,
    struct seen *seen, bool *has_more, struct err *err)
{
	enum follow_result result = FOLLOW_DONE;
	const struct record *record;
	struct live_reader reader;
	struct future future;
	bool found;

	if (!future_find(shelf, id, &future, &found, err))
		return FOLLOW_FAILED;
	*has_more = found && !future_has_ended(&future);
	if (!found)
		return FOLLOW_DONE;
	record = future_record(&future);
	if (*has_more && !follow_is_stale(seen, &future.work) &&
	    follow_open(output->cli, &record->id, &reader))
		result = follow_attempt(output, &future.work, &reader, seen);
	else if (!*has_more && record->attempt > seen->attempt)
		output_record(output, record);
	future_release(&future);
	return result;
}

static enum follow_result
follow_work(struct output *output, struct shelf *shelf, const struct ulid *id,
    struct err *err)
{
	struct seen seen = { 0 };
	enum follow_result result;
	char text[ULID_LEN + 1];
	bool has_more;

	ulid_format(id, text);
	for (;;) {
		result = follow_look_work(
		    output, shelf, text, &seen, &has_more, err);
		if (result != FOLLOW_DONE || !has_more)
			return result;
		if (!follow_pause())
			return FOLLOW_STOPPED;
	}
}

bool
follow_run(struct output *output, struct shelf *shelf,
    const struct future *future, struct err *err)
{
	return (future->is_work
		       ? follow_work(output, shelf, future_id(future), err)
		       : follow_one(output, future_id(future), err)) !=
	    FOLLOW_FAILED;
}

/* The runs of a job that began after one, the newest first. */
struct later {
	struct ulid after;
	bool has_after;
	struct ulid *id;
	size_t n;
};

static bool
follow_add_later(void *data, const struct record *record)
{
	struct later *later = data;

	if (later->has_after &&
	    memcmp(record->id.b, later->after.b, sizeof record->id.b) <= 0)
		return false;
	if (record->status == RECORD_SKIPPED)
		return true;
	later->id = mem_grow(later->id, later->n + 1, sizeof *later->id);
	later->id[later->n++] = record->id;
	return later->has_after; /* to begin with, the newest alone */
}

static bool
follow_find_later(
    struct cli *cli, const char *job, struct later *later, struct err *err)
{
	struct history_filter filter = {
		.job = job, .since_ms = CLOCK_NONE, .until_ms = CLOCK_NEVER
	};

	later->n = 0;
	/* There may be no store before the first run. */
	if (cli->store == NULL && !cli_open_store(cli, err))
		return false;
	return cli->store == NULL ||
	    history_list(cli->store, &filter, follow_add_later, later, err);
}

bool
follow_job(struct output *output, const char *job, struct err *err)
{
	enum follow_result result = FOLLOW_DONE;
	struct later later = { 0 };
	char id[ULID_LEN + 1];

	do {
		if (!follow_find_later(output->cli, job, &later, err))
			result = FOLLOW_FAILED;
		while (result == FOLLOW_DONE && later.n > 0) {
			later.after = later.id[--later.n];
			later.has_after = true;
			ulid_format(&later.after, id);
			cli_note(output->cli, "run %s", id);
			result = follow_one(output, &later.after, err);
		}
	} while (result == FOLLOW_DONE && follow_pause());
	free(later.id);
	return result != FOLLOW_FAILED;
}
