#include "lib/jobfile/paths.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/redis_url.h"
#include "lib/base/str.h"
#include "lib/jobfile/expand.h"
#include "lib/jobfile/list.h"
#include "lib/jobfile/value.h"

/* ${VAR} expanded, in the jobfile's memory; NULL, reported. */
static const char *
paths_expand(struct loader *l, const struct yaml_node *node, const char *text)
{
	struct str out = { 0 };
	const char *copy = NULL;
	struct err err;

	if (!expand_has_any(text))
		return arena_strdup(l->arena, text);
	if (expand_text(text, (l->flags & JOBFILE_NO_ENV) != 0, &out, &err))
		copy = arena_strndup(l->arena, str_text(&out), out.len);
	else
		loader_fail(l, loader_place(l, node), &err);
	str_release(&out);
	return copy;
}

/* From the jobfile's directory on; "./x" is "x". */
static const char *
paths_absolute(struct loader *l, const struct yaml_node *node, const char *text)
{
	const char *dir = l->file->dir;
	size_t size;
	char *path;

	if (*text == '\0') {
		loader_error(l, loader_place(l, node), "is an empty path");
		return NULL;
	}
	if (*text == '~') {
		loader_error(l, loader_place(l, node),
		    "'~' is not expanded here: write the whole path, or "
		    "./%s for a name that begins so",
		    text);
		return NULL;
	}
	if (*text == '/')
		return arena_strdup(l->arena, text);
	while (text[0] == '.' && text[1] == '/')
		for (text++; *text == '/';)
			text++;
	if (strcmp(text, ".") == 0 || *text == '\0')
		return dir;
	size = strlen(dir) + strlen(text) + 2;
	path = arena_alloc(l->arena, size);
	snprintf(path, size, "%s/%s", strcmp(dir, "/") != 0 ? dir : "", text);
	return path;
}

bool
paths_read(struct loader *l, const struct key *key,
    const struct yaml_node *node, const char *text, const char **field)
{
	const char *path;

	if (key->type == KEY_FILE && expand_has_any(text))
		return loader_error(l, loader_place(l, node),
		    "${VAR} is not expanded in this key");
	if (key->type == KEY_DIR || key->type == KEY_FILES) {
		if ((text = paths_expand(l, node, text)) == NULL)
			return false;
	}
	if (key->type == KEY_PROGRAM && *text != '/')
		return loader_error(l, loader_place(l, node),
		    "'%s' is not an absolute path such as /bin/sh", text);
	if ((path = paths_absolute(l, node, text)) == NULL)
		return false;
	*field = path;
	return true;
}

bool
paths_read_list(struct loader *l, const struct key *key,
    const struct yaml_node *node, const char ***field)
{
	const struct yaml_node *item = list_items(l, key, node);
	const char **list, *text;
	size_t n = 0;

	if (item == NULL)
		return false;
	list = arena_alloc(l->arena, (list_count(node) + 1) * sizeof *list);
	for (; item != NULL; item = list_next(node, item))
		if ((text = value_scalar(l, key, item)) == NULL ||
		    !paths_read(l, key, item, text, &list[n++]))
			return false;
	list[n] = NULL;
	*field = list;
	return true;
}

/* The text up to a "://" is a scheme; a password must not be shown. */
static bool
paths_check_store(struct loader *l, const struct key *key,
    const struct yaml_node *node, const char *store)
{
	const char *colon = strstr(store, "://");
	struct redis_url url;
	struct err err;

	if (*store == '\0')
		return loader_error(
		    l, loader_place(l, node), "is an empty path");
	if (strcmp(store, "none") == 0 && !key->may_none)
		return loader_error(l, loader_place(l, node),
		    "'none' is no store: write ./none for a file of that name");
	if (colon == NULL)
		return true;
	if (!redis_url_is(store))
		return loader_error(l, loader_place(l, node),
		    "'%.*s://' is no kind of store: write a path, memory, "
		    "redis://, rediss:// or redis+unix://",
		    (int)(colon - store), store);
	if (!redis_url_parse(store, &url, &err))
		return loader_fail(l, loader_place(l, node), &err);
	redis_url_release(&url);
	return true;
}

/* Few are ever named, so that the list is copied for each. */
static void
paths_hide(void *data, const char *name, size_t n)
{
	struct loader *l = data;
	const char **list;
	size_t len = 0;

	while (l->file->hidden != NULL && l->file->hidden[len] != NULL)
		len++;
	list = arena_zalloc(l->arena, (len + 2) * sizeof *list);
	if (len != 0)
		memcpy(list, l->file->hidden, len * sizeof *list);
	list[len] = arena_strndup(l->arena, name, n);
	l->file->hidden = list;
}

/* A part of it may be unknown by leave (JOBFILE_NO_ENV): it is not judged. */
bool
paths_read_store(struct loader *l, const struct key *key,
    const struct yaml_node *node, const char *text, const char **field)
{
	const char *store = paths_expand(l, node, text);
	bool is_known = (l->flags & JOBFILE_NO_ENV) == 0 ||
	    !expand_has_any(text);

	if (store == NULL ||
	    (is_known && !paths_check_store(l, key, node, store)))
		return false;
	if (redis_url_is(store))
		expand_each(text, paths_hide, l);
	*field = store;
	return true;
}
