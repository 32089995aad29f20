#ifndef WJOBS_HISTORY_H
#define WJOBS_HISTORY_H

#include "lib/store/store.h"

/*
 * Reading history. All return false only where the store failed; nothing found
 * is an empty answer. Results are the caller's to release.
 *
 * Records are ordered by their ids, that is by when they were made: a backfill
 * of last year's instant that was asked for today is today's. since and until
 * look at the instant.
 */
struct history_filter {
	const char *job; /* NULL: all */
	bool has_status;
	enum record_status status;
	/*
	 * By the run's instant: scheduled, else started, else completed; a
	 * record of several skips counts where one of them lies within.
	 */
	int64_t since_ms, until_ms; /* CLOCK_NONE and CLOCK_NEVER: no bound */
	int limit;                  /* 0: all */
};

/*
 * One at a time, newest first, without output; stops early when `each` returns
 * false. The record is borrowed until it returns: record_copy keeps it. `each`
 * must not use the store.
 */
typedef bool history_fn(void *data, const struct record *record);
bool history_list(struct store *store, const struct history_filter *filter,
    history_fn *each, void *data, struct err *err) MUST_CHECK;

/*
 * The run whose id begins with prefix. *found says whether there is one; two
 * that begin so are ERR_USAGE. With its output where with_output is set.
 */
bool history_find(struct store *store, const char *prefix, bool with_output,
    struct record *record, bool *found, struct err *err) MUST_CHECK;
/* The newest run of job that was started (no skip), with its output. */
bool history_last(struct store *store, const char *job, struct record *record,
    bool *found, struct err *err) MUST_CHECK;

/* What is known of one job; outlives the pruning of its runs. */
#define HISTORY_STRIP 10
struct history_job {
	char *name;
	char *kind;
	int64_t watermark_ms;
	/* The run that ended last, whatever its status, save skips. */
	bool has_last;
	struct ulid last_id;
	enum record_status last_status;
	int64_t last_started_ms, last_completed_ms, last_duration_ms;
	/* Ends, CLOCK_NONE where there is none; lost is a failure here. */
	int64_t last_success_ms, last_failure_ms;
	char *last_error; /* of the last failure */
	int64_t successful, failed, skipped, cancelled, lost;
	int64_t min_duration_ms, max_duration_ms; /* -1: none yet */
	double total_duration_ms;                 /* over successful + failed */
	int running, pending;
	/* The last results, newest last, for a strip of marks. */
	enum record_status strip[HISTORY_STRIP];
	int strip_len;
};

/* All jobs the store knows, by name; or one. */
bool history_jobs(struct store *store, const char *job,
    struct history_job **jobs, size_t *n, struct err *err) MUST_CHECK;
void history_jobs_release(struct history_job *jobs, size_t n);

/*
 * Durations (ms) of the runs kept that ended completed or failed since
 * since_ms, sorted up, for percentiles; and counts by status over the same
 * runs (skips by their count).
 */
struct history_sample {
	int64_t *duration_ms;
	size_t n;
	int64_t by_status[RECORD_STATUSES];
	int64_t last_execution_ms, last_success_ms, last_failure_ms;
	char *last_error;
};
bool history_sample(struct store *store, const char *job, int64_t since_ms,
    struct history_sample *sample, struct err *err) MUST_CHECK;
void history_sample_release(struct history_sample *sample);

#endif
