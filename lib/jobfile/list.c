#include "lib/jobfile/list.h"

#include <string.h>

#include "lib/jobfile/value.h"

/* The items of a list, or a scalar as its only one; NULL, reported. */
const struct yaml_node *
list_items(
    struct loader *l, const struct key *key, const struct yaml_node *node)
{
	if (node->is_bad)
		return NULL;
	if (node->kind != YAML_LIST)
		return value_scalar(l, key, node) != NULL ? node : NULL;
	if (node->first == NULL)
		loader_error(l, loader_place(l, node), "is an empty list");
	return node->first;
}

size_t
list_count(const struct yaml_node *node)
{
	return node->kind == YAML_LIST ? node->n : 1;
}

/* The item behind, in a list; none behind a scalar that stands for one. */
const struct yaml_node *
list_next(const struct yaml_node *list, const struct yaml_node *item)
{
	return list == item ? NULL : item->next;
}

static bool
list_read_code(struct loader *l, const struct yaml_node *node, const char *text,
    struct job_codes *codes)
{
	int code;

	if (!value_read_int(l, 0, 255, node, text, &code))
		return false;
	codes->bit[code / 64] |= UINT64_C(1) << (code % 64);
	return true;
}

bool
list_read_codes(struct loader *l, const struct key *key,
    const struct yaml_node *node, struct job_codes *field)
{
	const struct yaml_node *item = list_items(l, key, node);
	struct job_codes codes = { 0 };
	const char *text;
	bool ok = item != NULL;

	for (; item != NULL; item = list_next(node, item))
		ok &= (text = value_scalar(l, key, item)) != NULL &&
		    list_read_code(l, item, text, &codes);
	if (ok)
		*field = codes;
	return ok;
}

static const char *const retry_words[] = { "any", "exit", "signal", "timeout",
	"spawn", "output" };

bool
list_read_retry_on(struct loader *l, const struct key *key,
    const struct yaml_node *node, struct job_retry *field)
{
	const struct yaml_node *item = list_items(l, key, node);
	struct job_codes codes = { 0 };
	const char *text;
	unsigned on = 0;
	bool ok = item != NULL;
	size_t i;

	for (; item != NULL; item = list_next(node, item)) {
		if ((text = value_scalar(l, key, item)) == NULL) {
			ok = false;
			continue;
		}
		for (i = 0; i < ARRAY_LEN(retry_words); i++)
			if (strcmp(retry_words[i], text) == 0)
				break;
		if (i < ARRAY_LEN(retry_words))
			on |= 1u << i;
		else if (value_is_int(text, true))
			ok &= list_read_code(l, item, text, &codes);
		else
			ok = loader_error(l, loader_place(l, item),
			    "'%s' is no exit code, and none of exit, signal, "
			    "timeout, spawn, output, any",
			    text);
	}
	if (ok) {
		field->on = on;
		field->codes = codes;
	}
	return ok;
}

/* `[ -f x ]` is a list to YAML, and a program's name never begins so. */
static bool
list_check_argv(struct loader *l, const struct yaml_node *node)
{
	const char *program = node->first->text;

	if (*program == '\0')
		return loader_error(l, loader_place(l, node->first),
		    "the program's name is empty");
	if (*program == '-' && node->first->is_plain)
		return loader_error(l, loader_place(l, node),
		    "'%s' is no program; text that begins with '[' must be "
		    "quoted: write '[ %s ]'",
		    program, program);
	return true;
}

/* As a shell sees it: in '...' nothing ends it but ', in "..." \\ escapes. */
static bool
list_has_open_quote(const char *s)
{
	char quote = '\0';

	for (; *(s += strcspn(s, "'\"\\")) != '\0'; s++) {
		if (*s == '\\')
			s += quote != '\'' && s[1] != '\0';
		else if (quote == '\0')
			quote = *s;
		else if (*s == quote)
			quote = '\0';
	}
	return quote != '\0';
}

static bool
list_check_text(
    struct loader *l, const struct key *key, const struct yaml_node *node)
{
	const char *text = value_scalar(l, key, node);

	if (text == NULL)
		return false;
	if (text[strspn(text, " \t\r\n")] == '\0')
		return loader_error(l, loader_place(l, node), "is empty");
	if (node->is_plain && list_has_open_quote(text))
		loader_warn(l, loader_place(l, node),
		    "ends within a quote: from a blank and '#' on, "
		    "YAML takes a line for a comment; quote the whole "
		    "text, or write it below a '|'");
	return true;
}

bool
list_check_command(
    struct loader *l, const struct key *key, const struct yaml_node *node)
{
	const struct yaml_node *item;

