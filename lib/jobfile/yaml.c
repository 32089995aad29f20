#include "lib/jobfile/yaml.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/jobfile/explain.h"
#include "lib/jobfile/input.h"

/* Maps up to this size are searched for repeated keys without a hash. */
#define SMALL_MAP 16

struct yaml {
	const char *file;
	struct input input;
	struct errlist *errors;
	yaml_parser_t parser;
	yaml_event_t event;
	bool has_event, has_failed, has_begun;
	struct arena arena;
	struct map anchors; /* to struct yaml_node */
	bool is_anchored;   /* an anchor came since the last mark */
	size_t aliases, aliased;
	int depth; /* maps and lists that are open */
	/* The keys above what is read, for messages; NULL in a list. */
	const char *path[YAML_DEPTH_MAX + 1];
	/* By depth: where the memory of a walked map's entry begins. */
	struct arena_mark mark[YAML_DEPTH_MAX + 1];
};

/* "jobs.sync.env" for the open maps, then the message. */
static void
yaml_vreport(struct yaml *yaml, int line, int col, const char *fmt, va_list ap)
{
	struct str msg = { 0 }, visible = { 0 };
	struct place at = { yaml->file, line, col };
	char *text = NULL;
	struct err err;
	int i;

	for (i = 1; i <= yaml->depth; i++)
		if (yaml->path[i] != NULL)
			str_addf(&msg, "%s%s", msg.len != 0 ? "." : "",
			    yaml->path[i]);
	if (msg.len != 0)
		str_add(&msg, ": ");
	if (vasprintf(&text, fmt, ap) >= 0)
		str_add(&msg, text);
	str_add_visible(&visible, str_text(&msg), msg.len, false);
	err_at(&err, at, ERR_CONFIG, "%s", str_text(&visible));
	errlist_add(yaml->errors, &err);
	free(text);
	str_release(&msg);
	str_release(&visible);
}

static void yaml_report(struct yaml *yaml, int line, int col, const char *fmt,
    ...) PRINTF_LIKE(4, 5);
static void
yaml_report(struct yaml *yaml, int line, int col, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	yaml_vreport(yaml, line, col, fmt, ap);
	va_end(ap);
}

/* An error after which there is no going on. */
static bool yaml_fail(struct yaml *yaml, int line, int col, const char *fmt,
    ...) PRINTF_LIKE(4, 5);
static bool
yaml_fail(struct yaml *yaml, int line, int col, const char *fmt, ...)
{
	va_list ap;

	yaml->has_failed = true;
	va_start(ap, fmt);
	yaml_vreport(yaml, line, col, fmt, ap);
	va_end(ap);
	return false;
}

/* The line and column, from 1, of a byte of the text; 0 if unknown. */
static void
yaml_locate(struct yaml *yaml, size_t offset, int *line, int *col)
{
	const struct input *input = &yaml->input;
	size_t i;

	*line = *col = 0;
	if (!input_whole(&yaml->input))
		return;
	*line = *col = 1;
	for (i = 0; i < offset && i < input->n; i++) {
		if (input->text[i] == '\n') {
			++*line;
			*col = 1;
		} else if ((input->text[i] & 0xc0) != 0x80) {
			++*col;
		}
	}
}

static bool
yaml_fail_input(struct yaml *yaml)
{
	const struct input *input = &yaml->input;
	int line, col;

	switch (input->fault) {
	case INPUT_NUL:
		yaml_locate(yaml, input->fault_at, &line, &col);
		return yaml_fail(yaml, line, col,
		    "a NUL byte: not a text file, or one saved as UTF-16");
	case INPUT_UTF16:
		return yaml_fail(
		    yaml, 1, 1, "this is UTF-16: save the file as UTF-8");
	case INPUT_LARGE:
		return yaml_fail(
		    yaml, 0, 0, "is over 64 MiB: no jobfile is that large");
	case INPUT_SYSTEM:
		return yaml_fail(
		    yaml, 0, 0, "cannot be read: %s", strerror(input->sys));
	case INPUT_FINE:
		break;
	}
	return false;
}

