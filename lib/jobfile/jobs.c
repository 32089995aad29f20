#include "lib/jobfile/jobs.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/jobfile/name.h"
#include "lib/jobfile/value.h"

/* A group such as `retry`: its parts, or a scalar that stands for one. */
void
jobs_read_group(struct loader *l, const struct key *group,
    const struct yaml_node *node, bool is_job, void *base, uint64_t *written)
{
	const struct key *keys = is_job ? keys_job : keys_file, *key;
	size_t n = is_job ? keys_job_len : keys_file_len;
	const struct yaml_node *name;

	if (node->kind == YAML_SCALAR && group->scalar != NULL) {
		key = map_find(&l->keys, group->scalar);
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
jobs_is_second_schedule(struct loader *l, const struct key *key,
    const struct yaml_node *name, uint64_t written)
{
	uint64_t both = l->cron_bit | l->interval_bit;
	uint64_t bit = keys_bit(keys_job, key);

	if ((both & bit) == 0 || (both & written & ~bit) == 0)
		return false;
	loader_error(l, loader_place(l, name),
	    "only one of 'cron' and 'interval' can say when");
	return true;
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

static void
jobs_read_keys(struct loader *l, const struct yaml_node *map, struct job *job)
{
	const struct yaml_node *name;
	const struct key *key;
	size_t i = 0;
	bool ok;

	for (name = map->first; name != NULL; name = name->next) {
		if (name->is_bad) {
			job->written |= LOADER_BAD_JOB;
			continue;
		}
		key = jobs_find_key(l, i++, name->text);
		if (key == NULL) {
			loader_unknown(l, name, true, NULL);
			job->written |= LOADER_BAD_JOB;
			continue;
		}
		ok = !jobs_is_second_schedule(l, key, name, job->written);
		loader_push(l, name->text);
		if (key->type == KEY_GROUP)
			jobs_read_group(
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

/* A place in the array, with what no file says, and the name. */
static struct job *
jobs_add(struct loader *l, const struct yaml_node *name)
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
	return job;
}

static uint64_t
jobs_hash_list(const char **list, uint64_t hash)
{
	for (; list != NULL && *list != NULL; list++)
		hash = hash * 31 + map_hash(*list);
	return hash;
}

/*
 * What warn.c finds jobs by that do the same: made here, where their texts are
 * still at hand for the processor.
 */
static void
jobs_note_hash(struct loader *l, const struct job *job)
{
	uint64_t hash = job->command != NULL ? map_hash(job->command) : 0;

	hash = jobs_hash_list(job->env, jobs_hash_list(job->argv, hash));
	l->hashes = mem_grow(l->hashes, l->index + 1, sizeof *l->hashes);
	l->hashes[l->index] = (uint32_t)(hash >> 16);
}

void
jobs_read_one(struct loader *l, const struct yaml_node *name,
    const struct yaml_node *value)
{
	struct job *job;

	if (name->is_bad)
		return;
	job = jobs_add(l, name);
	loader_push(l, name->text);
	if (value->kind == YAML_MAP)
		jobs_read_keys(l, value, job);
	else if (!value->is_bad)
		loader_error(l, loader_place(l, value),
		    "is not a map of keys such as cron and command");
	if (value->kind != YAML_MAP)
		job->written |= LOADER_BAD_JOB;
	loader_pop(l);
	jobs_note_hash(l, job);
	l->name = NULL;
}

void
jobs_read_defaults(struct loader *l, const struct yaml_node *value)
{
	if (value->is_bad)
		return;
	if (value->kind == YAML_MAP)
		jobs_read_keys(l, value, &l->defaults);
	else
		loader_error(
		    l, loader_place(l, value), "is not a map of a job's keys");
}

/* `jobs` where it is not walked but given whole, or is no map at all. */
void
jobs_read_map(struct loader *l, const struct yaml_node *value)
{
	const struct yaml_node *name;

	if (value->kind == YAML_MAP)
		for (name = value->first; name != NULL; name = name->next)
			jobs_read_one(l, name, name->value);
	else if (value->kind == YAML_LIST)
		loader_error(l, loader_place(l, value),
		    "is a list, not a map from names to jobs: write 'NAME:' "
		    "in place of '- name: NAME'");
	else if (value->text[0] != '\0')
		loader_error(l, loader_place(l, value),
		    "is text, not a map from names to jobs");
}