	if (node->kind != YAML_LIST)
		return list_check_text(l, key, node);
	if ((item = list_items(l, key, node)) == NULL)
		return false;
	for (; item != NULL; item = item->next)
		if (value_scalar(l, &value_item, item) == NULL)
			return false;
	return list_check_argv(l, node);
}

void
list_copy_command(struct loader *l, const struct yaml_node *node,
    const char **command, const char ***argv)
{
	const struct yaml_node *item;
	const char **list;
	size_t n = 0;

	*command = NULL;
	*argv = NULL;
	if (node->kind != YAML_LIST) {
		*command = arena_strdup(l->arena, node->text);
		return;
	}
	list = arena_alloc(l->arena, (node->n + 1) * sizeof *list);
	for (item = node->first; item != NULL; item = item->next)
		list[n++] = arena_strdup(l->arena, item->text);
	list[n] = NULL;
	*argv = list;
}

/* One expression, into its place of the job's `when`. */
static bool
list_read_expression(struct loader *l, struct job *job, const char *text,
    struct place at, bool is_alone)
{
	struct cron_parsed parsed;
	struct err err;

	if (!cron_parse(
		text, job->name != NULL ? job->name : "", at, &parsed, &err))
		return loader_fail(l, at, &err);
	switch (parsed.special) {
	case CRON_FIELDS:
		job->when.cron[job->when.n++] = parsed.cron;
		return true;
	case CRON_REBOOT:
		return loader_error(l, at,
		    "'@reboot' is not known yet to this version of wjobs");
	case CRON_EVERY:
		if (!is_alone)
			return loader_error(l, at,
			    "'%s' must stand alone, not in a list", text);
		if (parsed.every_ms < 100)
			return loader_error(
			    l, at, "'%s' is less than 100ms", text);
		job->when.interval_ms = parsed.every_ms;
		job->kind = JOB_INTERVAL;
		return true;
	}
	return false;
}

bool
list_read_cron_again(struct loader *l, struct job *job, struct place at)
{
	size_t n = 0, i;
	bool ok = true;

	while (job->cron[n] != NULL)
		n++;
	job->kind = JOB_CRON;
	job->when.n = 0;
	job->when.cron = arena_alloc(l->arena, n * sizeof *job->when.cron);
	for (i = 0; i < n; i++)
		ok &= list_read_expression(l, job, job->cron[i], at, n == 1);
	return ok;
}

/* What a schedule of one expression is made of, once it has been read. */
struct list_schedule {
	const char **texts;
	struct cron *cron;
};

/*
 * Many jobs share a few schedules, and with them their memory; but a fixed
 * value by the job's name, as H and ~ ask for, is each job's own.
 */
static bool
list_is_shared(const char *text)
{
	return strpbrk(text, "Hh~@") == NULL;
}

static bool
list_find_schedule(struct loader *l, const char *text, struct job *job)
{
	const struct list_schedule *known = map_find(&l->schedules, text);

	if (known == NULL)
		return false;
	job->cron = known->texts;
	job->when.cron = known->cron;
	job->when.n = 1;
	job->kind = JOB_CRON;
	return true;
}

static void
list_keep_schedule(struct loader *l, const struct job *job)
{
	struct list_schedule *known;

	if (l->schedules.len >= LOADER_SCHEDULES || job->when.n != 1 ||
	    !list_is_shared(job->cron[0]))
		return;
	known = arena_alloc(l->arena, sizeof *known);
	*known = (struct list_schedule){ job->cron, job->when.cron };
	map_put(&l->schedules, job->cron[0], known);
}

bool
list_read_cron(struct loader *l, const struct key *key,
    const struct yaml_node *node, struct job *job)
{
	const struct yaml_node *item = list_items(l, key, node);
	size_t n = list_count(node), i = 0;
	bool ok = item != NULL;
	const char *text;

	if (!ok)
		return false;
	if (item == node && list_find_schedule(l, node->text, job))
		return true;
	job->cron = arena_alloc(l->arena, (n + 1) * sizeof *job->cron);
	job->when.cron = arena_alloc(l->arena, n * sizeof *job->when.cron);
	job->when.n = 0;
	job->kind = JOB_CRON;
	for (; item != NULL; item = list_next(node, item)) {
		if ((text = value_scalar(l, key, item)) == NULL) {
			ok = false;
			continue;
		}
		text = job->cron[i++] = arena_strdup(l->arena, text);
		ok &= list_read_expression(
		    l, job, text, value_place(l, item), n == 1);
	}
	job->cron[i] = NULL;
	if (ok && n == 1)
		list_keep_schedule(l, job);
	return ok;
}
