/*
 * Loading from begin to end: what no file says, the file (read.c), what needs
 * the whole of it (finish.c), what is told of it.
 */
#include "lib/jobfile/jobfile.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/jobfile/read.h"
#include "lib/jobfile/value.h"

/* Where path is, absolute; its last part may be a link, and stays one. */
static bool
load_resolve(struct jobfile *file, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;
	char *up = slash == NULL ? mem_strdup(".")
	    : slash == path      ? mem_strdup("/")
				 : mem_strndup(path, (size_t)(slash - path));

	file->dir = realpath(up, NULL);
	if (file->dir == NULL)
		err_sys(err, errno, "cannot find the directory '%s'", up);
	else
		file->path = mem_printf("%s/%s",
		    strcmp(file->dir, "/") != 0 ? file->dir : "", base);
	free(up);
	return file->dir != NULL;
}

/* A field for each default that has a text, read as if a file gave it. */
static void
load_defaults(struct loader *l, const struct key *keys, size_t n,
    bool is_handler, void *base)
{
	struct yaml_node node = { .kind = YAML_SCALAR };
	size_t i;

	for (i = 0; i < n; i++) {
		node.text = is_handler && keys[i].handler_text != NULL
		    ? keys[i].handler_text
		    : keys[i].text;
		if (node.text != NULL && keys[i].size != 0)
			value_read(l, &keys[i], &node, base);
	}
}

static int
load_rank(const struct loader *l, const char *file)
{
	size_t i;

	for (i = 0; i < l->n_sources; i++)
		if (strcmp(l->sources[i], file) == 0)
			return (int)i;
	return -1;
}

/* In the order of the files, and of places in them; stable. */
static void
load_sort(const struct loader *l, struct errlist *list)
{
	struct err tmp;
	size_t i, k;

	for (i = 1; i < list->len; i++) {
		const struct err *a;
		struct err *b = &list->item[i];
		int rank = load_rank(l, b->file);

		for (k = i; k > 0; k--) {
			int other;

			a = &list->item[k - 1];
			other = load_rank(l, a->file);
			if (other < rank ||
			    (other == rank &&
				(a->line < b->line ||
				    (a->line == b->line && a->col <= b->col))))
				break;
		}
		if (k == i)
			continue;
		tmp = *b;
		memmove(
		    &list->item[k + 1], &list->item[k], (i - k) * sizeof tmp);
		list->item[k] = tmp;
	}
}

static size_t
load_index(const struct loader *l, const char *name)
{
	return (
	    size_t)((const struct key *)map_find(&l->keys, name) - keys_job);
}

/* Each job asks for a handful of keys: by a map, not by a walk. */
static void
load_keys(struct loader *l)
{
	size_t i;

	map_reserve(&l->keys, keys_job_len);
	for (i = 0; i < keys_job_len; i++)
		map_put(&l->keys, keys_job[i].name, (void *)&keys_job[i]);
	l->cron = load_index(l, "cron");
	l->interval = load_index(l, "interval");
	l->command = load_index(l, "command");
	l->handler = load_index(l, "handler");
}

static void
load_sets(struct loader *l, struct jobfile *file)
{
	l->jobs = (struct loader_set){
		.name = "jobs",
		.defaults = "defaults",
		.of = KEY_OF_JOB,
		.job = &file->job,
		.n = &file->n,
	};
	l->handlers = (struct loader_set){
		.name = "handlers",
		.defaults = "handler_defaults",
		.of = KEY_OF_HANDLER,
		.job = &file->handler,
		.n = &file->handlers,
		.builtin.kind = JOB_HANDLER,
	};
	load_defaults(l, keys_job, keys_job_len, false, &l->jobs.builtin);
	load_defaults(l, keys_job, keys_job_len, true, &l->handlers.builtin);
	l->jobs.by_default = l->jobs.builtin;
	l->handlers.by_default = l->handlers.builtin;
}

static void
load_begin(struct loader *l, struct jobfile *file, unsigned flags,
    struct errlist *errors, struct errlist *warnings)
{
	*file = (struct jobfile){ 0 };
	file->arena = mem_zalloc(1, sizeof *file->arena);
	*l = (struct loader){
		.file = file,
		.flags = flags,
		.errors = errors,
		.warnings = warnings,
		.arena = file->arena,
	};
	load_keys(l);
	load_defaults(l, keys_file, keys_file_len, false, file);
	load_sets(l, file);
}

