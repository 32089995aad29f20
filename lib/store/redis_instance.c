#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/redis_session.h"

/* The instances that live, as their sessions say. */

extern const char session_list_lua[];

static char *
dup_text(const char *text, size_t len)
{
	return len == 0 ? NULL : mem_strndup(text, len);
}

static void
set_field(struct instance *in, const char *name, const char *value, size_t len)
{
	if (strcmp(name, "kind") == 0)
		in->kind = instance_kind_find(value);
	else if (strcmp(name, "worker") == 0)
		in->worker = dup_text(value, len);
	else if (strcmp(name, "host") == 0)
		in->host = dup_text(value, len);
	else if (strcmp(name, "version") == 0)
		in->version = dup_text(value, len);
	else if (strcmp(name, "pidns") == 0)
		in->pid_space = dup_text(value, len);
	else if (strcmp(name, "boot") == 0)
		snprintf(in->process.boot_id, sizeof in->process.boot_id, "%s",
		    value);
	else if (strcmp(name, "pid") == 0)
		in->process.pid = strtoll(value, NULL, 10);
	else if (strcmp(name, "start") == 0)
		in->process.start_ticks = strtoull(value, NULL, 10);
	else if (strcmp(name, "since") == 0)
		in->since_ms = strtoll(value, NULL, 10);
	else if (strcmp(name, "offset") == 0) {
		in->has_offset = true;
		in->offset_ms = strtoll(value, NULL, 10);
	}
}

/* A list of texts in twos. False where it is none. */
static bool
read_pair(const redisReply *list, size_t i, const char **name,
    const char **value, size_t *len)
{
	size_t unused;

	return redis_reply_text(redis_reply_at(list, i), name, &unused) &&
	    redis_reply_text(redis_reply_at(list, i + 1), value, len);
}

static bool
read_runs(const redisReply *list, struct instance *in)
{
	const char *id, *job;
	size_t i, len;

	for (i = 0; list != NULL && i < list->elements; i += 2) {
		struct instance_run run = { 0 };

		if (!read_pair(list, i, &id, &job, &len) ||
		    !ulid_parse(id, &run.id))
			return false;
		run.job = mem_strndup(job, len);
		in->run = mem_grow(in->run, in->runs + 1, sizeof *in->run);
		in->run[in->runs++] = run;
	}
	return true;
}

static bool
read_instance(const redisReply *one, struct instance *in)
{
	const redisReply *fields = redis_reply_at(one, 1);
	const char *name, *value;
	size_t i, len;

	*in = (struct instance){ .since_ms = CLOCK_NONE };
	if (!redis_reply_text(redis_reply_at(one, 0), &value, &len) ||
	    !ulid_parse(value, &in->session) || fields == NULL)
		return false;
	for (i = 0; i < fields->elements; i += 2) {
		if (!read_pair(fields, i, &name, &value, &len))
			return false;
		set_field(in, name, value, len);
	}
	return read_runs(redis_reply_at(one, 2), in);
}

static bool
read_list(struct redis_link *link, const redisReply *answer,
    struct instance **list, size_t *n, struct err *err)
{
	const redisReply *all = redis_reply_at(answer, 1);
	struct instance *found = NULL;
	size_t i, len = 0;

	if (!redis_session_is_ok(link, answer, "the list of sessions", err))
		return false;
	for (i = 0; all != NULL && i < all->elements; i++) {
		found = mem_grow(found, len + 1, sizeof *found);
		if (read_instance(all->element[i], &found[len++]))
			continue;
		instances_release(found, len);
		return redis_reply_bad(link, "the list of sessions", err);
	}
	*list = found;
	*n = len;
	return true;
}

bool
redis_session_list(struct redis_link *link, int runs, struct instance **list,
    size_t *n, struct err *err)
{
	struct redis_script script = { .text = session_list_lua };
	struct redis_args args = { 0 };
	redisReply *answer;
	bool is_good;

	redis_args_int(&args, runs);
	is_good = redis_link_run(link, &script, &args, &answer, err);
	redis_args_release(&args);
	if (!is_good)
		return false;
	is_good = read_list(link, answer, list, n, err);
	freeReplyObject(answer);
	return is_good;
}
