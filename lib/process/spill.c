#include "lib/process/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"

/*
 * In their order: what is in memory, what is in the file, and what did not go
 * into the file. To each is added only while those after it are empty.
 */
void
spill_release(struct spill *spill)
{
	if (spill->has_file)
		close(spill->fd);
	str_release(&spill->memory);
	str_release(&spill->rest);
	*spill = (struct spill){ 0 };
}

static bool
spill_open(struct spill *spill)
{
	const char *dir = getenv("TMPDIR");
	char *path;

	if (spill->has_file)
		return true;
	if (dir == NULL || dir[0] == '\0')
		dir = "/tmp";
	path = mem_printf("%s/wjobs-XXXXXX", dir);
	spill->fd = mkostemp(path, O_CLOEXEC);
	if (spill->fd >= 0)
		unlink(path);
	spill->has_file = spill->fd >= 0;
	free(path);
	return spill->has_file;
}

/* All of it, or none: what went of it is written over by what comes next. */
static bool
spill_write(struct spill *spill, const char *data, size_t n)
{
	size_t done = 0;
	ssize_t w;

	while (done < n) {
		w = pwrite(spill->fd, data + done, n - done,
		    (off_t)(spill->size + (int64_t)done));
		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return false;
		done += (size_t)w;
	}
	spill->size += (int64_t)n;
	return true;
}

static bool
file_is_empty(const struct spill *spill)
{
	return spill->read == spill->size;
}

bool
spill_add(struct spill *spill, const char *data, size_t n)
{
	bool is_small = spill->memory.len - spill->taken + n <= SPILL_MEMORY;

	if (spill->rest.len == 0) {
		if (file_is_empty(spill) && is_small) {
			str_addn(&spill->memory, data, n);
			return true;
		}
		if (spill_open(spill) && spill_write(spill, data, n))
			return true;
	}
	str_addn(&spill->rest, data, n);
	return false;
}

bool
spill_is_empty(const struct spill *spill)
{
	return spill->memory.len == 0 && file_is_empty(spill) &&
	    spill->rest.len == 0;
}

static size_t
take_memory(struct spill *spill, char *buf, size_t n)
{
	size_t held = spill->memory.len - spill->taken;

	if (n > held)
		n = held;
	memcpy(buf, spill->memory.s + spill->taken, n);
	spill->taken += n;
	if (spill->taken == spill->memory.len) {
		str_clear(&spill->memory);
		spill->taken = 0;
	}
	return n;
}

size_t
spill_take(struct spill *spill, char *buf, size_t n)
{
	int64_t left = spill->size - spill->read;
	ssize_t got;

	if (spill->memory.len == 0 && left == 0) {
		str_release(&spill->memory);
		spill->memory = spill->rest;
		spill->rest = (struct str){ 0 };
	}
	if (spill->memory.len > 0)
		return take_memory(spill, buf, n);
	if (left == 0)
		return 0;
	if ((int64_t)n > left)
		n = (size_t)left;
	got = pread(spill->fd, buf, n, (off_t)spill->read);
	if (got <= 0) {
		spill->read = spill->size; /* it cannot be had again */
		return 0;
	}
	spill->read += got;
	if (file_is_empty(spill))
		spill->read = spill->size = 0;
	return (size_t)got;
}
