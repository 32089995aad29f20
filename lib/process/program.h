#ifndef WJOBS_PROGRAM_H
#define WJOBS_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

/*
 * Which program a command means, and whether it needs a shell at all.
 */

/*
 * The program a name means, looked up in `path` (a PATH; NULL: the system's
 * default) unless it has a slash: such a name is itself the answer, as seen
 * from the child's directory, and only exec tells whether it is there.
 * Relative directories of the PATH are seen from `dir` (NULL: where we are),
 * and the answer is then relative to it.
 * The caller's to free(3); NULL with ERR_SYSTEM (ENOENT: no such program,
 * EACCES: there is one that may not be run).
 */
char *program_resolve(
    const char *name, const char *path, const char *dir, struct err *err);

/*
 * Answers of program_resolve, kept for PROGRAM_CACHE_MS, so that a job that
 * runs each second does not search its PATH each second, and a program that
 * moves is found again soon. Zeroed is empty; one that collides takes the
 * place of the other.
 */
#define PROGRAM_CACHE_MS  10000
#define PROGRAM_CACHE_LEN 64

struct program_cache {
	struct program_entry {
		char *name, *path, *file;
		int64_t at_ms;
	} entry[PROGRAM_CACHE_LEN];
};

void program_cache_release(struct program_cache *cache);
/* As program_resolve, but borrowed until the next call with this cache. */
const char *program_find(struct program_cache *cache, int64_t mono_ms,
    const char *name, const char *path, const char *dir, struct err *err);
/* It is not there any more: look anew the next time. */
void
program_forget(struct program_cache *cache, const char *name, const char *path);

/*
 * May this text go straight to exec, because /bin/sh would do nothing else
 * with it? As GNU make decides: no character that means something to any sh,
 * first word no builtin, reserved word or assignment. Then *argv is its words,
 * in one allocation that is the caller's to free(3).
 */
bool program_is_plain(const char *text, char ***argv) MUST_CHECK;

#endif
