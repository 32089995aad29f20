#ifndef WJOBS_LOCK_TABLE_H
#define WJOBS_LOCK_TABLE_H

#include <stddef.h>

#include "lib/store/lock.h"

/*
 * The file of lock_file.c: a header, then slots, all of one size that divides a
 * page, so that none is ever half written by a process that is killed. It is
 * read and changed under a flock(2) that is held for microseconds; who holds
 * the locks that it tells of is a matter of its slots. Nothing needs room on
 * the disk but a new slot: a lock can be released on a full one.
 */
#define LOCK_TABLE_MAX 65536

enum lock_slot_state {
	LOCK_SLOT_FREE,
	LOCK_SLOT_PROCESS, /* held while a process lives */
	LOCK_SLOT_TIME,    /* held until an instant of this boot */
};

struct lock_header {
	char magic[16], boot[48];
	uint64_t fence;
	char unused[440];
};

struct lock_slot {
	uint32_t state, unused;
	uint64_t fence;
	int64_t until_ms, ttl_ms; /* of clock_boot_ms */
	struct {
		int64_t pid; /* 0: none */
		uint64_t start_ticks;
	} process[2]; /* the holder, and the command that it guards */
	char token[LOCK_TOKEN_MAX + 1], holder[LOCK_TEXT_MAX + 1];
	char key[LOCK_KEY_MAX + 1];
	char unused_too[31];
};

struct lock_table {
	char *path; /* NULL: in memory */
	int fd;     /* -1: not open */
	struct lock_header header;
	struct lock_slot *slot;
	size_t n;
	char boot[48];
};

/* That of a store: a file beside it; NULL: in memory. */
void lock_table_init(struct lock_table *table, const char *store);
void lock_table_release(struct lock_table *table);
/* There is no file, so that nothing is held; begin would make it. */
bool lock_table_is_absent(const struct lock_table *table);
/*
 * For a change: what there is, of this boot alone, while nobody else may look
 * at it, until lock_table_end.
 */
bool lock_table_begin(struct lock_table *table, struct err *err) MUST_CHECK;
/* The same for a look, of a file that is there. It may be of another boot. */
bool lock_table_look(struct lock_table *table, struct err *err) MUST_CHECK;
void lock_table_end(struct lock_table *table);
bool lock_table_write(struct lock_table *table, const struct lock_slot *slot,
    struct err *err) MUST_CHECK;
bool
lock_table_write_header(struct lock_table *table, struct err *err) MUST_CHECK;

#endif
