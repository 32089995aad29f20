#ifndef WJOBS_PIDS_H
#define WJOBS_PIDS_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Process number to pointer. Zeroed is empty; values are borrowed and never
 * NULL. Linear probing, at most half full, no graves.
 */
struct pids {
	struct pids_entry {
		pid_t pid; /* 0: empty */
		void *value;
	} * entry;
	size_t len, room;
};

void pids_release(struct pids *pids);
void *pids_find(const struct pids *pids, pid_t pid);      /* NULL if none */
void pids_put(struct pids *pids, pid_t pid, void *value); /* a new one */
void *pids_remove(struct pids *pids, pid_t pid);          /* what stood there */

#endif
