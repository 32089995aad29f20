/*
 * past [--keep=N] [--store=WHERE] JOBFILE KEY=VALUE... [+ KEY=VALUE...]...:
 * writes records into the store of a jobfile, wjobs.db unless told, as its
 * scheduler would; "+" begins the next. A record
 * has the keys of struct record; times are RFC 3339 or as on a command line,
 * durations have units. Prints the ids.
 *
 * past --live JOBFILE RUN: standard input becomes the output of a run under
 * way, as it comes; its end is the output's end. `--live-dies` leaves without
 * an end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/process/live.h"
#include "lib/store/place.h"
#include "lib/store/store.h"
#include "lib/time/duration.h"
#include "lib/time/stamp.h"

static void
past_die(const struct err *err)
{
	char text[1024];

	err_format(err, text, sizeof text);
	fprintf(stderr, "past: %s\n", text);
	exit(1);
}

static int64_t
past_time(const char *text)
{
	struct err err;
	int64_t ms = 0;

	if (!stamp_parse(text, (struct place){ 0 }, zone_find("UTC", &err),
		clock_now_ms(), STAMP_BACK, &ms, &err))
		past_die(&err);
	return ms;
}

static int64_t
past_span(const char *text)
{
	struct err err;
	int64_t ms = 0;

	if (!duration_parse(text, (struct place){ 0 }, &ms, &err))
		past_die(&err);
	return ms;
}

/* The number of the name that `name_of` gives for it. */
static int
past_enum(const char *(*name_of)(int), int n, const char *text)
{
	int i;

	for (i = 0; i < n; i++)
		if (name_of(i) != NULL && strcmp(name_of(i), text) == 0)
			return i;
	fprintf(stderr, "past: no '%s'\n", text);
	exit(1);
}

static const char *
past_status(int i)
{
	return record_status_name((enum record_status)i);
}

static const char *
past_trigger(int i)
{
	return record_trigger_name((enum record_trigger)i);
}

static const char *
past_reason(int i)
{
	return record_reason_name((enum record_reason)i);
}

static bool
past_set_text(struct record *record, const char *key, const char *value)
{
	const struct {
		const char *name;
		char **text;
		size_t *len;
	} texts[] = {
		{ "job", &record->job, NULL },
		{ "kind", &record->kind, NULL },
		{ "error", &record->error, NULL },
		{ "worker", &record->worker, NULL },
		{ "metadata", &record->metadata, NULL },
		{ "head", &record->head, &record->head_len },
		{ "tail", &record->tail, &record->tail_len },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(texts); i++) {
		if (strcmp(texts[i].name, key) != 0)
			continue;
		free(*texts[i].text);
		*texts[i].text = mem_strdup(value);
		if (texts[i].len != NULL)
			*texts[i].len = strlen(value);
		return true;
	}
	return false;
}

static bool
past_set_enum(struct record *record, const char *key, const char *value)
{
	if (strcmp(key, "status") == 0)
		record->status = (enum record_status)past_enum(
		    past_status, RECORD_STATUSES, value);
	else if (strcmp(key, "trigger") == 0)
		record->trigger = (enum record_trigger)past_enum(
		    past_trigger, RECORD_TRIGGERS, value);
	else if (strcmp(key, "reason") == 0)
		record->reason = (enum record_reason)past_enum(
		    past_reason, RECORD_REASONS, value);
	else
		return false;
	return true;
}

static bool
past_set_time(struct record *record, const char *key, const char *value)
{
	if (strcmp(key, "scheduled") == 0)
		record->scheduled_ms = past_time(value);
	else if (strcmp(key, "started") == 0)
		record->started_ms = past_time(value);
	else if (strcmp(key, "completed") == 0)
		record->completed_ms = past_time(value);
	else if (strcmp(key, "retry_at") == 0)
		record->retry_at_ms = past_time(value);
	else if (strcmp(key, "duration") == 0)
		record->duration_ms = past_span(value);
	else
		return false;
	return true;
}

static void
past_set(struct record *record, char *pair)
{
	char *value = strchr(pair, '=');
	int64_t n;

	if (value == NULL)
		exit(2);
	*value++ = '\0';
	if (past_set_text(record, pair, value) ||
	    past_set_enum(record, pair, value) ||
	    past_set_time(record, pair, value))
		return;
	n = strtoll(value, NULL, 10);
	if (strcmp(pair, "attempt") == 0)
		record->attempt = (int)n;
	else if (strcmp(pair, "exit") == 0)
		record->exit_code = (int)n;
	else if (strcmp(pair, "signal") == 0)
		record->signal = (int)n;
	else if (strcmp(pair, "count") == 0)
		record->count = n;
	else if (strcmp(pair, "bytes") == 0)
		record->output_bytes = n;
	else if (strcmp(pair, "user_us") == 0)
		record->user_us = n;
	else if (strcmp(pair, "rss") == 0)
		record->max_rss_kb = n;
	else if (strcmp(pair, "id") == 0 && ulid_parse(value, &record->id))
		return;
	else if (strcmp(pair, "owner") == 0)
		identity_of(n, &record->owner);
	else
		exit(2);
}