/* A byte that no text has; libyaml's offset is where its buffer was. */
static bool
yaml_fail_reader(struct yaml *yaml)
{
	size_t at = yaml->parser.problem_offset;
	int line, col;

	if (yaml->input.fault != INPUT_FINE)
		return yaml_fail_input(yaml);
	yaml_locate(yaml, at, &line, &col);
	return yaml_fail(yaml, line, col,
	    line != 0 && at < yaml->input.n &&
		    (unsigned char)yaml->input.text[at] >= 0x80
		? "not UTF-8 text: %s"
		: "a character that YAML forbids: %s",
	    yaml->parser.problem);
}

/* libyaml's words, where there are none of ours. */
static bool
yaml_fail_plain(struct yaml *yaml, int line, int col)
{
	const yaml_parser_t *p = &yaml->parser;

	return yaml_fail(yaml, line, col, "not YAML: %s%s%s",
	    p->context != NULL ? p->context : "",
	    p->context != NULL ? ", " : "", p->problem);
}

/*
 * libyaml looks ahead, so that the fault may stand at a key that has not come
 * yet. Let the path end with the key if it holds it, or else above it: then
 * false, for the key is still to be named.
 */
static bool
yaml_cut_path(struct yaml *yaml, const char *key, size_t n)
{
	int i;

	for (i = yaml->depth; i > 0 && key != NULL; i--)
		if (yaml->path[i] != NULL && strlen(yaml->path[i]) == n &&
		    memcmp(yaml->path[i], key, n) == 0) {
			yaml->depth = i;
			return true;
		}
	yaml->path[yaml->depth] = NULL;
	return key == NULL;
}

static bool
yaml_fail_parser(struct yaml *yaml)
{
	const yaml_parser_t *p = &yaml->parser;
	struct explain fault = {
		.line = (int)p->problem_mark.line + 1,
		.col = (int)p->problem_mark.column + 1,
		.context = p->context,
		.problem = p->problem,
		.context_line = (int)p->context_mark.line + 1,
		.context_col = (int)p->context_mark.column + 1,
	};

	if (p->error == YAML_MEMORY_ERROR)
		mem_alloc(SIZE_MAX / 2);
	if (p->error == YAML_READER_ERROR)
		return yaml_fail_reader(yaml);
	if (!input_whole(&yaml->input))
		return yaml_fail_plain(yaml, fault.line, fault.col);
	fault.text = yaml->input.text;
	fault.n = yaml->input.n;
	if (!explain_fault(&fault))
		return yaml_fail_plain(yaml, fault.line, fault.col);
	if (fault.is_last || yaml_cut_path(yaml, fault.key, fault.key_len))
		return yaml_fail(yaml, fault.line, fault.col, "%s", fault.hint);
	return yaml_fail(yaml, fault.line, fault.col, "%.*s: %s",
	    (int)fault.key_len, fault.key, fault.hint);
}

static bool
yaml_peek(struct yaml *yaml)
{
	if (yaml->has_event)
		return true;
	if (yaml->has_failed)
		return false;
	if (yaml_parser_parse(&yaml->parser, &yaml->event) == 0)
		return yaml_fail_parser(yaml);
	yaml->has_event = true;
	return true;
}

static void
yaml_drop(struct yaml *yaml)
{
	yaml_event_delete(&yaml->event);
	yaml->has_event = false;
}

static int
yaml_next_bytes(void *data, unsigned char *buf, size_t size, size_t *got)
{
	struct yaml *yaml = data;

	return input_next(&yaml->input, buf, size, got);
}

struct yaml *
yaml_open(const char *file, const char *text, size_t n, int fd,
    struct errlist *errors)
{
	struct yaml *yaml = mem_zalloc(1, sizeof *yaml);

	yaml->file = file;
	yaml->input.text = text;
	yaml->input.n = n;
	yaml->input.fd = text != NULL ? -1 : fd;
	yaml->errors = errors;
	/* it fails only where there is no memory, which is the end */
	if (yaml_parser_initialize(&yaml->parser) == 0)
		mem_alloc(SIZE_MAX / 2);
	yaml_parser_set_input(&yaml->parser, yaml_next_bytes, yaml);
	yaml_parser_set_encoding(&yaml->parser, YAML_UTF8_ENCODING);
	return yaml;
}

