#include "lib/store/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/redis_url.h"

/*
 * The files stay when the locks go: to remove one that another process has just
 * opened would let two hold "the" lock.
 */

/* Who holds it, as the file says; 0 where it does not say. */
static long
read_pid(int fd)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof text - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	return strtol(text, NULL, 10);
}

/* On a full disk the lock is as good without it. */
static void
write_sign(int fd, const struct owner *owner)
{
	char *text = owner->worker != NULL
	    ? mem_printf("%ld\n%s\n%lld\n", (long)getpid(), owner->worker,
		  (long long)owner->since_ms)
	    : mem_printf("%ld\n", (long)getpid());
	size_t n = strlen(text);

	if (ftruncate(fd, 0) == 0 && pwrite(fd, text, n, 0) != (ssize_t)n)
		(void)!ftruncate(fd, 0);
	free(text);
}

/* Returns -1 with err; `what` is said to be in use where it is held. */
static int
lock_file(const char *path, const char *what, const struct owner *owner,
    struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat st;
	long pid;

	if (fd < 0) {
		err_sys(err, errno, "cannot open '%s'", path);
		return -1;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		err_set(err, ERR_CONFIG, "'%s' is no regular file", path);
	} else if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		write_sign(fd, owner);
		return fd;
	} else if (errno != EWOULDBLOCK) {
		err_sys(err, errno, "cannot lock '%s'", path);
	} else if ((pid = read_pid(fd)) > 0) {
		err_set(err, ERR_BUSY,
		    "a scheduler already runs for %s: pid %ld", what, pid);
	} else {
		err_set(err, ERR_BUSY, "a scheduler already runs for %s", what);
	}
	close(fd);
	return -1;
}

bool
owner_take(
    const struct store_place *place, struct owner *owner, struct err *err)
{
	char *path = mem_printf("%s/lock", place->runtime_dir);
	int fd = lock_file(path, "this jobfile", owner, err);

	free(path);
	if (fd < 0)
		return false;
	owner->jobfile_fd = fd;
	return true;
}

bool
owner_take_store(
    const struct store_place *place, struct owner *owner, struct err *err)
{
	char *path, *what;

	if (strcmp(place->store, "memory") == 0 || redis_url_is(place->store) ||
	    owner->store_fd >= 0)
		return true;
	path = mem_printf("%s-lock", place->store);
	what = mem_printf("the store '%s'", place->store);
	owner->store_fd = lock_file(path, what, owner, err);
	free(what);
	free(path);
	return owner->store_fd >= 0;
}

/* Asked only where the process lives: else nobody holds it, and a look would. */
static bool
is_held(int fd)
{
	if (flock(fd, LOCK_SH | LOCK_NB) != 0)
		return errno == EWOULDBLOCK;
	flock(fd, LOCK_UN);
	return false;
}

static void
read_sign(char *text, struct owner_sign *sign)
{
	char *worker = strchr(text, '\n'), *since;

	sign->since_ms = CLOCK_NONE;
	sign->worker = NULL;
	if (worker == NULL || (since = strchr(++worker, '\n')) == NULL)
		return;
	*since++ = '\0';
	sign->worker = mem_strdup(worker);
	sign->since_ms = strtoll(since, NULL, 10);
}

bool
owner_find(const struct store_place *place, struct owner_sign *sign)
{
	char *path = mem_printf("%s-lock", place->store), text[512];
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd >= 0 ? pread(fd, text, sizeof text - 1, 0) : -1;
	bool is_found;

	text[n > 0 ? n : 0] = '\0';
	is_found = identity_of(strtol(text, NULL, 10), &sign->process) &&
	    is_held(fd);
	if (is_found)
		read_sign(text, sign);
	if (fd >= 0)
		close(fd);
	free(path);
	return is_found;
}

void
owner_give(struct owner *owner)
{
	if (owner->jobfile_fd >= 0)
		close(owner->jobfile_fd);
	if (owner->store_fd >= 0)
		close(owner->store_fd);
	owner->jobfile_fd = owner->store_fd = -1;
}
