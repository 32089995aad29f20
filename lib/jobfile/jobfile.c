/*
 * From the text of a jobfile to its jobs. The file is walked an entry at a
 * time: each job's tree becomes a struct job and is forgotten before the next
 * one is read. What needs the whole file, such as `defaults` at its end, is
 * done by finish.c when all has been read.
 */
#include "lib/jobfile/jobfile.h"
#include "lib/jobfile/name.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/jobfile/loader.h"

#define INCLUDE_DEPTH_MAX 16
#define INCLUDES_MAX      10000

void
loader_push(struct loader *l, const char *key)
{
	if (l->path_len < LOADER_PATH_MAX)
		l->path[l->path_len] = key;
	l->path_len++;
}

void
loader_pop(struct loader *l)
{
	l->path_len--;
}

/* The path of keys and the message, made safe for a terminal. */
static void
loader_add(
    struct loader *l, struct errlist *list, struct place at, const char *msg)
{
	struct str text = { 0 }, visible = { 0 };
	struct err err;
	size_t i;

	for (i = 0; i < l->path_len && i < LOADER_PATH_MAX; i++)
		str_addf(&text, "%s%s", i != 0 ? "." : "", l->path[i]);
	if (text.len != 0)
		str_add(&text, ": ");
	str_add(&text, msg);
	str_add_visible(&visible, str_text(&text), text.len, false);
	err_at(&err, at, ERR_CONFIG, "%s", str_text(&visible));
	errlist_add(list, &err);
	str_release(&text);
	str_release(&visible);
}

#undef loader_error /* what the analyzer is told in its stead */

bool
loader_error(struct loader *l, struct place at, const char *fmt, ...)
{
	char *msg = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&msg, fmt, ap) < 0)
		msg = NULL;
	va_end(ap);
	loader_add(l, l->errors, at, msg != NULL ? msg : fmt);
	free(msg);
	return false;
}

void
loader_warn(struct loader *l, struct place at, const char *fmt, ...)
{
	char *msg = NULL;
	va_list ap;

	if (l->warnings == NULL)
		return;
	va_start(ap, fmt);
	if (vasprintf(&msg, fmt, ap) < 0)
		msg = NULL;
	va_end(ap);
	loader_add(l, l->warnings, at, msg != NULL ? msg : fmt);
	free(msg);
}

bool
loader_fail(struct loader *l, struct place at, const struct err *err)
{
	if (err->line != 0) {
		at.line = err->line;
		at.col = err->col;
	}
	loader_add(l, l->errors, at, err->msg);
	return false;
}

/* A key that no table has: told apart by what may have been meant. */
static void
loader_unknown(struct loader *l, const struct yaml_node *name, bool is_job,
    const char *group)
{
	const struct key *keys = is_job ? keys_job : keys_file;
	size_t n = is_job ? keys_job_len : keys_file_len;
	const char *near = keys_nearest(keys, n, group, name->text);
	struct place at = loader_place(l, name);

	if (keys_is_later(group, name->text, is_job))
		loader_error(l, at,
		    "'%s' is not known yet to this version of wjobs",
		    name->text);
	else if (near != NULL)
		loader_error(l, at, "unknown key '%s': did you mean '%s'?",
		    name->text, near);
	else if (group == NULL &&
	    keys_find(is_job ? keys_file : keys_job,
		is_job ? keys_file_len : keys_job_len, NULL, name->text))
		loader_error(l, at, "unknown key '%s': it belongs %s",
		    name->text,
		    is_job ? "at the top of the file" : "into a job");
	else
		loader_error(l, at, "unknown key '%s'", name->text);
}

