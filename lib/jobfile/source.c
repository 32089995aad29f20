/*
 * The file a jobfile is read from. What is no regular file, or larger than any
 * jobfile, is refused before a byte is read: a FIFO would wait for a writer,
 * /dev/zero never ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/jobfile/input.h"
#include "lib/jobfile/loader.h"

static const char *
source_kind(mode_t mode)
{
	if (S_ISDIR(mode))
		return "a directory";
	if (S_ISFIFO(mode))
		return "a FIFO";
	if (S_ISSOCK(mode))
		return "a socket";
	return "a device";
}

bool
source_open(const char *path, int *fd, struct stat *st, struct err *err)
{
	int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (opened < 0)
		return err_sys(err, errno, "cannot be opened");
	if (fstat(opened, st) != 0)
		err_sys(err, errno, "cannot be examined");
	else if (!S_ISREG(st->st_mode))
		err_set(err, ERR_CONFIG, "is %s, not a regular file",
		    source_kind(st->st_mode));
	else if (st->st_size > (off_t)INPUT_MAX)
		err_set(err, ERR_CONFIG,
		    "is over 64 MiB: no jobfile is that large");
	else {
		*fd = opened;
		return true;
	}
	close(opened);
	return false;
}

/* A sticky directory of root's lets nobody replace what is not theirs. */
static bool
source_check_mode(const char *path, const struct stat *st, struct err *err)
{
	if (st->st_uid != 0)
		return err_set(err, ERR_CONFIG,
		    "'%s' belongs to user %lu: what root runs must be root's "
		    "(chown root '%s', or --trust-file)",
		    path, (unsigned long)st->st_uid, path);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0 &&
	    !(S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0))
		return err_set(err, ERR_CONFIG,
		    "'%s' is writable by others than root (mode %04o): chmod "
		    "go-w '%s', or --trust-file",
		    path, (unsigned)(st->st_mode & 07777), path);
	return true;
}

/* The directories above a real path, which is cut to pieces. */
static bool
source_check_dirs(char *path, struct err *err)
{
	struct stat st;
	char *slash;

	while ((slash = strrchr(path, '/')) != NULL) {
		slash[slash == path] = '\0';
		if (lstat(path, &st) != 0)
			return err_sys(err, errno, "cannot examine '%s'", path);
		if (!source_check_mode(path, &st, err))
			return false;
		if (slash == path)
			break;
	}
	return true;
}

/* A link, and where it lies: who may change it may choose the file. */
static bool
source_check_link(const char *path, struct err *err)
{
	char *copy = mem_strdup(path), *slash = strrchr(copy, '/');
	char *real, *below = NULL;
	struct stat st;
	bool ok = true;

	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode)) {
		if (st.st_uid != 0)
			ok = source_check_mode(path, &st, err);
		if (slash != NULL)
			slash[slash == copy] = '\0';
		real = realpath(slash != NULL ? copy : ".", NULL);
		if (ok && real != NULL) {
			below = mem_printf("%s/x", real);
			ok = source_check_dirs(below, err);
		}
		free(real);
		free(below);
	}
	free(copy);
	return ok;
}

bool
source_is_safe(const char *path, const struct stat *st, struct err *err)
{
	char *real = realpath(path, NULL);
	bool ok;

	if (real == NULL)
		return err_sys(err, errno, "cannot resolve '%s'", path);
	ok = source_check_mode(real, st, err) && source_check_dirs(real, err) &&
	    source_check_link(path, err);
	free(real);
	return ok;
}
