#ifndef WJOBS_SURVEY_H
#define WJOBS_SURVEY_H

#include "cmd/cmd.h"
#include "cmd/shelf.h"
#include "lib/base/map.h"
#include "lib/engine/monitor.h"
#include "lib/store/history.h"

/*
 * What is to be known of jobs before it can be said whether they are well:
 * read from the store and the queue, by few questions for all of them, and
 * some more for those that are not as they should be.
 */

/* A run under way; work of a handler as well. */
struct survey_live {
	char *job, *worker; /* owned; worker may be NULL */
	int64_t started_ms, attempt_ms;
	bool is_running; /* else it waits for its next attempt */
	bool has_slot;   /* one of the pool's: no work, and by no command */
	struct survey_live *next; /* the job's */
};

/* What a handler's work does. */
struct survey_queue {
	int64_t ready, delayed, buried;
	int64_t waiting_ms; /* since when the oldest is ready; CLOCK_NONE */
};

struct survey {
	struct cli *cli;
	int64_t now_ms;
	double max_rate; /* as in monitor_facts */
	int64_t window_ms;
	struct shelf shelf; /* opened by the first handler */
	bool has_shelf;
	struct survey_live *live;
	size_t n;
	struct map first; /* of a job: the first of its live ones */
};

/* All that is under way, of one job or (NULL) of all. */
bool survey_begin(
    struct survey *survey, const char *job, struct err *err) MUST_CHECK;
void survey_end(struct survey *survey);

/*
 * One job. job and state are borrowed by *facts. Of a handler *queue is filled,
 * else it is all zeros, with CLOCK_NONE.
 */
bool survey_job(struct survey *survey, const char *name, const struct job *job,
    const struct history_job *state, struct monitor_facts *facts,
    struct survey_queue *queue, struct err *err) MUST_CHECK;

/*
 * Has a scheduler as many runs under way as its pool has slots? And since when:
 * since the youngest of them began. A pool is each
 * scheduler's own; of several the one that is full for the longest is told.
 */
bool
survey_pool_is_full(const struct survey *survey, int size, int64_t *since_ms);

#endif
