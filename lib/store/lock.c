#include "lib/store/lock.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/redis_url.h"
#include "lib/base/ulid.h"
#include "lib/store/lock_file.h"
#include "lib/store/redis_lock.h"

_Static_assert(ULID_LEN <= LOCK_TOKEN_MAX, "a run's id is its lock's token");

bool
lock_open(const char *where, struct lock **lock, struct err *err)
{
	if (strcmp(where, "memory") == 0)
		return err_set(err, ERR_UNREACHABLE,
		    "the store is 'memory': only the scheduler that runs has "
		    "its locks");
	if (redis_url_is(where))
		return redis_lock_open(where, lock, err);
	*lock = lock_file_open(where);
	return true;
}

void
lock_close(struct lock *lock)
{
	if (lock != NULL)
		lock->ops->close(lock);
}

bool
lock_needs_renewal(const struct lock *lock)
{
	return lock->ops->needs_renewal;
}

bool
lock_check_key(const char *key, struct err *err)
{
	const char *p;

	if (key[0] == '\0')
		return err_set(err, ERR_USAGE, "a lock has a name");
	for (p = key; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(err, ERR_USAGE,
			    "the name of a lock has no control characters");
	if (p - key > LOCK_KEY_MAX)
		return err_set(err, ERR_USAGE,
		    "the name of a lock is at most %d bytes", LOCK_KEY_MAX);
	return true;
}

void
lock_make_token(char *text)
{
	struct ulid id = ulid_make(clock_now_ms());

	ulid_format(&id, text);
}

enum lock_taken
lock_take(struct lock *lock, const struct lock_ask *ask,
    struct lock_state *state, struct err *err)
{
	return lock->ops->take(lock, ask, state, err);
}

bool
lock_extend(struct lock *lock, const char *key, const char *token,
    int64_t ttl_ms, bool *is_ours, struct err *err)
{
	return lock->ops->extend(lock, key, token, ttl_ms, is_ours, err);
}

bool
lock_release(struct lock *lock, const char *key, const char *token,
    bool *is_ours, struct err *err)
{
	return lock->ops->release(lock, key, token, is_ours, err);
}

bool
lock_guard(struct lock *lock, const char *key, const char *token,
    const struct identity *command, struct err *err)
{
	return lock->ops->guard(lock, key, token, command, err);
}

bool
lock_read(struct lock *lock, const char *key, struct lock_state *state,
    struct err *err)
{
	return lock->ops->read(lock, key, state, err);
}
