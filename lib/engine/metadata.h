#ifndef WJOBS_METADATA_H
#define WJOBS_METADATA_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What joins a record as lines of "key=value", each key once: from a jobfile,
 * from who asked for the work, and from the run itself.
 */

/* A key as a name may be, and one line of text without controls. */
bool metadata_is_pair(const char *line, size_t n);
/*
 * Put a pair into *all, which is owned, or NULL while empty; in place of that
 * key's, where it had one.
 */
void metadata_put(char **all, const char *pair, size_t n);
/* The same with each line of text, which may be NULL. */
void metadata_put_lines(char **all, const char *text);
/* As a jobfile has them: NULL-terminated, or NULL. NULL where empty; to free. */
char *metadata_join(const char *const *items);

#endif
