#ifndef WJOBS_GUARD_H
#define WJOBS_GUARD_H

#include "cmd/acquire.h"

/*
 * A command under a lock that has to be extended while it runs: started, with
 * our own descriptors, waited for, and stopped where the lock is lost, so that
 * it is gone before another can have it.
 */
struct guard {
	struct cli *cli;
	struct acquire *acquire; /* taken; released after */
	const char *path;        /* of the program */
	char **argv;
	bool goes_on; /* --on-loss continue */
};

/* The exit status. err is filled where there is something to say. */
int guard_run(const struct guard *guard, struct err *err);

#endif
