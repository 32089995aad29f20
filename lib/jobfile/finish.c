/*
 * What needs the whole file: `defaults` go into the jobs that do not say, the
 * keys of a job are held against one another, and what is legal but rarely
 * meant is warned about.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/jobfile/list.h"
#include "lib/jobfile/loader.h"
#include "lib/jobfile/pairs.h"
#include "lib/time/duration.h"
#include "lib/time/stamp.h"

/* The bits of `written` that are asked for by name. */
struct finish {
	struct loader *l;
	uint64_t cron, interval, anchor, timezone, command, shell, env,
	    metadata, timeout, output_file, on_lock_error;
	const char **env_base; /* the file's env with that of defaults in it */
};

static uint64_t
finish_bit(const char *name)
{
	return keys_bit(
	    keys_job, keys_find(keys_job, keys_job_len, NULL, name));
}

/* One key that defaults gives and the job does not. */
static void
finish_copy(struct finish *f, const struct key *key, struct job *job)
{
	const struct job *from = &f->l->defaults;

	switch (key->type) {
	case KEY_ENV:
	case KEY_TIME:
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
			job->written |= LOADER_BAD_JOB;
		break;
	default:
		memcpy((char *)job + key->offset,
		    (const char *)from + key->offset, key->size);
	}
}

static void
finish_defaults(struct finish *f, struct job *job)
{
	uint64_t given = f->l->defaults.written & ~LOADER_BAD_JOB;
	uint64_t bits = given & ~job->written;

	/* whoever says when says it whole */
	if ((job->written & (f->cron | f->interval)) != 0)
		bits &= ~(f->cron | f->interval);
	if ((job->written & given & f->metadata) != 0)
		job->metadata = pairs_merge(
		    f->l->arena, f->l->defaults.metadata, job->metadata);
	job->env = pairs_merge(f->l->arena, f->env_base, job->env);
	job->written |= bits;
	for (; bits != 0; bits &= bits - 1)
		finish_copy(f, &keys_job[__builtin_ctzll(bits)], job);
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
	job->timeout_is_default = (job->written & f->timeout) == 0;
	if ((job->written & f->on_lock_error) == 0)
		job->on_lock_error = job->shared && jobfile_is_shared(file)
		    ? JOB_LOCK_SKIP
		    : JOB_LOCK_RUN;
	if ((job->written & f->interval) != 0)
		job->kind = JOB_INTERVAL;
	job->when.kind = job->kind == JOB_INTERVAL ? WHEN_INTERVAL : WHEN_CRON;
}

static void
finish_check(struct finish *f, const struct job *job)
{
	struct loader *l = f->l;

	/* what defaults meant to give is not missing */
	if ((l->defaults.written & LOADER_BAD_JOB) == 0) {
		if ((job->written & (f->cron | f->interval)) == 0)
			loader_error(
			    l, job->place, "has neither 'cron' nor 'interval'");
		if ((job->written & f->command) == 0)
			loader_error(l, job->place, "has no 'command'");
	}
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
finish_check_own(struct finish *f, const struct job *job, uint64_t own)
{
	if ((own & f->anchor) != 0 && job->kind != JOB_INTERVAL)
		loader_error(f->l, job->place,
		    "'anchor' means nothing to 'cron': it shifts the grid of "
		    "'interval'");
	if ((own & f->output_file) != 0 && job->output != JOB_OUTPUT_FILE)
		loader_error(f->l, job->place,
		    "'output_file' is not used: write output: file");
}

static void
finish_job(struct finish *f, struct job *job)
{
	uint64_t own = job->written;

	if ((own & LOADER_BAD_JOB) != 0)
		return;
	loader_push(f->l, job->name);
	finish_defaults(f, job);
	finish_inherit(f, job);
	if ((job->written & LOADER_BAD_JOB) == 0) {
		finish_check(f, job);
		finish_check_own(f, job, own);
	}
	loader_pop(f->l);
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
		if (job->kind == JOB_INTERVAL &&
		    (job->written & LOADER_BAD_JOB) == 0 &&
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
		if ((job->written & LOADER_BAD_JOB) != 0)
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

void
finish_names(struct loader *l)
{
	struct jobfile *file = l->file;
	size_t i;

	if (file->n != 0)
		file->job = mem_realloc(file->job, file->n, sizeof *file->job);
	map_reserve(&file->names, file->n);
	loader_push(l, "jobs");
	for (i = 0; i < file->n; i++) {
		struct job *job = &file->job[i], *other;

		other = map_put(&file->names, job->name, job);
		if (other == NULL)
			continue;
		loader_error(l, job->place,
		    "there is a job '%s' already, at %s:%d:%d", job->name,
		    other->place.file, other->place.line, other->place.col);
		job->written |= LOADER_BAD_JOB;
		map_put(&file->names, job->name, other);
	}
	loader_pop(l);
}

void
finish_jobs(struct loader *l)
{
	struct finish f = {
		.l = l,
		.cron = l->cron_bit,
		.interval = l->interval_bit,
		.anchor = finish_bit("anchor"),
		.timezone = finish_bit("timezone"),
		.command = finish_bit("command"),
		.shell = finish_bit("shell"),
		.env = finish_bit("env"),
		.metadata = finish_bit("metadata"),
		.timeout = finish_bit("timeout"),
		.output_file = finish_bit("output_file"),
		.on_lock_error = finish_bit("on_lock_error"),
	};
	size_t i;

	if (!finish_zone(l))
		return;
	f.env_base = pairs_merge(l->arena, l->file->env, l->defaults.env);
	loader_push(l, "jobs");
	for (i = 0; i < l->file->n; i++)
		finish_job(&f, &l->file->job[i]);
	loader_pop(l);
	finish_anchors(&f);
}
