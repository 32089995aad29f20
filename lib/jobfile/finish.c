/*
 * What needs the whole file: `defaults` go into the jobs that do not say, the
 * keys of a job are held against one another, and what is legal but rarely
 * meant is warned about.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/jobfile/hooks.h"
#include "lib/jobfile/list.h"
#include "lib/jobfile/loader.h"
#include "lib/jobfile/pairs.h"
#include "lib/time/duration.h"
#include "lib/time/stamp.h"

/* The keys that are asked for by name. */
struct finish {
	struct loader *l;
	struct loader_set *set;
	size_t anchor, command, handler, metadata, on_lock_error, output_file,
	    payload, priority, stdin_text, timeout, workers;
	const char **env_base; /* the file's env with that of defaults in it */
	bool is_default_told;  /* there is no such handler as defaults name */
};

static size_t
finish_key(const char *name)
{
	return (
	    size_t)(keys_find(keys_job, keys_job_len, NULL, name) - keys_job);
}

/* One key that defaults gives and the job does not. */
static void
finish_copy(struct finish *f, const struct key *key, struct job *job)
{
	const struct job *from = &f->set->by_default;

	switch (key->type) {
	case KEY_ENV:
	case KEY_TIME:
	case KEY_HOOK:
	case KEY_REPEAT:
		break;
	case KEY_COMMAND:
		job->command = from->command;
		job->argv = from->argv;
		break;
	case KEY_RETRY_ON:
		job->retry.on = from->retry.on;
		job->retry.codes = from->retry.codes;
		break;
	case KEY_CRON:
		job->cron = from->cron;
		if (!list_read_cron_again(f->l, job, job->place))
			job->is_bad = true;
		break;
	default:
		memcpy((char *)job + key->offset,
		    (const char *)from + key->offset, key->size);
	}
}

static void
finish_defaults(struct finish *f, struct job *job)
{
	const struct job *from = &f->set->by_default;
	struct keyset more = keyset_without(&from->written, &job->written);
	size_t i;

	/* whoever says when, or what, says it whole */
	if (keyset_has(&job->written, f->l->cron) ||
	    keyset_has(&job->written, f->l->interval)) {
		keyset_remove(&more, f->l->cron);
		keyset_remove(&more, f->l->interval);
	}
	if (keyset_has(&job->written, f->command) ||
	    keyset_has(&job->written, f->handler)) {
		keyset_remove(&more, f->command);
		keyset_remove(&more, f->handler);
		keyset_remove(&more, f->payload);
	}
	if (keyset_has(&job->written, f->metadata))
		job->metadata = pairs_merge(
		    f->l->arena, from->metadata, job->metadata);
	job->env = pairs_merge(f->l->arena, f->env_base, job->env);
	keyset_add_all(&job->written, &more);
	while (keyset_pop(&more, &i))
		finish_copy(f, &keys_job[i], job);
}

/* What comes from the file where neither job nor defaults say. */
static void
finish_inherit(struct finish *f, struct job *job)
{
	const struct jobfile *file = f->l->file;

	if (job->when.zone == NULL)
		job->when.zone = file->zone;
	if (job->shell == NULL)
		job->shell = file->shell;
	if (job->working_dir == NULL)
		job->working_dir = file->dir;
	job->timeout_is_default = !keyset_has(&job->written, f->timeout);
	if (!keyset_has(&job->written, f->on_lock_error))
		job->on_lock_error = job->shared && jobfile_is_shared(file)
		    ? JOB_LOCK_SKIP
		    : JOB_LOCK_RUN;
	if (job->kind == JOB_HANDLER) {
		if (!keyset_has(&job->written, f->workers))
			job->workers = file->queue_workers;
		return;
	}
	if (keyset_has(&job->written, f->l->interval))
		job->kind = JOB_INTERVAL;
	job->when.kind = job->kind == JOB_INTERVAL ? WHEN_INTERVAL : WHEN_CRON;
}

/* What there must be; what defaults meant to give is not missing. */
static void
finish_check_given(struct finish *f, const struct job *job)
{
	const struct keyset *written = &job->written;
	struct loader *l = f->l;
	bool has_command = keyset_has(written, f->command);

	if (f->set->by_default.is_bad)
		return;
	if (job->kind == JOB_HANDLER) {
		if (!has_command)
			loader_error(l, job->place, "has no 'command'");
		return;
	}
	if (!keyset_has(written, l->cron) && !keyset_has(written, l->interval))
		loader_error(
		    l, job->place, "has neither 'cron' nor 'interval'");
	if (!has_command && !keyset_has(written, f->handler))
		loader_error(
		    l, job->place, "has neither 'command' nor 'handler'");
}

