/*
 * The file is walked an entry at a time: each job's tree becomes a struct job
 * and is forgotten before the next one is read.
 */
#include "lib/jobfile/read.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/jobfile/hooks.h"
#include "lib/jobfile/jobs.h"
#include "lib/jobfile/value.h"

#define INCLUDE_DEPTH_MAX 16
#define INCLUDES_MAX      10000

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

static struct loader_set *
read_set(struct loader *l, const struct key *key)
{
	return key->of == KEY_OF_HANDLER ? &l->handlers : &l->jobs;
}

static void
read_file_value(
    struct loader *l, const struct key *key, const struct yaml_node *node)
{
	switch (key->type) {
	case KEY_DEFAULTS:
		jobs_read_defaults(l, read_set(l, key), node);
		break;
	case KEY_INCLUDE:
		read_includes(l, node);
		break;
	case KEY_JOBS:
		jobs_read_map(l, read_set(l, key), node);
		break;
	case KEY_GROUP:
		jobs_read_group(l, key, node, false, l->file, &l->seen);
		if (l->hooks.given != 0)
			hooks_take_file(l);
		break;
	default:
		value_read(l, key, node, l->file);
	}
}

/* The key of the file's that name says, or NULL, reported. */
static const struct key *
read_file_key(
    struct loader *l, const struct yaml_node *name, struct keyset *seen)
{
	const struct key *key = keys_find(
	    keys_file, keys_file_len, NULL, name->text);

	if (name->is_bad)
		return NULL;
	if (key == NULL) {
		loader_unknown(l, name, false, NULL);
		return NULL;
	}
	if (keyset_has(seen, (size_t)(key - keys_file))) {
		loader_error(l, loader_place(l, name), "'%s' is given twice",
		    name->text);
		return NULL;
	}
	keyset_add(seen, (size_t)(key - keys_file));
	if (l->source->from != NULL && key->type != KEY_JOBS &&
	    key->type != KEY_INCLUDE) {
		loader_error(l, loader_place(l, name),
		    "'%s' belongs into the jobfile itself; a file that it "
		    "includes has only 'jobs', 'handlers' and 'include'",
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
	struct keyset seen = { 0 };

	while ((name = yaml_key(yaml)) != NULL) {
		key = read_file_key(l, name, &seen);
		loader_push(l, name->text);
		if (key != NULL && key->type == KEY_JOBS && yaml_enter(yaml)) {
			while ((name = yaml_key(yaml)) != NULL &&
			    (value = yaml_value(yaml)) != NULL)
				jobs_read_one(l, read_set(l, key), name, value);
		} else if ((value = yaml_value(yaml)) != NULL && key != NULL) {
			read_file_value(l, key, value);
		}
		loader_pop(l);
		if (yaml_has_failed(yaml))
			return;
	}
	if (yaml_end(yaml))
		keyset_add_all(&l->seen, &seen);
}

void
read_text(struct loader *l, const char *text, size_t n, int fd)
{
	struct yaml *yaml = yaml_open(l->source->name, text, n, fd, l->errors);

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

void
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
void
read_path(struct loader *l, const char *path, struct place at)
{
	const struct loader_source *from = l->source;
	struct loader_source source = { 0 };
	size_t path_len = l->path_len;
	int fd;
	struct stat st;
	struct err err;

	if (!source_open(path, &fd, &st, &err)) {
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
		read_text(l, NULL, 0, fd);
		l->source = from;
		l->path_len = path_len;
	}
	close(fd);
}
