#ifndef WJOBS_TASK_H
#define WJOBS_TASK_H

#include "lib/engine/engine.h"
#include "lib/jobfile/job.h"
#include "lib/store/work.h"

/*
 * One attempt of one piece of work, from when it was taken to what is to be
 * said of it: the worker's own. The attempts before it, of whatever instance,
 * stand in work.record.
 */
enum task_end {
	TASK_END,     /* for good: work.record says how */
	TASK_AGAIN,   /* it failed, and is tried again in delay_ms */
	TASK_RELEASE, /* we ended it, and it is no attempt */
};

struct task {
	struct engine *engine;
	const struct job *handler; /* the jobfile's */
	struct job job;            /* with what the work has of its own */
	struct work work;
	struct proc proc;
	struct clock_timer timer; /* of a launch that failed */
	struct err launch_err;
	enum proc_stop stop; /* why it was told to end, if it was */
	int64_t began_ms;
	enum task_end end; /* set before `ended` is called */
	int64_t delay_ms;
	/* Once, from the loop; the owner may free the task. */
	void (*ended)(struct task *task);
	void *owner;
	struct task *next; /* the owner's list */
};

/* Takes what *work owns, and leaves that empty. */
struct task *
task_new(struct engine *engine, const struct job *handler, struct work *work);
void task_free(struct task *task); /* not while it runs; takes NULL */
void task_start(struct task *task);
/* As proc_stop. The first reason stays. */
void task_stop(struct task *task, enum proc_stop why, bool now);

#endif