static void
finish_check(struct finish *f, const struct job *job)
{
	struct loader *l = f->l;

	finish_check_given(f, job);
	if (job->output == JOB_OUTPUT_FILE && job->output_file == NULL)
		loader_error(
		    l, job->place, "output: file needs an 'output_file'");
	if (job->kind == JOB_INTERVAL && job->when.interval_ms > 0 &&
	    job->jitter_ms >= job->when.interval_ms)
		loader_error(l, job->place,
		    "'jitter' must be shorter than the interval");
}

/* The same for what the job itself says, whatever defaults would. */
static void
finish_check_own(
    struct finish *f, const struct job *job, const struct keyset *own)
{
	if (keyset_has(own, f->anchor) && job->kind != JOB_INTERVAL)
		loader_error(f->l, job->place,
		    "'anchor' means nothing to 'cron': it shifts the grid of "
		    "'interval'");
	if (keyset_has(own, f->output_file) && job->output != JOB_OUTPUT_FILE)
		loader_error(f->l, job->place,
		    "'output_file' is not used: write output: file");
	if (keyset_has(own, f->payload) && job->handler == NULL)
		loader_error(f->l, job->place,
		    "'payload' is for a 'handler': the standard input of a "
		    "command is 'stdin'");
	if (keyset_has(own, f->stdin_text) && job->handler != NULL)
		loader_error(f->l, job->place,
		    "'stdin' is for a 'command': what a handler reads is "
		    "'payload'");
}

static void
finish_job(struct finish *f, struct job *job)
{
	struct keyset own = job->written;

	if (job->is_bad)
		return;
	loader_push(f->l, job->name);
	finish_defaults(f, job);
	finish_inherit(f, job);
	hooks_settle(f->l, job);
	if (!job->is_bad) {
		finish_check(f, job);
		finish_check_own(f, job, &own);
	}
	loader_pop(f->l);
}

/* The name of a handler, or of nothing: then it is told at `at`. */
static const struct job *
finish_find_handler(struct loader *l, const char *name, struct place at)
{
	const struct jobfile *file = l->file;
	const struct job *found = map_find(&file->names, name);
	const char **names, *near;
	size_t i;

	if (found != NULL && found->kind == JOB_HANDLER)
		return found;
	if (found != NULL) {
		loader_error(l, at, "'%s' is a job, not a handler", name);
		return NULL;
	}
	names = mem_zalloc(file->handlers, sizeof *names);
	for (i = 0; i < file->handlers; i++)
		names[i] = file->handler[i].name;
	near = str_nearest(name, names, file->handlers);
	free(names);
	if (near != NULL)
		loader_error(l, at,
		    "there is no handler '%s': did you mean '%s'?", name, near);
	else
		loader_error(l, at, "there is no handler '%s'", name);
	return NULL;
}

/* A job's handler: by its own word, or by that of defaults, told once. */
static const struct job *
finish_ref(struct finish *f, const struct job *job, const struct place *own)
{
	struct loader *l = f->l;
	const struct job *handler;

	if (own == NULL && f->is_default_told)
		return NULL;
	loader_push(l, own != NULL ? l->jobs.name : l->jobs.defaults);
	if (own != NULL)
		loader_push(l, job->name);
	loader_push(l, "handler");
	handler = finish_find_handler(
	    l, job->handler, own != NULL ? *own : l->default_ref.at);
	loader_pop(l);
	if (own != NULL)
		loader_pop(l);
	loader_pop(l);
	f->is_default_told |= own == NULL && handler == NULL;
	return handler;
}

/* Each job's handler, of which it may have the priority. */
static void
finish_refs(struct finish *f)
{
	const struct loader *l = f->l;
	const struct job *handler;
	size_t i, r = 0;

	for (i = 0; i < l->file->n; i++) {
		struct job *job = &l->file->job[i];
		const struct place *own = NULL;

		while (r < l->n_refs && l->refs[r].job == i)
			own = &l->refs[r++].at;
		if (job->handler == NULL || job->is_bad)
			continue;
		handler = finish_ref(f, job, own);
		if (handler == NULL)
			job->is_bad = true;
		else if (!keyset_has(&job->written, f->priority))
			job->priority = handler->priority;
	}
}

