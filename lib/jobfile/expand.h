#ifndef WJOBS_EXPAND_H
#define WJOBS_EXPAND_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/str.h"

/*
 * ${VAR} and ${VAR:-else} in a text, from wjobs' own environment. `else` also
 * stands for a variable that is empty; $${ is a literal ${; a $ before
 * anything else is itself. Nothing nests.
 */

/* Is there anything to expand? If not, the text is its own expansion. */
bool expand_has_any(const char *text);

/*
 * Append the expansion to out. An unset variable without an `else` is an error
 * unless may_miss is set; it then stays as it is written. On failure err has
 * no place, and its message never holds a variable's value.
 */
bool expand_text(const char *text, bool may_miss, struct str *out,
    struct err *err) MUST_CHECK;

/* Each variable that the text names, set or not; the name has n letters. */
typedef void expand_fn(void *data, const char *name, size_t n);
void expand_each(const char *text, expand_fn *each, void *data);

#endif