void
yaml_close(struct yaml *yaml)
{
	if (yaml == NULL)
		return;
	if (yaml->has_event)
		yaml_drop(yaml);
	yaml_parser_delete(&yaml->parser);
	map_release(&yaml->anchors);
	arena_release(&yaml->arena);
	input_release(&yaml->input);
	free(yaml);
}

bool
yaml_has_failed(const struct yaml *yaml)
{
	return yaml->has_failed;
}

static bool
yaml_begin(struct yaml *yaml)
{
	if (yaml->has_begun)
		return yaml_peek(yaml);
	yaml->has_begun = true;
	if (!yaml_peek(yaml))
		return false;
	yaml_drop(yaml); /* the stream's start */
	if (!yaml_peek(yaml))
		return false;
	if (yaml->event.type == YAML_DOCUMENT_START_EVENT) {
		yaml_drop(yaml);
		return yaml_peek(yaml);
	}
	return true;
}

bool
yaml_is_empty(struct yaml *yaml)
{
	return yaml_begin(yaml) &&
	    (yaml->event.type == YAML_STREAM_END_EVENT ||
		yaml->event.type == YAML_DOCUMENT_END_EVENT ||
		(yaml->event.type == YAML_SCALAR_EVENT &&
		    yaml->event.data.scalar.length == 0));
}

static bool
yaml_down(struct yaml *yaml, int line, int col)
{
	if (yaml->depth == YAML_DEPTH_MAX)
		return yaml_fail(yaml, line, col, "nested more than %d deep",
		    YAML_DEPTH_MAX);
	yaml->path[++yaml->depth] = NULL;
	return true;
}

/* With room for `more` bytes behind it. */
static struct yaml_node *
yaml_node_new(struct yaml *yaml, enum yaml_kind kind, size_t more)
{
	struct yaml_node *node = arena_alloc(&yaml->arena, sizeof *node + more);

	*node = (struct yaml_node){
		.kind = kind,
		.line = (int)yaml->event.start_mark.line + 1,
		.col = (int)yaml->event.start_mark.column + 1,
		.size = 1,
	};
	return node;
}

/* Remember what an anchor names. Must come before the node's content. */
static void
yaml_anchor(struct yaml *yaml, const yaml_char_t *name, struct yaml_node *node)
{
	const char *key = (const char *)name;

	if (name == NULL)
		return;
	yaml->is_anchored = true;
	map_put(&yaml->anchors, arena_strdup(&yaml->arena, key), node);
}

/* "! foo" and "!!int 5": what stands there is text, whatever its tag says. */
static void
yaml_refuse_tag(
    struct yaml *yaml, const yaml_char_t *tag, struct yaml_node *node)
{
	if (tag == NULL)
		return;
	node->is_bad = true;
	yaml_report(yaml, node->line, node->col,
	    strcmp((const char *)tag, "!") == 0
		? "text that begins with '!' must be quoted"
		: "tags such as '!!str' mean nothing here: leave it out, "
		  "or quote text that begins with '!'");
}

static struct yaml_node *
yaml_read_scalar(struct yaml *yaml)
{
	const char *text = (const char *)yaml->event.data.scalar.value;
	size_t n = yaml->event.data.scalar.length;
	struct yaml_node *node = yaml_node_new(yaml, YAML_SCALAR, n + 1);

	node->is_plain = yaml->event.data.scalar.style ==
	    YAML_PLAIN_SCALAR_STYLE;
	node->text = memcpy(node + 1, text, n + 1);
	yaml_anchor(yaml, yaml->event.data.scalar.anchor, node);
	yaml_refuse_tag(yaml, yaml->event.data.scalar.tag, node);
	/* nothing but an escape brings one this far */
	if (yaml->event.data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE &&
	    memchr(text, '\0', n) != NULL) {
		node->is_bad = true;
		yaml_report(yaml, node->line, node->col,
		    "the text holds a NUL byte (\\0), which no argument or "
		    "variable can");
	}
	yaml_drop(yaml);
	return node;
}