/* What nobody said, from what was said. */
static void
past_complete(struct record *record)
{
	int64_t kept = (int64_t)(record->head_len + record->tail_len);
	int64_t at_ms;

	if (record->started_ms == CLOCK_NONE &&
	    record->status != RECORD_SKIPPED)
		record->started_ms = record->scheduled_ms;
	if (record->completed_ms == CLOCK_NONE &&
	    record_status_is_final(record->status))
		record->completed_ms = record->status == RECORD_SKIPPED
		    ? record->scheduled_ms
		    : record->started_ms + record->duration_ms;
	if (record->output_bytes < kept)
		record->output_bytes = kept;
	if (record->kind == NULL)
		record->kind = mem_strdup("cron");
	at_ms = record->scheduled_ms != CLOCK_NONE ? record->scheduled_ms
						   : record->started_ms;
	if (ulid_time_ms(&record->id) != 0)
		return;
	record->id = ulid_make(at_ms != CLOCK_NONE ? at_ms : clock_now_ms());
}

static void
past_apply(
    struct store *store, enum store_op_kind kind, const struct record *record)
{
	struct store_op *op = store_op_new(kind, record);
	struct err err;

	op->watermark_ms = record->scheduled_ms;
	if (!store_apply(store, &op, 1, &err))
		past_die(&err);
	store_op_free(op);
}

static void
past_write(struct store *store, struct record *record)
{
	char id[ULID_LEN + 1];

	past_complete(record);
	switch (record->status) {
	case RECORD_SKIPPED:
		past_apply(store, STORE_SKIP, record);
		break;
	case RECORD_RUNNING:
	case RECORD_PENDING:
		past_apply(store, STORE_BEGIN, record);
		past_apply(store, STORE_UPDATE, record);
		break;
	case RECORD_COMPLETED:
	case RECORD_FAILED:
	case RECORD_CANCELLED:
	case RECORD_LOST:
	case RECORD_STATUSES:
		past_apply(store, STORE_END, record);
		break;
	}
	ulid_format(&record->id, id);
	puts(id);
}

/* The place of the store of the jobfile at path. */
static void
past_place(const char *path, const char *where, struct store_place *place)
{
	char *real = realpath(path, NULL);
	struct err err;

	if (real == NULL || !store_place_find(real, where, place, &err) ||
	    !store_place_make(place, &err))
		past_die(&err);
	free(real);
}

static int
past_live(const char *path, const char *run, bool is_dying)
{
	struct store_place place;
	struct live live = { 0 };
	struct err err;
	char buf[4096], *file;
	ssize_t n;

	past_place(path, "wjobs.db", &place);
	file = mem_printf("%s/%s.live", place.runtime_dir, run);
	if (!live_create(&live, file, 65536, 0, &err))
		past_die(&err);
	free(file);
	while ((n = read(STDIN_FILENO, buf, sizeof buf)) > 0)
		live_add(&live, buf, (size_t)n);
	if (is_dying) { /* as the kernel would have it: no end, no lock */
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		_exit(0);
	}
	live_end(&live);
	store_place_release(&place);
	return 0;
}

int
main(int argc, char **argv)
{
	struct store_limits limits = { 100000, -1, 0 };
	struct store_place place;
	struct store *store = NULL;
	struct record record;
	const char *where = "wjobs.db";
	struct err err;
	int i = 2;

	if (argc == 4 && strncmp(argv[1], "--live", 6) == 0)
		return past_live(
		    argv[2], argv[3], strcmp(argv[1], "--live-dies") == 0);
	if (argc > 1 && strncmp(argv[1], "--keep=", 7) == 0) {
		limits.keep = (int)strtol(argv[1] + 7, NULL, 10);
		argc--;
		argv++;
	}
	if (argc > 1 && strncmp(argv[1], "--store=", 8) == 0) {
		where = argv[1] + 8;
		argc--;
		argv++;
	}
	if (argc < 3)
		return 2;
	past_place(argv[1], where, &place);
	if (store_open(place.store, STORE_WRITE, limits, &store, NULL, &err) !=
	    STORE_OPENED)
		past_die(&err);
	while (i < argc) {
		record_init(&record);
		for (; i < argc && strcmp(argv[i], "+") != 0; i++)
			past_set(&record, argv[i]);
		i++;
		past_write(store, &record);
		record_release(&record);
	}
	store_close(store);
	store_place_release(&place);
	return 0;
}
