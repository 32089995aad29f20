#include "lib/jobfile/jobs.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/jobfile/hooks.h"
#include "lib/jobfile/name.h"
#include "lib/jobfile/value.h"

/* A group such as `retry`: its parts, or a scalar that stands for one. */
bool
jobs_read_group(struct loader *l, const struct key *group,
    const struct yaml_node *node, bool is_job, void *base,
    struct keyset *written)
{
	const struct key *keys = is_job ? keys_job : keys_file, *key;
	size_t n = is_job ? keys_job_len : keys_file_len;
	const struct yaml_node *name;
	bool ok = true;

	if (node->kind == YAML_SCALAR && group->scalar != NULL) {
		key = map_find(&l->keys, group->scalar);
		keyset_add(written, (size_t)(key - keys));
		return value_read(l, key, node, base);
	}
	if (node->kind != YAML_MAP)
		/* the first part is the line behind the group's */
		return loader_error(l, loader_place(l, node),
		    "is not a map such as { %s: %s }",
		    strchr(group[1].name, '.') + 1,
		    group[1].text != NULL ? group[1].text : "...");
	for (name = node->first; name != NULL; name = name->next) {
		if (name->is_bad)
			continue;
		key = keys_find(keys, n, group->name, name->text);
		if (key == NULL) {
			loader_unknown(l, name, is_job, group->name);
			ok = false;
			continue;
		}
		loader_push(l, name->text);
		keyset_add(written, (size_t)(key - keys));
		ok &= value_read(l, key, name->value, base);
		loader_pop(l);
	}
	return ok;
}

/* Two ways to say when, or what: told at the second. */
static bool
jobs_is_second(struct loader *l, const struct yaml_node *name, size_t index,
    const struct keyset *written)
{
	const struct {
		size_t one, other;
		const char *what;
	} pairs[] = {
		{ l->cron, l->interval, "when" },
		{ l->command, l->handler, "what runs" },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(pairs); i++) {
		size_t one = pairs[i].one, other = pairs[i].other;

		if ((index != one || !keyset_has(written, other)) &&
		    (index != other || !keyset_has(written, one)))
			continue;
		loader_error(l, loader_place(l, name),
		    "only one of '%s' and '%s' can say %s", keys_job[one].name,
		    keys_job[other].name, pairs[i].what);
		return true;
	}
	return false;
}

/* Most files give the keys of each job in one order: ask for that first. */
static const struct key *
jobs_find_key(struct loader *l, size_t i, const char *name)
{
	const struct key **guess = &l->guess[i % LOADER_GUESSES], *key;

	if (*guess != NULL && strcmp((*guess)->name, name) == 0)
		return *guess;
	key = map_find(&l->keys, name);
	if (key == NULL || strchr(name, '.') != NULL)
		return NULL;
	*guess = key;
	return key;
}

static bool
jobs_read_key(struct loader *l, const struct key *key,
    const struct yaml_node *name, struct job *job)
{
	size_t index = (size_t)(key - keys_job);
	bool ok = !jobs_is_second(l, name, index, &job->written);

	loader_push(l, name->text);
	if (key->type == KEY_GROUP) {
		ok &= jobs_read_group(
		    l, key, name->value, true, job, &job->written);
	} else {
		ok &= value_read(l, key, name->value, job);
		keyset_add(&job->written, index);
	}
	loader_pop(l);
	return ok;
}

static void
jobs_read_keys(struct loader *l, const struct yaml_node *map, struct job *job)
{
	const struct yaml_node *name;
	const struct key *key;
	bool ok = true;
	size_t i = 0;

	for (name = map->first; name != NULL; name = name->next) {
		if (name->is_bad) {
			ok = false;
			continue;
		}
		key = jobs_find_key(l, i++, name->text);
		if (key != NULL && keys_is_of(key, l->set->of)) {
			ok &= jobs_read_key(l, key, name, job);
		} else {
			loader_unknown(l, name, true, NULL);
			ok = false;
		}
	}
	if (!ok)
		job->is_bad = true;
	hooks_take(l, job);
}

/* A place in the array, with what no file says, and the name. */
static struct job *
jobs_add(struct loader *l, const struct yaml_node *name)
{
	struct loader_set *set = l->set;
	struct job *job;

	*set->job = mem_grow(*set->job, *set->n + 1, sizeof **set->job);
	l->index = (*set->n)++;
	job = &(*set->job)[l->index];
	*job = set->builtin;
	job->name = l->name = arena_strdup(l->arena, name->text);
	job->place = loader_place(l, name);
	if (!name_is_valid(job->name)) {
		loader_error(l, job->place,
		    "'%s' cannot be a %s's name: that is a letter or _, then "
		    "up to 63 letters, digits, '.', '_' and '-'",
		    job->name, loader_noun(set));
		job->is_bad = true;
	}
	return job;
}

static uint64_t
jobs_hash_text(const char *text, uint64_t hash)
{
	return text != NULL ? hash * 31 + map_hash(text) : hash;
}

static uint64_t
jobs_hash_list(const char **list, uint64_t hash)
{
	for (; list != NULL && *list != NULL; list++)
		hash = jobs_hash_text(*list, hash);
	return hash;
}

/*
 * What warn.c finds jobs by that do the same: made here, where their texts are
 * still at hand for the processor.
 */
static void
jobs_note_hash(struct loader *l, const struct job *job)
{
	struct loader_set *set = l->set;
	uint64_t hash = jobs_hash_text(job->command, 0);

	hash = jobs_hash_text(job->payload, jobs_hash_text(job->handler, hash));
	hash = jobs_hash_list(job->env, jobs_hash_list(job->argv, hash));
	set->hashes = mem_grow(set->hashes, l->index + 1, sizeof *set->hashes);
	set->hashes[l->index] = (uint32_t)(hash >> 16);
}

void
jobs_read_one(struct loader *l, struct loader_set *set,
    const struct yaml_node *name, const struct yaml_node *value)
{
	struct job *job;

	if (name->is_bad)
		return;
	l->set = set;
	job = jobs_add(l, name);
	loader_push(l, name->text);
	if (value->kind == YAML_MAP)
		jobs_read_keys(l, value, job);
	else if (!value->is_bad)
		loader_error(l, loader_place(l, value),
		    "is not a map of keys such as %scommand",
		    set == &l->jobs ? "cron and " : "");
	if (value->kind != YAML_MAP)
		job->is_bad = true;
	loader_pop(l);
	jobs_note_hash(l, job);
	l->name = NULL;
	l->set = NULL;
}

void
jobs_read_defaults(
    struct loader *l, struct loader_set *set, const struct yaml_node *value)
{
	if (value->is_bad)
		return;
	l->set = set;
	if (value->kind == YAML_MAP)
		jobs_read_keys(l, value, &set->by_default);
	else
		loader_error(l, loader_place(l, value),
		    "is not a map of a %s's keys", loader_noun(set));
	l->set = NULL;
}

void
jobs_read_map(
    struct loader *l, struct loader_set *set, const struct yaml_node *value)
{
	const struct yaml_node *name;

	if (value->kind == YAML_MAP)
		for (name = value->first; name != NULL; name = name->next)
			jobs_read_one(l, set, name, name->value);
	else if (value->kind == YAML_LIST)
		loader_error(l, loader_place(l, value),
		    "is a list, not a map from names to %s: write 'NAME:' "
		    "in place of '- name: NAME'",
		    set->name);
	else if (value->text[0] != '\0')
		loader_error(l, loader_place(l, value),
		    "is text, not a map from names to %s", set->name);
}
