#ifndef WJOBS_HOOK_H
#define WJOBS_HOOK_H

#include "lib/engine/engine.h"
#include "lib/jobfile/job.h"

/*
 * One command that is told of a run: what of, and how that went. Its process is
 * no part of the run, though it is told the run's id.
 */
#define HOOK_OUTPUT_MAX 4096 /* bytes of what it prints are looked at */
#define HOOK_ERROR_MAX  4096 /* of WJOBS_ERROR; the JSON has it all */
#define HOOK_KILL_MS    5000 /* from TERM to KILL */

struct hook {
	struct engine *engine;
	const struct job *job;
	enum job_hook which;
	struct record record; /* a copy without its output */
	int64_t failures;
	int64_t retry_in_ms; /* of JOB_ON_RETRY; else -1 */
	char *json; /* what it reads; made at its start where that is NULL */
	struct proc proc;
	/* Called from the loop, once for each hook_start. */
	void (*ended)(struct hook *hook);
	void *owner;
	struct hook *next; /* the owner's list */
};

/* "on_failure". */
const char *hook_name(enum job_hook which);
bool hook_is_set(const struct job *job, enum job_hook which);

/* Copies the record. */
struct hook *hook_new(struct engine *engine, const struct job *job,
    enum job_hook which, const struct record *record);
void hook_free(struct hook *hook); /* not while it runs; takes NULL */
/* What becomes of it is logged where it fails. */
void hook_start(struct hook *hook, int64_t timeout_ms);
void hook_kill(struct hook *hook);

#endif
