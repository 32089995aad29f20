#ifndef WJOBS_JOBFILE_YAML_H
#define WJOBS_JOBFILE_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/err.h"

/*
 * YAML as trees with places, read from libyaml's events. The file is never one
 * tree: the caller walks into the maps it wants to take an entry at a time,
 * and each entry's value alone becomes a tree, so that a hundred thousand jobs
 * need the memory of one. All scalars are text; what they mean is the key's
 * business, not YAML 1.1's.
 *
 * Refused here, with a message that says what to write instead: nesting past
 * YAML_DEPTH_MAX (counted on the events, for libyaml's own time is quadratic in
 * it), aliases past YAML_ALIASES_MAX, aliases inside of what they name, `<<`,
 * tags, NUL bytes, keys that are no text, keys given twice, a second document,
 * UTF-16.
 */
#define YAML_DEPTH_MAX   32
#define YAML_ALIASES_MAX 1000
/* The nodes that all aliases together may stand for. */
#define YAML_ALIASED_MAX 100000

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
	enum yaml_kind kind;
	bool is_plain; /* a scalar without quotes */
	/* An error in here has been reported: say nothing more about it. */
	bool is_bad;
	bool is_open; /* still being read */
	int line, col;
	const char *text;        /* of a scalar, with no NUL inside */
	struct yaml_node *first; /* a list's items, a map's keys */
	struct yaml_node *next;
	struct yaml_node *value; /* of a map's key */
	uint32_t n;              /* items, or keys */
	uint32_t size, aliases;  /* nodes and aliases below, as if expanded */
};

struct yaml;

/*
 * From n bytes of text or, where text is NULL, from the regular file that fd
 * has open. Errors go to the list, with file, place and the path of keys above
 * them. All of these are borrowed; the trees lie in an arena of the reader's
 * own. Large or unreadable input is an error without a line.
 */
struct yaml *yaml_open(const char *file, const char *text, size_t n, int fd,
    struct errlist *errors);
void yaml_close(struct yaml *yaml);

/* Something was found after which the rest cannot be read. */
bool yaml_has_failed(const struct yaml *yaml);
/* The document has no content. False after a failure, too. */
bool yaml_is_empty(struct yaml *yaml);
/*
 * If what comes next, the root or a value, is a map that can be walked, step
 * into it; else nothing happens, and yaml_value must be called.
 */
bool yaml_enter(struct yaml *yaml);
/*
 * The next key of the map stepped into, or NULL at its end, where it has been
 * stepped out of, and after a failure. A key must be followed by yaml_enter
 * or yaml_value. It lives, with all that came with it, until the next call for
 * the same map, or until yaml_close where it holds an anchor. It may be bad.
 */
struct yaml_node *yaml_key(struct yaml *yaml);
/* The whole value; NULL after a failure. */
struct yaml_node *yaml_value(struct yaml *yaml);
/* Nothing may follow the root but the end. False after a failure. */
bool yaml_end(struct yaml *yaml);

#endif
