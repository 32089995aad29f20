#include "lib/store/lock_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/process/linux.h"

#define TABLE_MAGIC   "wjobs locks 1\n"
#define TABLE_SLOTS   15 /* made at first */
#define TABLE_WAIT_MS 2000
/*
 * What was written just before a power failure may be lost, the last fences
 * with it. So the first grant of each boot leaps over more of them than could
 * be given in the time that the system keeps what it has not written.
 */
#define FENCE_LEAP 1000000

_Static_assert(sizeof(struct lock_header) == 512, "it divides a page");
_Static_assert(sizeof(struct lock_slot) == 512, "it divides a page");

static bool
table_fail(const struct lock_table *table, int sys, struct err *err)
{
	err_sys(err, sys, "cannot use the locks in '%s'", table->path);
	err->code = ERR_UNREACHABLE;
	return false;
}

static bool
table_open(struct lock_table *table, int flags, struct err *err)
{
	struct stat st;

	table->fd = open(
	    table->path, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	if (table->fd < 0)
		return table_fail(table, errno, err);
	if (fstat(table->fd, &st) == 0 && S_ISREG(st.st_mode))
		return true;
	close(table->fd);
	table->fd = -1;
	return err_set(err, ERR_CONFIG, "'%s' is no regular file", table->path);
}

/* Who holds it is in the middle of a few system calls, unless it is stopped. */
static bool
table_flock(struct lock_table *table, struct err *err)
{
	int64_t end_ms = clock_boot_ms() + TABLE_WAIT_MS;
	struct timespec pause = { .tv_nsec = 200000 };

	while (flock(table->fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return table_fail(table, errno, err);
		if (clock_boot_ms() >= end_ms)
			return err_set(err, ERR_UNREACHABLE,
			    "another process keeps '%s' locked", table->path);
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 20000000)
			pause.tv_nsec *= 2;
	}
	return true;
}

/* One that was removed meanwhile is made anew by whoever comes next. */
static bool
table_is_gone(const struct lock_table *table)
{
	struct stat st;

	return fstat(table->fd, &st) != 0 || st.st_nlink == 0;
}

static bool
table_read(struct lock_table *table, struct err *err)
{
	ssize_t n = pread(table->fd, &table->header, sizeof table->header, 0);
	struct stat st;

	if (n < 0 || fstat(table->fd, &st) != 0)
		return table_fail(table, errno, err);
	if (n < (ssize_t)sizeof table->header ||
	    table->header.magic[0] == '\0') {
		table->header = (struct lock_header){ .magic = TABLE_MAGIC };
		table->n = 0;
		return true;
	}
	if (strncmp(table->header.magic, TABLE_MAGIC, sizeof TABLE_MAGIC) != 0)
		return err_set(err, ERR_CONFIG,
		    "'%s' is no file of locks, or a newer wjobs has made it",
		    table->path);
	table->n = (size_t)(st.st_size / (off_t)sizeof *table->slot) - 1;
	if (table->n > LOCK_TABLE_MAX)
		table->n = LOCK_TABLE_MAX;
	table->slot = mem_realloc(
	    table->slot, table->n + 1, sizeof *table->slot);
	n = pread(table->fd, table->slot, table->n * sizeof *table->slot,
	    sizeof table->header);
	if (n < 0)
		return table_fail(table, errno, err);
	table->n = (size_t)n / sizeof *table->slot;
	return true;
}

static bool
table_write(
    struct lock_table *table, const void *data, size_t at, struct err *err)
{
	ssize_t n;

	if (table->path == NULL)
		return true;
	n = pwrite(table->fd, data, sizeof *table->slot,
	    (off_t)(at * sizeof *table->slot));
	if (n == (ssize_t)sizeof *table->slot)
		return true;
	return table_fail(table, n < 0 ? errno : ENOSPC, err);
}

bool
lock_table_write_header(struct lock_table *table, struct err *err)
{
	return table_write(table, &table->header, 0, err);
}

bool
lock_table_write(
    struct lock_table *table, const struct lock_slot *slot, struct err *err)
{
	return table_write(table, slot, (size_t)(slot - table->slot) + 1, err);
}

/*
 * Nothing that another boot has left means anything any more, but the count of
 * fences. The header goes last: until it is written this is done again.
 */
static bool
table_begin_boot(struct lock_table *table, struct err *err)
{
	size_t i;

	for (i = 0; i < table->n; i++) {
		if (table->slot[i].state == LOCK_SLOT_FREE)
			continue;
		table->slot[i].state = LOCK_SLOT_FREE;
		if (!lock_table_write(table, &table->slot[i], err))
			return false;
	}
	if (table->header.fence > 0)
		table->header.fence += FENCE_LEAP;
	memcpy(table->header.boot, table->boot, sizeof table->boot);
	return lock_table_write_header(table, err);
}

/* Room for the first slots; once, and so that the count of fences stays. */
static bool
table_make(struct lock_table *table, struct err *err)
{
	size_t i;

	table->slot = mem_realloc(
	    table->slot, TABLE_SLOTS, sizeof *table->slot);
	memset(table->slot, 0, TABLE_SLOTS * sizeof *table->slot);
	table->n = TABLE_SLOTS;
	for (i = 0; i < table->n; i++)
		if (!lock_table_write(table, &table->slot[i], err))
			return false;
	if (!lock_table_write_header(table, err))
		return false;
	return table->path == NULL || fdatasync(table->fd) == 0 ||
	    table_fail(table, errno, err);
}

void
lock_table_end(struct lock_table *table)
{
	if (table->fd >= 0)
		flock(table->fd, LOCK_UN);
}

static bool
table_lock_and_read(struct lock_table *table, struct err *err)
{
	for (;;) {
		if (table->fd < 0 && !table_open(table, O_RDWR | O_CREAT, err))
			return false;
		if (!table_flock(table, err))
			return false;
		if (!table_is_gone(table))
			return table_read(table, err);
		close(table->fd);
		table->fd = -1;
	}
}

bool
lock_table_begin(struct lock_table *table, struct err *err)
{
	bool ok = table->path == NULL || table_lock_and_read(table, err);

	if (ok && table->n == 0)
		ok = table_make(table, err);
	if (ok && strcmp(table->header.boot, table->boot) != 0)
		ok = table_begin_boot(table, err);
	if (!ok)
		lock_table_end(table);
	return ok;
}

bool
lock_table_is_absent(const struct lock_table *table)
{
	struct stat st;

	return table->path != NULL && table->fd < 0 &&
	    lstat(table->path, &st) != 0 && errno == ENOENT;
}

bool
lock_table_look(struct lock_table *table, struct err *err)
{
	if (table->path == NULL)
		return true;
	if (table->fd < 0 && !table_open(table, O_RDWR, err) &&
	    !table_open(table, O_RDONLY, err))
		return false;
	if (!table_flock(table, err))
		return false;
	if (table_read(table, err))
		return true;
	lock_table_end(table);
	return false;
}

void
lock_table_init(struct lock_table *table, const char *store)
{
	*table = (struct lock_table){ .fd = -1 };
	if (store != NULL)
		table->path = mem_printf("%s-locks", store);
	linux_boot_id(table->boot, sizeof table->boot);
	memcpy(table->header.magic, TABLE_MAGIC, sizeof TABLE_MAGIC);
}

void
lock_table_release(struct lock_table *table)
{
	if (table->fd >= 0)
		close(table->fd);
	free(table->slot);
	free(table->path);
}
