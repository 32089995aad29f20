#ifndef WJOBS_JOBFILE_LIST_H
#define WJOBS_JOBFILE_LIST_H

#include "lib/jobfile/loader.h"

/*
 * Values that are lists: exit codes, what to retry on, an argv, expressions.
 * All return false where the value was wrong, which is then reported.
 */

/* The items of a list, or a scalar as its only one; NULL, reported. */
const struct yaml_node *list_items(
    struct loader *l, const struct key *key, const struct yaml_node *node);
size_t list_count(const struct yaml_node *node);
/* The item behind, in a list; none behind a scalar that stands for one. */
const struct yaml_node *
list_next(const struct yaml_node *list, const struct yaml_node *item);

bool list_read_codes(struct loader *l, const struct key *key,
    const struct yaml_node *node, struct job_codes *field);
bool list_read_retry_on(struct loader *l, const struct key *key,
    const struct yaml_node *node, struct job_retry *field);
/* A command: may it be one, and its texts in the jobfile's memory. */
bool list_check_command(
    struct loader *l, const struct key *key, const struct yaml_node *node);
void list_copy_command(struct loader *l, const struct yaml_node *node,
    const char **command, const char ***argv);
bool list_read_cron(struct loader *l, const struct key *key,
    const struct yaml_node *node, struct job *job);
/* The texts of job->cron into its `when`, now that its name is known. */
bool list_read_cron_again(struct loader *l, struct job *job, struct place at);

#endif
