#ifndef WJOBS_FUTURE_H
#define WJOBS_FUTURE_H

#include "cmd/shelf.h"
#include "lib/store/history.h"

/*
 * What an id stands for, whether it has ended yet or not: work, which is in
 * the queue until it ends and in history from then on, or a run of a job.
 */
struct future {
	bool is_work;    /* the queue has it: `work` */
	bool has_record; /* history has it: `record` */
	struct work work;
	struct record record;
};

/*
 * The one whose id begins with prefix, with its output. *found says whether
 * there is one; two that begin so are ERR_USAGE. The caller's to release.
 */
bool future_find(struct shelf *shelf, const char *prefix, struct future *future,
    bool *found, struct err *err) MUST_CHECK;
void future_release(struct future *future);

/* By which its user knows it: that of the work, else of the run. */
const struct ulid *future_id(const struct future *future);
bool future_has_ended(const struct future *future);
/* History's, where it has ended and history has it; else the queue's. */
const struct record *future_record(const struct future *future);
/* What it is just now: "ready", "running". */
const char *future_state(const struct future *future);
/*
 * The exit status of what has ended: that of its last attempt, as a filter
 * would pass it on. err says why where the command cannot have said it.
 */
int future_status(const struct future *future, struct err *err);

#endif
