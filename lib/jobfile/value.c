/*
 * The values of a jobfile, read by the type that the key's line in the table
 * names. YAML's own idea of a value's type has no say: each scalar is text
 * until its key wants something else of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/jobfile/expand.h"
#include "lib/jobfile/loader.h"
#include "lib/time/duration.h"
#include "lib/time/zone.h"

#define DIGITS "0123456789"

/* What a key wants, for "is a map, not ...". */
static const char *
value_wanted(enum key_type type)
{
	switch (type) {
	case KEY_TEXT:
	case KEY_WORD:
		return "text";
	case KEY_BOOL:
		return "true or false";
	case KEY_CRON:
		return "a cron expression or a list of them";
	case KEY_DURATION:
		return "a duration such as 90s or 5m";
	case KEY_TIME:
		return "a time such as 2026-01-31 03:00";
	case KEY_ZONE:
		return "a time zone such as Europe/Berlin";
	case KEY_COMMAND:
		return "text for the shell or a list, its argv";
	case KEY_PROGRAM:
	case KEY_DIR:
	case KEY_FILE:
	case KEY_STORE:
		return "a path";
	case KEY_FILES:
	case KEY_INCLUDE:
		return "a path or a list of them";
	case KEY_ENV:
		return "a map from variables to texts";
	case KEY_METADATA:
		return "a map from names to texts";
	case KEY_SIGNAL:
		return "a signal such as TERM";
	case KEY_CODES:
		return "a list of exit codes";
	case KEY_RETRY_ON:
		return "a list of exit codes and of exit, signal, timeout, "
		       "spawn, output, any";
	case KEY_CHOICE:
		return "one word";
	case KEY_INT:
		return "a whole number";
	case KEY_FRACTION:
		return "a number";
	case KEY_SIZE:
		return "a size such as 64K or 1M";
	case KEY_GROUP:
	case KEY_DEFAULTS:
	case KEY_JOBS:
		return "a map";
	}
	return "text";
}

/* A literal text may begin anywhere below its mark; a quoted one behind it. */
static struct place
value_place(const struct loader *l, const struct yaml_node *node)
{
	struct place at = loader_place(l, node);

	return node->is_plain ? at : place_right(at, 1);
}

/* What stands in a map of texts, or in a list of them. */
static const struct key value_item = { .name = "", .type = KEY_TEXT };

/* The text of a scalar, which is not absent; else NULL, reported. */
static const char *
value_scalar(
    struct loader *l, const struct key *key, const struct yaml_node *node)
{
	if (node->is_bad)
		return NULL;
	if (node->kind != YAML_SCALAR)
		loader_error(l, loader_place(l, node), "is a %s, not %s%s",
		    node->kind == YAML_MAP ? "map" : "list",
		    value_wanted(key->type),
		    node->kind == YAML_MAP && key->type == KEY_COMMAND
			? "; text that begins with '{' must be quoted"
			: "");
	else if (node->is_plain && node->text[0] == '\0')
		loader_error(l, loader_place(l, node), "has no value");
	else
		return node->text;
	return NULL;
}