static struct yaml_node *
yaml_read_alias(struct yaml *yaml)
{
	const char *name = (const char *)yaml->event.data.alias.anchor;
	int line = (int)yaml->event.start_mark.line + 1;
	int col = (int)yaml->event.start_mark.column + 1;
	struct yaml_node *node = map_find(&yaml->anchors, name), *copy;

	if (node == NULL) {
		yaml_fail(yaml, line, col,
		    "'*%s' names no anchor; text that begins with '*' must be "
		    "quoted",
		    name);
		return NULL;
	}
	if (node->is_open) {
		yaml_fail(yaml, line, col,
		    "'*%s' stands inside of what it names", name);
		return NULL;
	}
	yaml->aliases += node->aliases + 1;
	yaml->aliased += node->size;
	if (yaml->aliases > YAML_ALIASES_MAX ||
	    yaml->aliased > YAML_ALIASED_MAX) {
		yaml_fail(yaml, line, col,
		    "aliases stand for too much: at most %d of them, and %d "
		    "values, in a file",
		    YAML_ALIASES_MAX, YAML_ALIASED_MAX);
		return NULL;
	}
	yaml_drop(yaml);
	/* a node of its own, since it is linked to neighbours of its own */
	copy = arena_dup(&yaml->arena, node, sizeof *node);
	copy->next = copy->value = NULL;
	copy->aliases++;
	return copy;
}

static struct yaml_node *yaml_read(struct yaml *yaml);

static bool
yaml_at(struct yaml *yaml, yaml_event_type_t type)
{
	return yaml_peek(yaml) && yaml->event.type == type;
}

static struct yaml_node *
yaml_read_list(struct yaml *yaml)
{
	struct yaml_node *list = yaml_node_new(yaml, YAML_LIST, 0), *item;
	struct yaml_node **end = &list->first;

	list->is_open = true;
	yaml_anchor(yaml, yaml->event.data.sequence_start.anchor, list);
	yaml_refuse_tag(yaml, yaml->event.data.sequence_start.tag, list);
	yaml_drop(yaml);
	if (!yaml_down(yaml, list->line, list->col))
		return NULL;
	while (!yaml_at(yaml, YAML_SEQUENCE_END_EVENT)) {
		if ((item = yaml_read(yaml)) == NULL)
			return NULL;
		*end = item;
		end = &item->next;
		list->n++;
		list->size += item->size;
		list->aliases += item->aliases;
		list->is_bad |= item->is_bad;
	}
	yaml->depth--;
	yaml_drop(yaml);
	list->is_open = false;
	return list;
}

/* A key must be text; `<<` is no key but YAML 1.1's merging. */
static struct yaml_node *
yaml_read_key(struct yaml *yaml)
{
	struct yaml_node *key;

	yaml->path[yaml->depth] = NULL;
	if ((key = yaml_read(yaml)) == NULL)
		return NULL;
	if (key->kind != YAML_SCALAR) {
		yaml_report(yaml, key->line, key->col,
		    "a key must be text, not a %s",
		    key->kind == YAML_LIST ? "list" : "map");
		key->is_bad = true;
		key->text = "";
	} else if (key->is_plain && key->text[0] == '<' &&
	    strcmp(key->text, "<<") == 0) {
		yaml_report(yaml, key->line, key->col,
		    "'<<' merges nothing here: write what jobs share under "
		    "'defaults', or the keys themselves");
		key->is_bad = true;
	}
	yaml->path[yaml->depth] = key->text;
	return key;
}

static void
yaml_refuse_twice(
    struct yaml *yaml, struct yaml_node *key, const struct yaml_node *first)
{
	if (key->is_bad)
		return;
	key->is_bad = true;
	yaml->path[yaml->depth] = NULL;
	yaml_report(yaml, key->line, key->col,
	    "'%s' is given twice, first in line %d", key->text, first->line);
}

/* Keys that come again are marked as bad. */
static void
yaml_check_keys(struct yaml *yaml, const struct yaml_node *map)
{
	struct yaml_node *key, *other;
	struct map seen = { 0 };

	for (key = map->first; key != NULL; key = key->next) {
		if (map->n > SMALL_MAP) {
			if ((other = map_find(&seen, key->text)) != NULL)
				yaml_refuse_twice(yaml, key, other);
			else
				map_put(&seen, key->text, key);
			continue;
		}
		for (other = map->first; other != key; other = other->next)
			if (other->text[0] == key->text[0] &&
			    strcmp(other->text, key->text) == 0)
				break;
		if (other != key)
			yaml_refuse_twice(yaml, key, other);
	}
	map_release(&seen);
}

