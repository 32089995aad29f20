#include "lib/store/instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/store/history.h"
#include "lib/store/owner.h"
#include "lib/store/redis_session.h"

static const char *const kind_name[] = {
	[SESSION_SCHEDULER] = "scheduler",
	[SESSION_FILTER] = "filter",
	[SESSION_WORKER] = "worker",
};

const char *
instance_kind_name(enum session_kind kind)
{
	return kind_name[kind];
}

enum session_kind
instance_kind_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(kind_name); i++)
		if (strcmp(kind_name[i], name) == 0)
			return (enum session_kind)i;
	return SESSION_SCHEDULER;
}

void
instances_release(struct instance *list, size_t n)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		free(list[i].worker);
		free(list[i].host);
		free(list[i].version);
		free(list[i].pid_space);
		for (k = 0; k < list[i].runs; k++)
			free(list[i].run[k].job);
		free(list[i].run);
	}
	free(list);
}

void
instance_pid_space(char *text, size_t size)
{
	ssize_t n = readlink("/proc/self/ns/pid", text, size - 1);

	text[n > 0 ? n : 0] = '\0';
}

/* Those of an SQLite file, all of this host. */
struct found {
	struct instance *list;
	size_t n;
};

static struct instance *
found_add(
    struct found *found, const struct identity *process, const char *worker)
{
	char host[256] = "localhost";
	struct instance *in;

	if (gethostname(host, sizeof host - 1) != 0)
		snprintf(host, sizeof host, "localhost");
	found->list = mem_grow(found->list, found->n + 1, sizeof *in);
	in = &found->list[found->n++];
	*in = (struct instance){
		.kind = SESSION_FILTER,
		.worker = mem_strdup(worker),
		.host = mem_strdup(host),
		.process = *process,
		.since_ms = CLOCK_NONE,
	};
	return in;
}

static struct instance *
found_of(struct found *found, const struct record *record)
{
	const struct identity *owner = &record->owner;
	size_t i;

	for (i = 0; i < found->n; i++)
		if (found->list[i].process.pid == owner->pid)
			return &found->list[i];
	return found_add(found, owner, record->worker);
}

/* The oldest of its runs is what is known of when a filter began. */
static bool
found_run(void *data, const struct record *record)
{
	struct found *found = data;
	struct instance *in;

	if (!identity_is_alive(&record->owner))
		return true;
	in = found_of(found, record);
	in->run = mem_grow(in->run, in->runs + 1, sizeof *in->run);
	in->run[in->runs++] = (struct instance_run){ record->id,
		mem_strdup(record->job) };
	if (in->kind == SESSION_FILTER)
		in->since_ms = record->started_ms;
	return true;
}

static void
find_owner(const struct store_place *place, struct found *found)
{
	struct owner_sign sign;
	struct instance *in;

	if (!owner_find(place, &sign))
		return;
	in = found_add(found, &sign.process, sign.worker);
	in->kind = SESSION_SCHEDULER;
	in->since_ms = sign.since_ms;
	free(sign.worker);
}

static bool
find_runs(const struct store_place *place, struct found *found, struct err *err)
{
	struct history_filter filter = {
		.has_status = true,
		.status = RECORD_RUNNING,
		.since_ms = CLOCK_NONE,
		.until_ms = CLOCK_NEVER,
	};
	struct store_limits limits = { .max_age_ms = -1 };
	struct store *store;
	bool is_good;

	switch (
	    store_open(place->store, STORE_READ, limits, &store, NULL, err)) {
	case STORE_OPENED:
		break;
	case STORE_ABSENT:
		return true;
	case STORE_FAILED:
		return false;
	}
	is_good = history_list(store, &filter, found_run, found, err);
	store_close(store);
	return is_good;
}

static int
by_since(const void *a, const void *b)
{
	const struct instance *x = a, *y = b;

	return (x->since_ms > y->since_ms) - (x->since_ms < y->since_ms);
}

/* Of a Redis: more runs of one instance than this are not told. */
#define RUNS_MOST 1000

static bool
find_sessions(const char *where, struct found *found, struct err *err)
{
	struct redis_link *link;
	struct redis_url url;
	bool is_good;

	if (!redis_url_parse(where, &url, err))
		return false;
	link = redis_link_new(&url, "wjobs");
	is_good = redis_session_list(
	    link, RUNS_MOST, &found->list, &found->n, err);
	redis_link_free(link);
	redis_url_release(&url);
	return is_good;
}

bool
instances_list(const struct store_place *place, struct instance **list,
    size_t *n, struct err *err)
{
	struct found found = { 0 };
	bool is_good;

	if (redis_url_is(place->store)) {
		is_good = find_sessions(place->store, &found, err);
	} else {
		find_owner(place, &found);
		is_good = find_runs(place, &found, err);
	}
	if (!is_good) {
		instances_release(found.list, found.n);
		return false;
	}
	if (found.n > 1)
		qsort(found.list, found.n, sizeof *found.list, by_since);
	*list = found.list;
	*n = found.n;
	return true;
}
