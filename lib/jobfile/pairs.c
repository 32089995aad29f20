#include "lib/jobfile/pairs.h"

#include <string.h>

#include "lib/jobfile/expand.h"
#include "lib/jobfile/value.h"

static bool
pairs_is_name(enum key_type type, const char *name)
{
	size_t n = 0;

	while (value_is_letter(name[n]) ||
	    (n > 0 && name[n] >= '0' && name[n] <= '9') ||
	    (n > 0 && type != KEY_ENV && (name[n] == '.' || name[n] == '-')))
		n++;
	return n != 0 && name[n] == '\0';
}

/* "NAME=value" in the jobfile's memory. */
static const char *
pairs_join(struct loader *l, const char *name, const char *value)
{
	size_t n = strlen(name), m = strlen(value);
	char *pair = arena_text(l->arena, n + 1 + m);

	memcpy(pair, name, n + 1);
	pair[n] = '=';
	memcpy(pair + n + 1, value, m + 1);
	return pair;
}

static const char *
pairs_read_one(struct loader *l, const struct key *key,
    const struct yaml_node *name, struct str *scratch)
{
	const struct yaml_node *node = name->value;
	const char *value;
	struct err err;

	if (!pairs_is_name(key->type, name->text)) {
		loader_error(l, loader_place(l, name),
		    "'%s' is not a name such as %s", name->text,
		    key->type == KEY_ENV ? "PATH" : "team");
		return NULL;
	}
	loader_push(l, name->text);
	value = value_scalar(l, &value_item, node);
	if (value != NULL && key->type == KEY_ENV && expand_has_any(value)) {
		str_clear(scratch);
		if (expand_text(value, (l->flags & JOBFILE_NO_ENV) != 0,
			scratch, &err)) {
			value = str_text(scratch);
		} else {
			loader_fail(l, loader_place(l, node), &err);
			value = NULL;
		}
	}
	if (value != NULL && key->type == KEY_METADATA &&
	    strchr(value, '\n') != NULL) {
		loader_error(l, loader_place(l, node), "is more than one line");
		value = NULL;
	}
	loader_pop(l);
	return value != NULL ? pairs_join(l, name->text, value) : NULL;
}

bool
pairs_read(struct loader *l, const struct key *key,
    const struct yaml_node *node, const char ***field)
{
	const struct yaml_node *name;
	struct str scratch = { 0 };
	const char **list;
	size_t n = 0, wanted = 0;

	if (node->is_bad)
		return false;
	if (node->kind != YAML_MAP) {
		if (node->kind == YAML_SCALAR && node->is_plain &&
		    node->text[0] == '\0')
			return loader_error(
			    l, loader_place(l, node), "has no value");
		return loader_error(l, loader_place(l, node), "is %s, not %s",
		    node->kind == YAML_LIST ? "a list" : "text",
		    value_wanted(key->type));
	}
	list = arena_alloc(l->arena, (node->n + 1) * sizeof *list);
	for (name = node->first; name != NULL; name = name->next) {
		wanted++;
		if (name->is_bad)
			continue;
		if ((list[n] = pairs_read_one(l, key, name, &scratch)) != NULL)
			n++;
	}
	list[n] = NULL;
	str_release(&scratch);
	if (n != wanted)
		return false;
	*field = list;
	return true;
}

static size_t
pairs_name_len(const char *pair)
{
	return strcspn(pair, "=") + 1;
}

static bool
pairs_is_replaced(const char *pair, const char **by)
{
	size_t n = pairs_name_len(pair);

	for (; *by != NULL; by++)
		if (strncmp(pair, *by, n) == 0)
			return true;
	return false;
}

const char **
pairs_merge(struct arena *arena, const char **base, const char **own)
{
	size_t n = 0, m = 0, i, len = 0;
	const char **list;

	if (base == NULL || own == NULL)
		return own != NULL ? own : base;
	while (base[n] != NULL)
		n++;
	while (own[m] != NULL)
		m++;
	list = arena_alloc(arena, (n + m + 1) * sizeof *list);
	for (i = 0; i < n; i++)
		if (!pairs_is_replaced(base[i], own))
			list[len++] = base[i];
	for (i = 0; i < m; i++)
		list[len++] = own[i];
	list[len] = NULL;
	return list;
}