static struct yaml_node *
yaml_read_map(struct yaml *yaml)
{
	struct yaml_node *map = yaml_node_new(yaml, YAML_MAP, 0), *key;
	struct yaml_node **end = &map->first;

	map->is_open = true;
	yaml_anchor(yaml, yaml->event.data.mapping_start.anchor, map);
	yaml_refuse_tag(yaml, yaml->event.data.mapping_start.tag, map);
	yaml_drop(yaml);
	if (!yaml_down(yaml, map->line, map->col))
		return NULL;
	while (!yaml_at(yaml, YAML_MAPPING_END_EVENT)) {
		if ((key = yaml_read_key(yaml)) == NULL ||
		    (key->value = yaml_read(yaml)) == NULL)
			return NULL;
		*end = key;
		end = &key->next;
		map->n++;
		map->size += 1 + key->value->size;
		map->aliases += key->aliases + key->value->aliases;
	}
	yaml_check_keys(yaml, map);
	yaml->depth--;
	yaml_drop(yaml);
	map->is_open = false;
	return map;
}

static struct yaml_node *
yaml_read(struct yaml *yaml)
{
	if (!yaml_peek(yaml))
		return NULL;
	switch (yaml->event.type) {
	case YAML_SCALAR_EVENT:
		return yaml_read_scalar(yaml);
	case YAML_ALIAS_EVENT:
		return yaml_read_alias(yaml);
	case YAML_SEQUENCE_START_EVENT:
		return yaml_read_list(yaml);
	case YAML_MAPPING_START_EVENT:
		return yaml_read_map(yaml);
	default: /* libyaml's grammar leaves nothing else */
		yaml_fail(yaml, (int)yaml->event.start_mark.line + 1,
		    (int)yaml->event.start_mark.column + 1, "not YAML");
		return NULL;
	}
}

bool
yaml_enter(struct yaml *yaml)
{
	int line, col;

	/* what an anchor or a tag belongs to is read as a whole */
	if (!yaml_begin(yaml) || yaml->event.type != YAML_MAPPING_START_EVENT ||
	    yaml->event.data.mapping_start.anchor != NULL ||
	    yaml->event.data.mapping_start.tag != NULL)
		return false;
	line = (int)yaml->event.start_mark.line + 1;
	col = (int)yaml->event.start_mark.column + 1;
	yaml_drop(yaml);
	if (!yaml_down(yaml, line, col))
		return true; /* and yaml_key finds the failure */
	yaml->mark[yaml->depth] = arena_mark(&yaml->arena);
	yaml->is_anchored = false;
	return true;
}

struct yaml_node *
yaml_key(struct yaml *yaml)
{
	if (yaml->has_failed)
		return NULL;
	if (yaml->is_anchored)
		yaml->mark[yaml->depth] = arena_mark(&yaml->arena);
	else
		arena_rewind(&yaml->arena, yaml->mark[yaml->depth]);
	yaml->is_anchored = false;
	yaml->path[yaml->depth] = NULL;
	if (!yaml_peek(yaml))
		return NULL;
	if (yaml->event.type == YAML_MAPPING_END_EVENT) {
		/* of what came in here nothing may be taken back above */
		yaml->is_anchored = yaml->anchors.len != 0;
		yaml->depth--;
		yaml_drop(yaml);
		return NULL;
	}
	return yaml_read_key(yaml);
}

struct yaml_node *
yaml_value(struct yaml *yaml)
{
	return yaml_begin(yaml) ? yaml_read(yaml) : NULL;
}

bool
yaml_end(struct yaml *yaml)
{
	if (!yaml_peek(yaml))
		return false;
	if (yaml->event.type == YAML_DOCUMENT_END_EVENT) {
		yaml_drop(yaml);
		if (!yaml_peek(yaml))
			return false;
	}
	if (yaml->event.type == YAML_STREAM_END_EVENT)
		return true;
	return yaml_fail(yaml, (int)yaml->event.start_mark.line + 1,
	    (int)yaml->event.start_mark.column + 1,
	    "a second document begins here: a jobfile is a single one");
}
