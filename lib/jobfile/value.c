/*
 * The values of a jobfile, read by the type that the key's line in the table
 * names. YAML's own idea of a value's type has no say: each scalar is text
 * until its key wants something else of it.
 */
#include "lib/jobfile/value.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/jobfile/hooks.h"
#include "lib/jobfile/list.h"
#include "lib/jobfile/pairs.h"
#include "lib/jobfile/paths.h"
#include "lib/time/duration.h"
#include "lib/time/zone.h"

#define DIGITS "0123456789"

const struct key value_item = { .name = "", .type = KEY_TEXT };

/* What a key wants, for "is a map, not ...". */
const char *
value_wanted(enum key_type type)
{
	switch (type) {
	case KEY_TEXT:
	case KEY_WORD:
	case KEY_LOCK:
	case KEY_PAYLOAD:
		return "text";
	case KEY_HANDLER:
		return "the name of a handler";
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
	case KEY_HOOK:
		return "text for the shell or a list, its argv";
	case KEY_REPEAT:
		return "once, every or a duration such as 6h";
	case KEY_PROGRAM:
	case KEY_DIR:
	case KEY_FILE:
		return "a path";
	case KEY_STORE:
		return "a path or the URL of a Redis";
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
struct place
value_place(const struct loader *l, const struct yaml_node *node)
{
	struct place at = loader_place(l, node);

	return node->is_plain ? at : place_right(at, 1);
}

/* The text of a scalar, which is not absent; else NULL, reported. */
const char *
value_scalar(
    struct loader *l, const struct key *key, const struct yaml_node *node)
{
	if (node->is_bad)
		return NULL;
	if (node->kind != YAML_SCALAR)
		loader_error(l, loader_place(l, node), "is a %s, not %s%s",
		    node->kind == YAML_MAP ? "map" : "list",
		    value_wanted(key->type),
		    node->kind == YAML_MAP &&
			    (key->type == KEY_COMMAND || key->type == KEY_HOOK)
			? "; text that begins with '{' must be quoted"
			: "");
	else if (node->is_plain && node->text[0] == '\0')
		loader_error(l, loader_place(l, node), "has no value");
	else
		return node->text;
	return NULL;
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
bool
value_is_int(const char *text, bool may_sign)
{
	const char *p;

	if (may_sign && *text == '-')
		text++;
	for (p = text; *p >= '0' && *p <= '9';)
		p++;
	return p != text && *p == '\0' && (*text != '0' || p == text + 1);
}

bool
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

static bool
value_read_lock(struct loader *l, const struct yaml_node *node,
    const char *text, const char **field)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = strlen(text);

	while (*p >= ' ' && *p != 0x7f)
		p++;
	if (n == 0)
		return loader_error(
		    l, loader_place(l, node), "is empty: a lock has a name");
	if (*p != '\0' || n > JOB_LOCK_MAX)
		return loader_error(l, loader_place(l, node),
		    "the name of a lock is at most %d bytes, and none of them "
		    "a control character",
		    JOB_LOCK_MAX);
	*field = arena_strdup(l->arena, text);
	return true;
}

/* Whether there is such a handler is asked when the whole file is read. */
static bool
value_keep_handler(struct loader *l, const struct yaml_node *node,
    const char *text, const char **field)
{
	struct loader_ref ref = { l->index, loader_place(l, node) };

	*field = arena_strdup(l->arena, text);
	if (l->name == NULL) {
		l->default_ref = ref;
		return true;
	}
	l->refs = mem_grow(l->refs, l->n_refs + 1, sizeof *l->refs);
	l->refs[l->n_refs++] = ref;
	return true;
}

static bool
value_read_payload(struct loader *l, const struct key *key,
    const struct yaml_node *node, const char *text, const char **field)
{
	size_t n = strlen(text);

	if (n > (size_t)key->max)
		return loader_error(l, loader_place(l, node),
		    "has %zu bytes: a payload has at most 1 MiB", n);
	*field = arena_strndup(l->arena, text, n);
	return true;
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
		return paths_read(l, key, node, text, field);
	case KEY_STORE:
		return paths_read_store(l, key, node, text, field);
	case KEY_LOCK:
		return value_read_lock(l, node, text, field);
	case KEY_HANDLER:
		return value_keep_handler(l, node, text, field);
	case KEY_PAYLOAD:
		return value_read_payload(l, key, node, text, field);
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

static bool
value_read_command(struct loader *l, const struct key *key,
    const struct yaml_node *node, struct job *job)
{
	if (!list_check_command(l, key, node))
		return false;
	list_copy_command(l, node, &job->command, &job->argv);
	return true;
}

bool
value_read(struct loader *l, const struct key *key,
    const struct yaml_node *node, void *base)
{
	void *field = (char *)base + key->offset;

	switch (key->type) {
	case KEY_CRON:
		return list_read_cron(l, key, node, base);
	case KEY_COMMAND:
		return value_read_command(l, key, node, base);
	case KEY_HOOK:
	case KEY_REPEAT:
		return hooks_read(l, key, node);
	case KEY_FILES:
		return paths_read_list(l, key, node, field);
	case KEY_ENV:
	case KEY_METADATA:
		return pairs_read(l, key, node, field);
	case KEY_CODES:
		return list_read_codes(l, key, node, field);
	case KEY_RETRY_ON:
		return list_read_retry_on(
		    l, key, node, &((struct job *)base)->retry);
	default:
		return value_read_scalar(l, key, node, field);
	}
}
