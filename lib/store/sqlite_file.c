#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/store/sqlite.h"

/*
 * The file under SQLite. It is looked at, never opened and closed: a close
 * would drop the locks of any other handle that this process has on it, which
 * is how record locks work. The two that open it say why they may.
 */

char *
sqlite_file_resolve(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char *dir, *real, *whole = NULL;

	dir = slash == NULL ? mem_strdup(".")
			    : mem_strndup(path, (size_t)(slash - path) + 1);
	real = realpath(dir, NULL);
	if (real != NULL)
		whole = mem_printf("%s/%s", strcmp(real, "/") == 0 ? "" : real,
		    slash == NULL ? path : slash + 1);
	else
		err_sys(err, errno, "cannot open the store '%s'", path);
	free(real);
	free(dir);
	return whole;
}

enum sqlite_file
sqlite_file_look(const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) != 0) {
		if (errno == ENOENT)
			return SQLITE_FILE_ABSENT;
		err_sys(err, errno, "cannot open the store '%s'", path);
		err->code = ERR_UNREACHABLE;
		return SQLITE_FILE_BAD;
	}
	if (S_ISLNK(st.st_mode))
		err_set(err, ERR_CONFIG,
		    "the store '%s' is a symbolic link: name the file itself",
		    path);
	else if (!S_ISREG(st.st_mode))
		err_set(
		    err, ERR_CONFIG, "the store '%s' is no regular file", path);
	else
		return st.st_size > 0 || !sqlite_file_has_no_log(path)
		    ? SQLITE_FILE_THERE
		    : SQLITE_FILE_ABSENT;
	return SQLITE_FILE_BAD;
}

bool
sqlite_file_make(const char *path, struct err *err)
{
	/* exclusive: one that another handle has open is not opened here */
	int fd = open(
	    path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd >= 0)
		return close(fd) == 0 ||
		    err_sys(err, errno, "cannot make the store '%s'", path);
	if (errno == EEXIST)
		return true;
	err_sys(err, errno, "cannot make the store '%s'", path);
	err->code = ERR_UNREACHABLE;
	return false;
}

bool
sqlite_file_has_no_log(const char *path)
{
	char *log = mem_printf("%s-wal", path);
	struct stat st;
	bool has_none = lstat(log, &st) != 0 || st.st_size == 0;

	free(log);
	return has_none;
}

/* The bytes that SQLite locks on behalf of whoever has the file open. */
static bool
lock_whole(int fd)
{
	struct flock lock = { .l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = 0x40000000,
		.l_len = 512 };

	return fcntl(fd, F_SETLK, &lock) == 0;
}

/* PATH.corrupt-20260131T235959Z, or with -2, -3, ... where that is taken. */
static char *
aside_name(const char *path)
{
	time_t now = (time_t)(clock_now_ms() / 1000);
	struct tm tm;
	char date[32];
	char *name;
	int i;

	gmtime_r(&now, &tm);
	strftime(date, sizeof date, "%Y%m%dT%H%M%SZ", &tm);
	name = mem_printf("%s.corrupt-%s", path, date);
	for (i = 2; access(name, F_OK) == 0; i++) {
		free(name);
		name = mem_printf("%s.corrupt-%s-%d", path, date, i);
	}
	return name;
}

/* The log first: without its database it is nothing, with a new one harm. */
static bool
rename_all(const char *path, const char *aside)
{
	static const char *const suffix[] = { "-wal", "-shm", "" };
	size_t i;
	bool is_done = true;

	for (i = 0; i < ARRAY_LEN(suffix) && is_done; i++) {
		char *from = mem_printf("%s%s", path, suffix[i]);
		char *to = mem_printf("%s%s", aside, suffix[i]);

		is_done = rename(from, to) == 0 ||
		    (errno == ENOENT && suffix[i][0] != '\0');
		free(from);
		free(to);
	}
	return is_done;
}

bool
sqlite_file_set_aside(const char *path, char **aside, struct err *err)
{
	int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	char *name = NULL;
	bool is_done = false;

	if (fd < 0)
		return err_sys(err, errno, "cannot open '%s'", path);
	if (!lock_whole(fd)) {
		err_set(err, ERR_UNREACHABLE,
		    "the store '%s' is corrupt, and another process has it "
		    "open",
		    path);
		goto out;
	}
	name = aside_name(path);
	is_done = rename_all(path, name);
	if (!is_done)
		err_sys(err, errno,
		    "the store '%s' is corrupt, and cannot be moved aside",
		    path);
out:
	close(fd);
	if (is_done)
		*aside = name;
	else
		free(name);
	return is_done;
}