/* A group such as `retry`: its parts, or a scalar that stands for one. */
static void
read_group(struct loader *l, const struct key *group,
    const struct yaml_node *node, bool is_job, void *base, uint64_t *written)
{
	const struct key *keys = is_job ? keys_job : keys_file, *key;
	size_t n = is_job ? keys_job_len : keys_file_len;
	const struct yaml_node *name;

	if (node->kind == YAML_SCALAR && group->scalar != NULL) {
		key = keys_find(
		    keys, n, group->name, strchr(group->scalar, '.') + 1);
		*written |= keys_bit(keys, key);
		if (!value_read(l, key, node, base))
			*written |= LOADER_BAD_JOB;
		return;
	}
	if (node->kind != YAML_MAP) {
		/* the first part is the line behind the group's */
		loader_error(l, loader_place(l, node),
		    "is not a map such as { %s: %s }",
		    strchr(group[1].name, '.') + 1, group[1].text);
		*written |= LOADER_BAD_JOB;
		return;
	}
	for (name = node->first; name != NULL; name = name->next) {
		if (name->is_bad)
			continue;
		key = keys_find(keys, n, group->name, name->text);
		if (key == NULL) {
			loader_unknown(l, name, is_job, group->name);
			*written |= LOADER_BAD_JOB;
			continue;
		}
		loader_push(l, name->text);
		*written |= keys_bit(keys, key);
		if (!value_read(l, key, name->value, base))
			*written |= LOADER_BAD_JOB;
		loader_pop(l);
	}
}

/* Two ways to say when: told at the second. */
static bool
read_is_second_schedule(struct loader *l, const struct key *key,
    const struct yaml_node *name, uint64_t written)
{
	const char *other = NULL;

	if (key->type == KEY_CRON)
		other = "interval";
	else if (key->offset == offsetof(struct job, when.interval_ms))
		other = "cron";
	if (other == NULL ||
	    (written &
		keys_bit(keys_job,
		    keys_find(keys_job, keys_job_len, NULL, other))) == 0)
		return false;
	loader_error(l, loader_place(l, name),
	    "only one of 'cron' and 'interval' can say when");
	return true;
}

static void
read_job_keys(struct loader *l, const struct yaml_node *map, struct job *job)
{
	const struct yaml_node *name;
	const struct key *key;
	bool ok;

	for (name = map->first; name != NULL; name = name->next) {
		if (name->is_bad) {
			job->written |= LOADER_BAD_JOB;
			continue;
		}
		key = keys_find(keys_job, keys_job_len, NULL, name->text);
		if (key == NULL) {
			loader_unknown(l, name, true, NULL);
			job->written |= LOADER_BAD_JOB;
			continue;
		}
		ok = !read_is_second_schedule(l, key, name, job->written);
		loader_push(l, name->text);
		if (key->type == KEY_GROUP)
			read_group(
			    l, key, name->value, true, job, &job->written);
		else
			ok &= value_read(l, key, name->value, job);
		loader_pop(l);
		if (key->type != KEY_GROUP)
			job->written |= keys_bit(keys_job, key);
		if (!ok)
			job->written |= LOADER_BAD_JOB;
	}
}

/* The map holds numbers from 1, since the array moves as it grows. */
static void
read_note_name(struct loader *l, struct job *job)
{
	struct map *names = &l->file->names;
	uintptr_t number = l->index + 1, other;
	const struct place *at;

	other = (uintptr_t)map_put(names, job->name, (void *)number);
	if (other == 0)
		return;
	at = &l->file->job[other - 1].place;
	loader_error(l, job->place, "there is a job '%s' already, at %s:%d:%d",
	    job->name, at->file, at->line, at->col);
	job->written |= LOADER_BAD_JOB;
	map_put(names, job->name, (void *)other);
}

/* Jobs with one command are looked at closely when all is read. */
static void
read_note_command(struct loader *l, const struct job *job)
{
	const char *key = job->command;
	uintptr_t number = l->index + 1, other;
	struct loader_pair *pair;

	if (key == NULL && job->argv != NULL)
		key = job->argv[0];
	if (key == NULL || l->warnings == NULL)
		return;
	other = (uintptr_t)map_put(&l->commands, key, (void *)number);
	if (other == 0)
		return;
	map_put(&l->commands, key, (void *)other);
	pair = arena_alloc(&l->scratch, sizeof *pair);
	*pair = (struct loader_pair){ NULL, (size_t)other - 1, l->index };
	*l->pairs_end = pair;
	l->pairs_end = &pair->next;
}

