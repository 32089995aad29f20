#ifndef WJOBS_IDENTITY_H
#define WJOBS_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

/* A process that can be told from a later one of the same number. */
struct identity {
	int64_t pid;          /* 0: none */
	uint64_t start_ticks; /* field 22 of /proc/PID/stat; 0 if unknown */
	char boot_id[40];     /* /proc/sys/kernel/random/boot_id */
};

void identity_self(struct identity *id);
/* False where there is no such process. */
bool identity_of(int64_t pid, struct identity *id);
/* Same boot, same number, same start: and no zombie. */
bool identity_is_alive(const struct identity *id);

#endif
