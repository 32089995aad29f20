#ifndef WJOBS_JOBFILE_HOOKS_H
#define WJOBS_JOBFILE_HOOKS_H

#include "lib/jobfile/loader.h"

/*
 * Hooks are looked at while the tree of their entry is there, and taken when
 * all of it was seen. Entries that say the same share what is made of it: ten
 * thousand jobs with one hook cost ten thousand pointers.
 *
 * An entry's own hook goes before that of its defaults, which goes before that
 * of the file's `hooks`.
 */

/* A hook, or on_failure_repeat. False where it was wrong, which is reported. */
bool hooks_read(
    struct loader *l, const struct key *key, const struct yaml_node *node);
/* What was read since the last time becomes the job's, or defaults', own. */
void hooks_take(struct loader *l, struct job *job);
/* The same for all entries of the file. */
void hooks_take_file(struct loader *l);
/*
 * The file is read: what the job has, with defaults' of the loader's set and
 * the file's in it. NULL where no hook is left.
 */
void hooks_settle(struct loader *l, struct job *job);

#endif