/* A place in the array, with what no file says, and the name. */
static struct job *
read_new_job(struct loader *l, const struct yaml_node *name)
{
	struct jobfile *file = l->file;
	struct job *job;

	file->job = mem_grow(file->job, file->n + 1, sizeof *file->job);
	l->index = file->n++;
	job = &file->job[l->index];
	*job = l->builtin;
	job->name = l->name = arena_strdup(l->arena, name->text);
	job->place = loader_place(l, name);
	if (!name_is_valid(job->name)) {
		loader_error(l, job->place,
		    "'%s' cannot be a job's name: that is a letter or _, then "
		    "up to 63 letters, digits, '.', '_' and '-'",
		    job->name);
		job->written |= LOADER_BAD_JOB;
	}
	read_note_name(l, job);
	return job;
}

static void
read_job(struct loader *l, const struct yaml_node *name,
    const struct yaml_node *value)
{
	struct job *job;

	if (name->is_bad)
		return;
	job = read_new_job(l, name);
	loader_push(l, name->text);
	if (value->kind == YAML_MAP)
		read_job_keys(l, value, job);
	else if (!value->is_bad)
		loader_error(l, loader_place(l, value),
		    "is not a map of keys such as cron and command");
	if (value->kind != YAML_MAP)
		job->written |= LOADER_BAD_JOB;
	loader_pop(l);
	read_note_command(l, job);
	l->name = NULL;
}

static void
read_defaults(struct loader *l, const struct yaml_node *value)
{
	if (value->is_bad)
		return;
	if (value->kind == YAML_MAP)
		read_job_keys(l, value, &l->defaults);
	else
		loader_error(
		    l, loader_place(l, value), "is not a map of a job's keys");
}

/* `jobs` where it is not walked but given whole, or is no map at all. */
static void
read_jobs(struct loader *l, const struct yaml_node *value)
{
	const struct yaml_node *name;

	if (value->kind == YAML_MAP)
		for (name = value->first; name != NULL; name = name->next)
			read_job(l, name, name->value);
	else if (value->kind == YAML_LIST)
		loader_error(l, loader_place(l, value),
		    "is a list, not a map from names to jobs: write 'NAME:' "
		    "in place of '- name: NAME'");
	else if (value->text[0] != '\0')
		loader_error(l, loader_place(l, value),
		    "is text, not a map from names to jobs");
}

static void read_path(struct loader *l, const char *path, struct place at);

static bool
read_is_pattern(const char *path)
{
	return strpbrk(path, "*?[") != NULL;
}

/* A path or pattern, seen from the including file's directory. */
static void
read_include(struct loader *l, const struct yaml_node *node)
{
	const char *dir = l->source->dir;
	struct place at = loader_place(l, node);
	char *path;
	glob_t found;
	size_t i;

	if (node->is_bad)
		return;
	if (node->kind != YAML_SCALAR || node->text[0] == '\0') {
		loader_error(l, at, "is not a path");
		return;
	}
	if (node->text[0] == '/' || strcmp(dir, ".") == 0)
		path = mem_strdup(node->text);
	else
		path = mem_printf("%s/%s", dir, node->text);
	if (!read_is_pattern(node->text)) {
		read_path(l, path, at);
	} else if (glob(path, 0, NULL, &found) == 0) {
		for (i = 0; i < found.gl_pathc; i++)
			read_path(l, found.gl_pathv[i], at);
		globfree(&found);
	}
	free(path);
}

static void
read_includes(struct loader *l, const struct yaml_node *node)
{
	const struct yaml_node *item;

	if ((l->flags & JOBFILE_NO_INCLUDE) != 0) {
		loader_error(
		    l, loader_place(l, node), "no file can be included here");
		return;
	}
	if (node->kind != YAML_LIST) {
		read_include(l, node);
		return;
	}
	for (item = node->first; item != NULL; item = item->next)
		read_include(l, item);
}

