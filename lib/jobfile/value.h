#ifndef WJOBS_JOBFILE_VALUE_H
#define WJOBS_JOBFILE_VALUE_H

#include "lib/jobfile/loader.h"

/*
 * Read a value by its key's type into the key's field in base, a struct job or
 * struct jobfile. False where it was wrong, which is then reported.
 */
bool value_read(struct loader *l, const struct key *key,
    const struct yaml_node *node, void *base);

/* What the readers of the types share: */

/* What stands in a map of texts, or in a list of them. */
extern const struct key value_item;
/* Where the text of a scalar begins: behind a quote. */
struct place value_place(const struct loader *l, const struct yaml_node *node);
/* The text of a scalar that is not absent; else NULL, reported. */
const char *value_scalar(
    struct loader *l, const struct key *key, const struct yaml_node *node);
/* What a key wants, for "is a map, not ...". */
const char *value_wanted(enum key_type type);
/* Decimal digits without a leading zero. */
bool value_is_int(const char *text, bool may_sign);
bool value_read_int(struct loader *l, int64_t min, int64_t max,
    const struct yaml_node *node, const char *text, int *field);

#endif
