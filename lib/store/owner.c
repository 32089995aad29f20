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

/*
 * The files stay when the locks go: to remove one that
 * another process has just opened would let two hold "the" lock.
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

/* For people only: on a full disk the lock is as good without it. */
static void
write_pid(int fd)
{
	char text[32];
	int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());

	if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) != n)
		(void)!ftruncate(fd, 0);
}

/* Returns -1 with err; `what` is said to be in use where it is held. */
static int
lock_file(const char *path, const char *what, struct err *err)
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
		write_pid(fd);
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
	int fd = lock_file(path, "this jobfile", err);

	free(path);
	if (fd < 0)
		return false;
	*owner = (struct owner){ fd, -1 };
	return true;
}

bool
owner_take_store(
    const struct store_place *place, struct owner *owner, struct err *err)
{
	char *path, *what;

	if (strcmp(place->store, "memory") == 0 || owner->store_fd >= 0)
		return true;
	path = mem_printf("%s-lock", place->store);
	what = mem_printf("the store '%s'", place->store);
	owner->store_fd = lock_file(path, what, err);
	free(what);
	free(path);
	return owner->store_fd >= 0;
}

void
owner_give(struct owner *owner)
{
	if (owner->jobfile_fd >= 0)
		close(owner->jobfile_fd);
	if (owner->store_fd >= 0)
		close(owner->store_fd);
	*owner = (struct owner){ -1, -1 };
}