/* The items of a list, or a scalar as its only one; NULL, reported. */
static const struct yaml_node *
value_items(
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

static size_t
value_count(const struct yaml_node *node)
{
	return node->kind == YAML_LIST ? node->n : 1;
}

/* The item behind, in a list; none behind a scalar that stands for one. */
static const struct yaml_node *
value_next(const struct yaml_node *list, const struct yaml_node *item)
{
	return list == item ? NULL : item->next;
}

static bool
value_read_bool(struct loader *l, const struct yaml_node *node,
    const char *text, bool *field)
{
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return loader_error(l, loader_place(l, node),
		    "'%s' is not true or false", text);
	*field = *text == 't';
	return true;
}

static bool
value_read_duration(struct loader *l, const struct key *key,
    const struct yaml_node *node, const char *text, int64_t *field)
{
	char least[DURATION_TEXT_SIZE];
	struct err err;
	int64_t ms;

	if (key->may_none && strcmp(text, "none") == 0) {
		*field = JOB_NO_LIMIT;
		return true;
	}
	if (!duration_parse(text, loader_place(l, node), &ms, &err))
		return loader_fail(l, loader_place(l, node), &err);
	if (ms < key->min)
		return loader_error(l, loader_place(l, node),
		    "'%s' is less than %s%s", text,
		    duration_format(key->min, least),
		    key->may_none ? "; no limit is 'none'" : "");
	*field = ms;
	return true;
}

/* Decimal digits without a leading zero, with a sign where min is below 0. */
static bool
value_is_int(const char *text, bool may_sign)
{
	if (may_sign && *text == '-')
		text++;
	return *text != '\0' && text[strspn(text, DIGITS)] == '\0' &&
	    (*text != '0' || text[1] == '\0');
}

static bool
value_read_int(struct loader *l, int64_t min, int64_t max,
    const struct yaml_node *node, const char *text, int *field)
{
	long long n;

	if (!value_is_int(text, true))
		return loader_error(l, loader_place(l, node),
		    "'%s' is not a whole number such as 3", text);
	n = strtoll(text, NULL, 10); /* saturates */
	if (n < min || n > max)
		return loader_error(l, loader_place(l, node),
		    "%s is not from %lld to %lld", text, (long long)min,
		    (long long)max);
	*field = (int)n;
	return true;
}

static bool
value_read_fraction(struct loader *l, const struct key *key,
    const struct yaml_node *node, const char *text, double *field)
{
	size_t n = strspn(text, DIGITS), more = 0;
	double x;

	if (n != 0 && text[n] == '.') {
		more = strspn(text + n + 1, DIGITS);
		n += more != 0 ? more + 1 : 0;
	}
	if (n == 0 || text[n] != '\0' || n > 20)
		return loader_error(l, loader_place(l, node),
		    "'%s' is not a number such as 2 or 0.1", text);
	x = strtod(text, NULL);
	if (x < (double)key->min || x > (double)key->max)
		return loader_error(l, loader_place(l, node),
		    "%s is not from %lld to %lld", text, (long long)key->min,
		    (long long)key->max);
	*field = x;
	return true;
}

static bool
value_read_size(struct loader *l, const struct key *key,
    const struct yaml_node *node, const char *text, int64_t *field)
{
	static const char units[] = "KMG";
	size_t digits = strspn(text, DIGITS);
	const char *unit = text + digits, *found = NULL;
	int64_t n, factor = 1;

	if (*unit != '\0')
		found = strchr(units, *unit);
	if (digits == 0 || (*text == '0' && digits > 1) ||
	    (*unit != '\0' && (found == NULL || unit[1] != '\0')))
		return loader_error(l, loader_place(l, node),
		    "'%s' is not a size such as 64K or 1M", text);
	if (found != NULL)
		factor = INT64_C(1024) << (10 * (found - units));
	n = strtoll(text, NULL, 10);
	if (n > key->max / factor || n * factor < key->min)
		return loader_error(l, loader_place(l, node),
		    "'%s' is more than %lldG", text,
		    (long long)(key->max >> 30));
	*field = n * factor;
	return true;
}

static bool
value_read_choice(struct loader *l, const struct key *key,
    const struct yaml_node *node, const char *text, int *field)
{
	struct str names = { 0 };
	const char *near;
	size_t i;

	for (i = 0; key->choices[i] != NULL; i++) {
		if (strcmp(key->choices[i], text) == 0) {
			*field = (int)i;
			str_release(&names);
			return true;
		}
		str_addf(&names, "%s%s", i != 0 ? ", " : "", key->choices[i]);
	}
	near = str_nearest(text, key->choices, i);
	loader_error(l, loader_place(l, node), "'%s' is not one of %s%s%s%s",
	    text, str_text(&names), near != NULL ? ": did you mean '" : "",
	    near != NULL ? near : "", near != NULL ? "'?" : "");
	str_release(&names);
	return false;
}

static bool
value_read_zone(struct loader *l, const struct yaml_node *node,
    const char *text, const struct zone **field)
{
	const struct zone *zone;
	struct err err;

	if (l->zone_name == NULL || strcmp(l->zone_name, text) != 0) {
		if ((zone = zone_find(text, &err)) == NULL)
			return loader_fail(l, loader_place(l, node), &err);
		l->zone = zone;
		l->zone_name = arena_strdup(l->arena, text);
	}
	*field = l->zone;
	return true;
}

static bool
value_read_signal(struct loader *l, const struct yaml_node *node,
    const char *text, int *field)
{
	int number = job_signal_find(text);

	if (number == 0)
		return loader_error(l, loader_place(l, node),
		    "'%s' is not a signal such as TERM, SIGTERM or 15", text);
	*field = number;
	return true;
}

/* ${VAR} expanded, in the jobfile's memory; NULL, reported. */
static const char *
value_expand(struct loader *l, const struct yaml_node *node, const char *text)
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
value_path(struct loader *l, const struct yaml_node *node, const char *text)
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

static bool
value_read_path(struct loader *l, const struct key *key,
    const struct yaml_node *node, const char *text, const char **field)
{
	const char *path;

	if (key->type == KEY_FILE && expand_has_any(text))
		return loader_error(l, loader_place(l, node),
		    "${VAR} is not expanded in this key");
	if (key->type == KEY_DIR || key->type == KEY_FILES) {
		if ((text = value_expand(l, node, text)) == NULL)
			return false;
	}
	if (key->type == KEY_PROGRAM && *text != '/')
		return loader_error(l, loader_place(l, node),
		    "'%s' is not an absolute path such as /bin/sh", text);
	if ((path = value_path(l, node, text)) == NULL)
		return false;
	*field = path;
	return true;
}

static bool
value_read_files(struct loader *l, const struct key *key,
    const struct yaml_node *node, const char ***field)
{
	const struct yaml_node *item = value_items(l, key, node);
	const char **list, *text;
	size_t n = 0;

	if (item == NULL)
		return false;
	list = arena_alloc(l->arena, (value_count(node) + 1) * sizeof *list);
	for (; item != NULL; item = value_next(node, item))
		if ((text = value_scalar(l, key, item)) == NULL ||
		    !value_read_path(l, key, item, text, &list[n++]))
			return false;
	list[n] = NULL;
	*field = list;
	return true;
}

/* The text up to a "://" is a scheme; a password must not be shown. */
static bool
value_read_store(struct loader *l, const struct yaml_node *node,
    const char *text, const char **field)
{
	const char *store = value_expand(l, node, text), *colon;

	if (store == NULL)
		return false;
	colon = strstr(store, "://");
	if (str_starts(store, "redis") && colon != NULL)
		return loader_error(l, loader_place(l, node),
		    "a Redis store is not known yet to this version of wjobs: "
		    "write a path, or memory");
	if (colon != NULL)
		return loader_error(l, loader_place(l, node),
		    "'%.*s://' is no kind of store: write a path, or memory",
		    (int)(colon - store), store);
	if (*store == '\0')
		return loader_error(
		    l, loader_place(l, node), "is an empty path");
	*field = store;
	return true;
}

static bool
value_is_name(enum key_type type, const char *name)
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
value_pair(struct loader *l, const char *name, const char *value)
{
	size_t n = strlen(name), m = strlen(value);
	char *pair = arena_text(l->arena, n + 1 + m);

	memcpy(pair, name, n);
	pair[n] = '=';
	memcpy(pair + n + 1, value, m + 1);
	return pair;
}

static const char *
value_read_pair(struct loader *l, const struct key *key,
    const struct yaml_node *name, struct str *scratch)
{
	const struct yaml_node *node = name->value;
	const char *value;
	struct err err;

	if (!value_is_name(key->type, name->text)) {
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
	return value != NULL ? value_pair(l, name->text, value) : NULL;
}

static bool
value_read_pairs(struct loader *l, const struct key *key,
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
		if ((list[n] = value_read_pair(l, key, name, &scratch)) != NULL)
			n++;
	}
	list[n] = NULL;
	str_release(&scratch);
	if (n != wanted)
		return false;
	*field = list;
	return true;
}

static bool
value_read_code(struct loader *l, const struct yaml_node *node,
    const char *text, struct job_codes *codes)
{
	int code;

	if (!value_read_int(l, 0, 255, node, text, &code))
		return false;
	codes->bit[code / 64] |= UINT64_C(1) << (code % 64);
	return true;
}

static bool
value_read_codes(struct loader *l, const struct key *key,
    const struct yaml_node *node, struct job_codes *field)
{
	const struct yaml_node *item = value_items(l, key, node);
	struct job_codes codes = { 0 };
	const char *text;
	bool ok = item != NULL;

	for (; item != NULL; item = value_next(node, item))
		ok &= (text = value_scalar(l, key, item)) != NULL &&
		    value_read_code(l, item, text, &codes);
	if (ok)
		*field = codes;
	return ok;
}

static const char *const retry_words[] = { "any", "exit", "signal", "timeout",
	"spawn", "output" };

static bool
value_read_retry_on(struct loader *l, const struct key *key,
    const struct yaml_node *node, struct job_retry *field)
{
	const struct yaml_node *item = value_items(l, key, node);
	struct job_codes codes = { 0 };
	const char *text;
	unsigned on = 0;
	bool ok = item != NULL;
	size_t i;

	for (; item != NULL; item = value_next(node, item)) {
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
			ok &= value_read_code(l, item, text, &codes);
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
value_check_argv(struct loader *l, const struct yaml_node *node)
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

static bool
value_read_command(struct loader *l, const struct key *key,
    const struct yaml_node *node, struct job *job)
{
	const struct yaml_node *item;
	const char *text, **argv;
	size_t n = 0;

	if (node->kind != YAML_LIST) {
		if ((text = value_scalar(l, key, node)) == NULL)
			return false;
		if (text[strspn(text, " \t\r\n")] == '\0')
			return loader_error(
			    l, loader_place(l, node), "is empty");
		job->command = arena_strdup(l->arena, text);
		job->argv = NULL;
		return true;
	}
	if ((item = value_items(l, key, node)) == NULL)
		return false;
	argv = arena_alloc(l->arena, (node->n + 1) * sizeof *argv);
	for (; item != NULL; item = item->next) {
		if ((text = value_scalar(l, &value_item, item)) == NULL)
			return false;
		argv[n++] = arena_strdup(l->arena, text);
	}
	argv[n] = NULL;
	if (!value_check_argv(l, node))
		return false;
	job->argv = argv;
	job->command = NULL;
	return true;
}

static bool
value_read_text(struct loader *l, const struct key *key,
    const struct yaml_node *node, const char *text, const char **field)
{
	const unsigned char *p;

	if (key->type == KEY_WORD) {
		for (p = (const unsigned char *)text; *p > ' ' && *p != 0x7f;)
			p++;
		if (*p != '\0' || p == (const unsigned char *)text ||
		    strlen(text) > 255)
			return loader_error(l, loader_place(l, node),
			    "'%s' is not one word of up to 255 letters", text);
	}
	*field = arena_strdup(l->arena, text);
	return true;
}

/* One expression, into its place of the job's `when`. */
static bool
value_read_expression(struct loader *l, struct job *job, const char *text,
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
value_read_cron(struct loader *l, struct job *job, struct place at)
{
	size_t n = 0, i;
	bool ok = true;

	while (job->cron[n] != NULL)
		n++;
	job->kind = JOB_CRON;
	job->when.n = 0;
	job->when.cron = arena_alloc(l->arena, n * sizeof *job->when.cron);
	for (i = 0; i < n; i++)
		ok &= value_read_expression(l, job, job->cron[i], at, n == 1);
	return ok;
}

static bool
value_read_crons(struct loader *l, const struct key *key,
    const struct yaml_node *node, struct job *job)
{
	const struct yaml_node *item = value_items(l, key, node);
	size_t n = value_count(node), i = 0;
	bool ok = item != NULL;
	const char *text;

	if (!ok)
		return false;
	job->cron = arena_alloc(l->arena, (n + 1) * sizeof *job->cron);
	job->when.cron = arena_alloc(l->arena, n * sizeof *job->when.cron);
	job->when.n = 0;
	job->kind = JOB_CRON;
	for (; item != NULL; item = value_next(node, item)) {
		if ((text = value_scalar(l, key, item)) == NULL) {
			ok = false;
			continue;
		}
		text = job->cron[i++] = arena_strdup(l->arena, text);
		ok &= value_read_expression(
		    l, job, text, value_place(l, item), n == 1);
	}
	job->cron[i] = NULL;
	return ok;
}

/* Kept until the zone is known in which it may have to be read. */
static bool
value_keep_anchor(
    struct loader *l, const struct yaml_node *node, const char *text)
{
	struct loader_anchor *anchor = &l->default_anchor;

	if (l->name != NULL) {
		anchor = arena_zalloc(l->arena, sizeof *anchor);
		anchor->next = l->anchors;
		l->anchors = anchor;
	}
	anchor->job = l->index;
	anchor->text = arena_strdup(l->arena, text);
	anchor->at = value_place(l, node);
	return true;
}

static bool
value_read_scalar(struct loader *l, const struct key *key,
    const struct yaml_node *node, void *field)
{
	const char *text = value_scalar(l, key, node);

	if (text == NULL)
		return false;
	switch (key->type) {
	case KEY_BOOL:
		return value_read_bool(l, node, text, field);
	case KEY_DURATION:
		return value_read_duration(l, key, node, text, field);
	case KEY_TIME:
		return value_keep_anchor(l, node, text);
	case KEY_ZONE:
		return value_read_zone(l, node, text, field);
	case KEY_PROGRAM:
	case KEY_DIR:
	case KEY_FILE:
		return value_read_path(l, key, node, text, field);
	case KEY_STORE:
		return value_read_store(l, node, text, field);
	case KEY_SIGNAL:
		return value_read_signal(l, node, text, field);
	case KEY_CHOICE:
		return value_read_choice(l, key, node, text, field);
	case KEY_INT:
		return value_read_int(l, key->min, key->max, node, text, field);
	case KEY_FRACTION:
		return value_read_fraction(l, key, node, text, field);
	case KEY_SIZE:
		return value_read_size(l, key, node, text, field);
	default:
		return value_read_text(l, key, node, text, field);
	}
}

bool
value_read(struct loader *l, const struct key *key,
    const struct yaml_node *node, void *base)
{
	void *field = (char *)base + key->offset;

	switch (key->type) {
	case KEY_CRON:
		return value_read_crons(l, key, node, base);
	case KEY_COMMAND:
		return value_read_command(l, key, node, base);
	case KEY_FILES:
		return value_read_files(l, key, node, field);
	case KEY_ENV:
	case KEY_METADATA:
		return value_read_pairs(l, key, node, field);
	case KEY_CODES:
		return value_read_codes(l, key, node, field);
	case KEY_RETRY_ON:
		return value_read_retry_on(
		    l, key, node, &((struct job *)base)->retry);
	default:
		return value_read_scalar(l, key, node, field);
	}
}

static size_t
value_name_len(const char *pair)
{
	return strcspn(pair, "=") + 1;
}

static bool
value_is_replaced(const char *pair, const char **by)
{
	size_t n = value_name_len(pair);

	for (; *by != NULL; by++)
		if (strncmp(pair, *by, n) == 0)
			return true;
	return false;
}

const char **
value_merge(struct arena *arena, const char **base, const char **own)
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
		if (!value_is_replaced(base[i], own))
			list[len++] = base[i];
	for (i = 0; i < m; i++)
		list[len++] = own[i];
	list[len] = NULL;
	return list;
}