static void
read_file_value(
    struct loader *l, const struct key *key, const struct yaml_node *node)
{
	switch (key->type) {
	case KEY_DEFAULTS:
		read_defaults(l, node);
		break;
	case KEY_INCLUDE:
		read_includes(l, node);
		break;
	case KEY_JOBS:
		read_jobs(l, node);
		break;
	case KEY_GROUP:
		read_group(l, key, node, false, l->file, &l->seen);
		break;
	default:
		value_read(l, key, node, l->file);
	}
}

/* The key of the file's that name says, or NULL, reported. */
static const struct key *
read_file_key(struct loader *l, const struct yaml_node *name, uint64_t *seen)
{
	const struct key *key = keys_find(
	    keys_file, keys_file_len, NULL, name->text);

	if (name->is_bad)
		return NULL;
	if (key == NULL) {
		loader_unknown(l, name, false, NULL);
		return NULL;
	}
	if ((*seen & keys_bit(keys_file, key)) != 0) {
		loader_error(l, loader_place(l, name), "'%s' is given twice",
		    name->text);
		return NULL;
	}
	*seen |= keys_bit(keys_file, key);
	if (l->source->from != NULL && key->type != KEY_JOBS &&
	    key->type != KEY_INCLUDE) {
		loader_error(l, loader_place(l, name),
		    "'%s' belongs into the jobfile itself; a file that it "
		    "includes has only 'jobs' and 'include'",
		    name->text);
		return NULL;
	}
	return key;
}

static void
read_walk(struct loader *l, struct yaml *yaml)
{
	const struct yaml_node *name, *value;
	const struct key *key;
	uint64_t seen = 0;

	while ((name = yaml_key(yaml)) != NULL) {
		key = read_file_key(l, name, &seen);
		loader_push(l, name->text);
		if (key != NULL && key->type == KEY_JOBS && yaml_enter(yaml)) {
			while ((name = yaml_key(yaml)) != NULL &&
			    (value = yaml_value(yaml)) != NULL)
				read_job(l, name, value);
		} else if ((value = yaml_value(yaml)) != NULL && key != NULL) {
			read_file_value(l, key, value);
		}
		loader_pop(l);
		if (yaml_has_failed(yaml))
			return;
	}
	if (yaml_end(yaml))
		l->seen |= seen;
}

static void
read_text(struct loader *l, const char *text, size_t n)
{
	struct yaml *yaml = yaml_open(l->source->name, text, n, l->errors);

	if (yaml_is_empty(yaml)) {
		yaml_end(yaml);
	} else if (yaml_enter(yaml)) {
		read_walk(l, yaml);
	} else if (yaml_value(yaml) != NULL) {
		loader_error(l, (struct place){ l->source->name, 1, 1 },
		    "the file is not a map of keys such as 'jobs'");
		l->has_failed = true;
	}
	l->has_failed |= yaml_has_failed(yaml);
	yaml_close(yaml);
}

/* "a.yaml includes b.yaml includes a.yaml", or too much of it. */
static bool
read_is_loop(
    struct loader *l, const struct loader_source *source, struct place at)
{
	const struct loader_source *up;

	for (up = source->from; up != NULL; up = up->from)
		if (up->device == source->device &&
		    up->inode == source->inode && source->inode != 0)
			return !loader_error(l, at,
			    "'%s' includes itself, by way of this line",
			    source->name);
	if (source->depth > INCLUDE_DEPTH_MAX)
		return !loader_error(l, at,
		    "files are included more than %d deep", INCLUDE_DEPTH_MAX);
	if (l->n_sources > INCLUDES_MAX)
		return !loader_error(
		    l, at, "more than %d files are included", INCLUDES_MAX);
	return false;
}

static void
read_check_safety(
    struct loader *l, const char *path, const struct stat *st, struct place at)
{
	struct err err;

	if ((l->flags & JOBFILE_TRUST_FILE) != 0 || geteuid() != 0 ||
	    source_is_safe(path, st, &err))
		return;
	if ((l->flags & JOBFILE_MUST_BE_SAFE) != 0)
		loader_error(l, at, "%s", err.msg);
	else
		loader_warn(l, at, "%s", err.msg);
}

/* "dir" of "dir/file", "." of "file", in the jobfile's memory. */
static const char *
read_dir_of(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return ".";
	return arena_strndup(
	    arena, path, slash == path ? 1 : (size_t)(slash - path));
}