/* An instant that does not depend on when it is asked for. */
static bool
finish_read_anchor(
    struct loader *l, const struct loader_anchor *anchor, struct job *job)
{
	const char *text = anchor->text;
	struct err err;
	bool ok = true;

	if (*text != '@' &&
	    (strchr("0123456789", *text) == NULL || strchr(text, '-') == NULL))
		return loader_error(l, anchor->at,
		    "'%s' is not a time such as 2026-01-31 03:00", text);
	if (!stamp_parse(text, anchor->at, job->when.zone, 0, STAMP_FORWARD,
		&job->when.anchor_ms, &err))
		ok = loader_fail(l, anchor->at, &err);
	return ok;
}

/* The one of defaults; a job's own is read after it. */
static void
finish_default_anchor(struct finish *f)
{
	const struct loader_anchor *anchor = &f->l->default_anchor;
	struct job *job;
	size_t i;

	loader_push(f->l, "defaults");
	loader_push(f->l, "anchor");
	for (i = 0; anchor->text != NULL && i < f->l->file->n; i++) {
		job = &f->l->file->job[i];
		if (job->kind == JOB_INTERVAL && !job->is_bad &&
		    !finish_read_anchor(f->l, anchor, job))
			break;
	}
	loader_pop(f->l);
	loader_pop(f->l);
}

static void
finish_anchors(struct finish *f)
{
	const struct loader_anchor *anchor;
	struct loader *l = f->l;
	struct job *job;

	finish_default_anchor(f);
	for (anchor = l->anchors; anchor != NULL; anchor = anchor->next) {
		job = &l->file->job[anchor->job];
		if (job->is_bad)
			continue;
		loader_push(l, "jobs");
		loader_push(l, job->name);
		loader_push(l, "anchor");
		finish_read_anchor(l, anchor, job);
		loader_pop(l);
		loader_pop(l);
		loader_pop(l);
	}
}

static bool
finish_zone(struct loader *l)
{
	struct place at = { l->n_sources != 0 ? l->sources[0] : NULL, 0, 0 };
	struct err err;

	if (l->file->zone == NULL)
		l->file->zone = zone_default(&err);
	if (l->file->zone != NULL)
		return true;
	return loader_error(l, at, "%s: write a 'timezone'", err.msg);
}

static void
finish_names_of(struct loader *l, struct loader_set *set)
{
	struct map *names = &l->file->names;
	size_t i;

	if (*set->n != 0)
		*set->job = mem_realloc(*set->job, *set->n, sizeof **set->job);
	loader_push(l, set->name);
	for (i = 0; i < *set->n; i++) {
		struct job *job = &(*set->job)[i], *other;

		other = map_put(names, job->name, job);
		if (other == NULL)
			continue;
		loader_error(l, job->place,
		    "there is a %s '%s' already, at %s:%d:%d",
		    other->kind == JOB_HANDLER ? "handler" : "job", job->name,
		    other->place.file, other->place.line, other->place.col);
		job->is_bad = true;
		map_put(names, job->name, other);
	}
	loader_pop(l);
}

void
finish_names(struct loader *l)
{
	map_reserve(&l->file->names, l->file->n + l->file->handlers);
	finish_names_of(l, &l->jobs);
	finish_names_of(l, &l->handlers);
}

static void
finish_set(struct finish *f, struct loader_set *set)
{
	size_t i;

	f->set = f->l->set = set;
	f->env_base = pairs_merge(
	    f->l->arena, f->l->file->env, set->by_default.env);
	loader_push(f->l, set->name);
	for (i = 0; i < *set->n; i++)
		finish_job(f, &(*set->job)[i]);
	loader_pop(f->l);
	f->l->set = NULL;
}

void
finish_jobs(struct loader *l)
{
	struct finish f = {
		.l = l,
		.anchor = finish_key("anchor"),
		.command = l->command,
		.handler = l->handler,
		.metadata = finish_key("metadata"),
		.on_lock_error = finish_key("on_lock_error"),
		.output_file = finish_key("output_file"),
		.payload = finish_key("payload"),
		.priority = finish_key("priority"),
		.stdin_text = finish_key("stdin"),
		.timeout = finish_key("timeout"),
		.workers = finish_key("workers"),
	};

	if (!finish_zone(l))
		return;
	finish_set(&f, &l->handlers);
	finish_set(&f, &l->jobs);
	finish_refs(&f);
	finish_anchors(&f);
}
