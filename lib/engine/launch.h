#ifndef WJOBS_LAUNCH_H
#define WJOBS_LAUNCH_H

#include "lib/engine/engine.h"
#include "lib/jobfile/job.h"

/*
 * From a job and a record to the command that proc runs: its environment
 * (SPEC section 4), its output, its limits.
 */
struct launch {
	struct proc_command command;
	struct env env;
	char *live_path;
};

/*
 * Fill *launch for the next attempt of record. False where the environment
 * cannot be had (an env_file that is gone). To be released in either case.
 */
bool launch_prepare(struct launch *launch, const struct engine *engine,
    const struct job *job, const struct record *record,
    struct err *err) MUST_CHECK;
/*
 * The same for work: work->record, with its payload on standard input, which
 * must live until the command has ended.
 */
bool launch_prepare_work(struct launch *launch, const struct engine *engine,
    const struct job *handler, const struct work *work,
    struct err *err) MUST_CHECK;
void launch_release(struct launch *launch);

/*
 * The environment of a run, to be released in either case. False where an
 * env_file is gone: then all is there but what stands in it and those after it.
 */
bool launch_environment(struct env *env, const struct engine *engine,
    const struct job *job, const struct record *record,
    struct err *err) MUST_CHECK;

/*
 * Take in what the run wrote there, and remove it: each valid `key=value` line
 * replaces that key's in record->metadata. Bounded to 64 KiB.
 */
void launch_take_metadata(const struct engine *engine, struct record *record);

#endif