static void
read_note_source(struct loader *l, struct loader_source *source,
    const char *path, const struct stat *st)
{
	source->name = arena_strdup(l->arena, path);
	source->dir = read_dir_of(l->arena, path);
	source->from = l->source;
	source->depth = l->source != NULL ? l->source->depth + 1 : 0;
	if (st != NULL) {
		source->device = (uint64_t)st->st_dev;
		source->inode = (uint64_t)st->st_ino;
	}
	l->sources = mem_grow(l->sources, l->n_sources + 1, sizeof *l->sources);
	l->sources[l->n_sources++] = source->name;
}

/* Read a file; `at` is where it is included, or the file itself. */
static void
read_path(struct loader *l, const char *path, struct place at)
{
	const struct loader_source *from = l->source;
	struct loader_source source = { 0 };
	size_t n, path_len = l->path_len;
	char *text = NULL;
	struct stat st;
	struct err err;

	if (!source_read(path, &st, &text, &n, &err)) {
		if (from != NULL)
			loader_error(l, at, "'%s' %s", path, err.msg);
		else
			loader_error(l, at, "%s", err.msg);
		l->has_failed = true;
		return;
	}
	read_note_source(l, &source, path, &st);
	if (!read_is_loop(l, &source, at)) {
		l->source = &source;
		l->path_len = 0;
		read_check_safety(
		    l, path, &st, (struct place){ source.name, 0, 0 });
		read_text(l, text, n);
		l->source = from;
		l->path_len = path_len;
	}
	free(text);
}

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
load_defaults(struct loader *l, const struct key *keys, size_t n, void *base)
{
	struct yaml_node node = { .kind = YAML_SCALAR };
	size_t i;

	for (i = 0; i < n; i++) {
		node.text = keys[i].text;
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
		.pairs_end = &l->pairs,
	};
	load_defaults(l, keys_file, keys_file_len, file);
	load_defaults(l, keys_job, keys_job_len, &l->builtin);
	l->defaults = l->builtin;
}

/* True where the file is good; otherwise all of it is given back. */
static bool
load_end(struct loader *l, const char *path, size_t errors_before)
{
	bool ok;

	if (!l->has_failed)
		finish_jobs(l);
	if (l->file->n == 0 && l->errors->len == errors_before) {
		loader_error(
		    l, (struct place){ path, 0, 0 }, "there is no job in it");
	}
	if (l->errors->len == errors_before)
		warn_jobs(l);
	load_sort(l, l->errors);
	if (l->warnings != NULL)
		load_sort(l, l->warnings);
	ok = l->errors->len == errors_before;
	if (!ok)
		jobfile_release(l->file);
	free(l->sources);
	map_release(&l->commands);
	arena_release(&l->scratch);
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
		read_text(&l, text, n);
		l.source = NULL;
	} else {
		loader_error(&l, (struct place){ path, 0, 0 }, "%s", err.msg);
		l.has_failed = true;
	}
	return load_end(&l, path, errors_before);
}

void
jobfile_release(struct jobfile *file)
{
	if (file == NULL)
		return;
	free(file->path);
	free(file->dir);
	free(file->job);
	map_release(&file->names);
	arena_release(file->arena);
	free(file->arena);
	*file = (struct jobfile){ 0 };
}

const struct job *
jobfile_find(const struct jobfile *file, const char *name, struct err *err)
{
	const struct job *job = map_find(&file->names, name);
	const char **names, *near;
	size_t i;

	if (job != NULL)
		return job;
	names = mem_zalloc(file->n, sizeof *names);
	for (i = 0; i < file->n; i++)
		names[i] = file->job[i].name;
	near = str_nearest(name, names, file->n);
	free(names);
	if (near != NULL)
		err_set(err, ERR_NOT_FOUND,
		    "no job '%s' in %s: did you mean '%s'?", name, file->path,
		    near);
	else
		err_set(
		    err, ERR_NOT_FOUND, "no job '%s' in %s", name, file->path);
	return NULL;
}
