#ifndef WJOBS_ORPHAN_H
#define WJOBS_ORPHAN_H

#include "lib/engine/entry.h"

/*
 * A run whose process outlived its scheduler. It goes on blocking its job, is
 * looked at each second, and once it is gone its record says that it is lost.
 */
struct orphan {
	struct entry *entry;
	struct record record;
	struct clock_timer timer;
	struct orphan *next;
};

void orphan_adopt(struct entry *entry, const struct record *record);
/* Forget all of the entry's. */
void orphan_release(struct entry *entry);

#endif