/* True where the file is good; otherwise all of it is given back. */
static bool
load_end(struct loader *l, const char *path, size_t errors_before)
{
	bool ok;

	finish_names(l);
	if (!l->has_failed)
		finish_jobs(l);
	if (l->file->n == 0 && l->file->handlers == 0 &&
	    l->errors->len == errors_before) {
		loader_error(l, (struct place){ path, 0, 0 },
		    "there is neither a job nor a handler in it");
	}
	if (l->errors->len == errors_before && l->warnings != NULL)
		warn_jobs(l);
	load_sort(l, l->errors);
	if (l->warnings != NULL)
		load_sort(l, l->warnings);
	ok = l->errors->len == errors_before;
	if (!ok)
		jobfile_release(l->file);
	free(l->sources);
	map_release(&l->keys);
	map_release(&l->schedules);
	map_release(&l->known_hooks);
	arena_release(&l->scratch);
	free(l->jobs.hashes);
	free(l->handlers.hashes);
	free(l->refs);
	return ok;
}

bool
jobfile_load(const char *path, unsigned flags, struct jobfile *file,
    struct errlist *errors, struct errlist *warnings)
{
	size_t errors_before = errors->len;
	struct place at = { path, 0, 0 };
	struct loader l;
	struct err err;

	load_begin(&l, file, flags, errors, warnings);
	if (load_resolve(file, path, &err)) {
		read_path(&l, path, at);
	} else {
		loader_error(&l, at, "%s", err.msg);
		l.has_failed = true;
	}
	return load_end(&l, path, errors_before);
}

bool
jobfile_parse(const char *path, const char *text, size_t n, unsigned flags,
    struct jobfile *file, struct errlist *errors, struct errlist *warnings)
{
	size_t errors_before = errors->len;
	struct loader_source source = { 0 };
	struct loader l;
	struct err err;

	load_begin(&l, file, flags, errors, warnings);
	if (load_resolve(file, path, &err)) {
		read_note_source(&l, &source, path, NULL);
		l.source = &source;
		read_text(&l, text, n, -1);
		l.source = NULL;
	} else {
		loader_error(&l, (struct place){ path, 0, 0 }, "%s", err.msg);
		l.has_failed = true;
	}
	return load_end(&l, path, errors_before);
}

const char *
jobfile_claims(const struct jobfile *file)
{
	if (file->locking == NULL)
		return file->store;
	return strcmp(file->locking, "none") != 0 ? file->locking : NULL;
}

const char *
jobfile_history(const struct jobfile *file)
{
	return file->history_store != NULL ? file->history_store : file->store;
}

const char *
jobfile_queue(const struct jobfile *file)
{
	return file->queue_store != NULL ? file->queue_store : file->store;
}

static bool
store_is_shared(const char *store)
{
	return store != NULL && str_starts(store, "redis") &&
	    strstr(store, "://") != NULL;
}

bool
jobfile_is_shared(const struct jobfile *file)
{
	return store_is_shared(jobfile_claims(file));
}

bool
jobfile_queue_is_shared(const struct jobfile *file)
{
	return store_is_shared(jobfile_queue(file));
}

void
jobfile_release(struct jobfile *file)
{
	if (file == NULL)
		return;
	free(file->path);
	free(file->dir);
	free(file->job);
	free(file->handler);
	map_release(&file->names);
	arena_release(file->arena);
	free(file->arena);
	*file = (struct jobfile){ 0 };
}

/* The error for a name that is not there; the nearest of n is told. */
static void
find_fail(const struct jobfile *file, const char *what, const struct job *list,
    size_t n, const char *name, struct err *err)
{
	const char **names = mem_zalloc(n, sizeof *names), *near;
	size_t i;

	for (i = 0; i < n; i++)
		names[i] = list[i].name;
	near = str_nearest(name, names, n);
	free(names);
	if (near != NULL)
		err_set(err, ERR_NOT_FOUND,
		    "no %s '%s' in %s: did you mean '%s'?", what, name,
		    file->path, near);
	else
		err_set(err, ERR_NOT_FOUND, "no %s '%s' in %s", what, name,
		    file->path);
}

const struct job *
jobfile_find(const struct jobfile *file, const char *name, struct err *err)
{
	const struct job *job = map_find(&file->names, name);

	if (job != NULL && job->kind != JOB_HANDLER)
		return job;
	if (job != NULL)
		err_set(err, ERR_NOT_FOUND,
		    "'%s' is a handler: wjobs enqueue %s", name, name);
	else
		find_fail(file, "job", file->job, file->n, name, err);
	return NULL;
}

const struct job *
jobfile_find_handler(
    const struct jobfile *file, const char *name, struct err *err)
{
	const struct job *job = map_find(&file->names, name);

	if (job != NULL && job->kind == JOB_HANDLER)
		return job;
	if (job != NULL)
		err_set(err, ERR_NOT_FOUND,
		    "'%s' is a job, not a handler: wjobs run %s", name, name);
	else
		find_fail(
		    file, "handler", file->handler, file->handlers, name, err);
	return NULL;
}
