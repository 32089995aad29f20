#ifndef WJOBS_JOBFILE_READ_H
#define WJOBS_JOBFILE_READ_H

#include "lib/jobfile/loader.h"

struct stat;

/* A file, and those that it includes, from their texts to the jobs in them. */

/* `at` is where it is included, or the file itself. */
void read_path(struct loader *l, const char *path, struct place at);
/*
 * The text of the loader's source: n bytes of memory or, if text is NULL, the
 * file that fd has open.
 */
void read_text(struct loader *l, const char *text, size_t n, int fd);
/* Begin a file: name, directory and rank. st NULL: it is no file. */
void read_note_source(struct loader *l, struct loader_source *source,
    const char *path, const struct stat *st);

#endif
