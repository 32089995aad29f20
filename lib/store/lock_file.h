#ifndef WJOBS_LOCK_FILE_H
#define WJOBS_LOCK_FILE_H

#include "lib/store/lock.h"

/*
 * The locks of an SQLite store: a file of their own beside it, STORE-locks
 * (lock_table.h), so that to take one costs a page of a file, and not the
 * opening of a database. Times are of this boot, whatever becomes of the wall
 * clock; another boot frees all.
 *
 * store NULL: in memory, for this process alone. The file is made when a lock
 * is first taken, and the handle may be kept for long. One thread at a time.
 */
struct lock *lock_file_open(const char *store);

/*
 * The same for what is held under a token, whatever its name. True also where
 * nothing is.
 */
bool lock_file_drop(
    struct lock *lock, const char *token, struct err *err) MUST_CHECK;
bool lock_file_guard(struct lock *lock, const char *token,
    const struct identity *command, struct err *err) MUST_CHECK;
/* Another process answers for it: it takes the place of the holder. */
bool lock_file_adopt(struct lock *lock, const char *token,
    const struct identity *process, struct err *err) MUST_CHECK;

#endif
