#ifndef WJOBS_SPILL_H
#define WJOBS_SPILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/str.h"

/*
 * Bytes set aside, first in, first out: a little in memory, and what is more
 * in a file below $TMPDIR that has no name. Zeroed is empty.
 */
#define SPILL_MEMORY (64 * 1024)

struct spill {
	struct str memory; /* the first bytes, from `taken` on */
	size_t taken;
	struct str rest; /* the last ones, where the file takes no more */
	int fd;          /* valid where has_file */
	bool has_file;
	int64_t size, read; /* of the file */
};

void spill_release(struct spill *spill);
/*
 * False where there is no room in the file, or none can be made: it is in
 * memory, and the caller should give no more until all was taken.
 */
bool spill_add(struct spill *spill, const char *data, size_t n);
bool spill_is_empty(const struct spill *spill);
/* At most n of the first bytes into buf; 0: there are none. */
size_t spill_take(struct spill *spill, char *buf, size_t n);

#endif
