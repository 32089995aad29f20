#ifndef WJOBS_PAST_H
#define WJOBS_PAST_H

#include "cmd/cmd.h"
#include "cmd/future.h"
#include "cmd/out.h"
#include "lib/store/history.h"
#include "lib/store/record_field.h"

/*
 * What the commands that look back share: names that the jobfile or the store
 * know, and how statuses look.
 */

/* The job's zone, or fallback for one that the jobfile does not have. */
const struct zone *
past_zone(const struct cli *cli, const char *job, const struct zone *fallback);

/*
 * The job of that name, as the jobfile and as the store know it. One of them
 * may not. The caller's to release.
 */
struct past_job {
	const struct job *job;     /* NULL: not in the jobfile */
	struct history_job *state; /* NULL: not in the store */
};

void past_job_release(struct past_job *found);
/* Whether anything knows the name; false with err only on failure. */
bool past_find_job(struct cli *cli, const char *name, struct past_job *found,
    bool *is_known, struct err *err) MUST_CHECK;
/* ERR_NOT_FOUND, with the nearest name, where nothing knows it. */
bool past_need_job(struct cli *cli, const char *name, struct past_job *found,
    struct err *err) MUST_CHECK;

/*
 * JOB|RUN|WORK: a job where the name is one, else the run or the work whose id
 * begins so, with its output. ERR_NOT_FOUND where it is none, ERR_USAGE where
 * two begin so. Release it; the shelf is open where it is no job.
 */
struct past_found {
	bool is_run; /* `future` is filled, else `job` */
	struct past_job job;
	struct shelf shelf;
	struct future future;
};

void past_found_release(struct past_found *found);
bool past_find(struct cli *cli, const char *text, struct past_found *found,
    struct err *err) MUST_CHECK;

enum table_colour past_colour(enum record_status status);
/* One letter for a strip, or a coloured mark; see past_strip. */
void past_strip(struct table *table, const enum record_status *status, int len);
/* What a table says of a run beyond its status, "" where nothing. */
void past_detail(const struct record *record, struct str *text);
/* How long the run took, or has been running; -1 where it never started. */
int64_t past_duration_ms(const struct record *record, int64_t now_ms);

#endif
