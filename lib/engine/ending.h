#ifndef WJOBS_ENDING_H
#define WJOBS_ENDING_H

#include "lib/engine/task.h"

/*
 * How attempts ended, on the way to the queue. One that the queue no longer
 * takes from us is logged, and that is all: another attempt has the work by
 * now. Where the queue keeps no history the record goes there once the queue
 * has agreed.
 */
struct endings {
	struct engine *engine;
	struct ending *first; /* not answered yet */
};

/* Log it, post it, tell who is to be told. What the task's work owns goes. */
void endings_post(struct endings *endings, struct task *task);
/* Return at once work that came and that nobody here begins. */
void endings_give_back(struct endings *endings, const struct work *work);
/* What is not answered yet is recorded all the same. */
void endings_release(struct endings *endings);

#endif
