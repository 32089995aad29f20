#ifndef WJOBS_MONITOR_H
#define WJOBS_MONITOR_H

#include "lib/base/str.h"
#include "lib/jobfile/job.h"
#include "lib/store/field.h"
#include "lib/store/history.h"

/*
 * Is a job well? A verdict over facts that were gathered elsewhere: from the
 * jobfile, and from the store alone, so that a scheduler that is down is seen.
 * Pure: no clock, no store.
 *
 * - disabled, paused: said of the job, whatever it did before.
 * - stuck: a run has been going on for over three times the 95th percentile of
 *   the runs kept, and for longer than any ever did.
 * - failing, lost: its last run failed, or its scheduler died. Runs that were
 *   skipped or cancelled say nothing about that. Or, with a rate: more of what
 *   ran in the window failed than that.
 * - overdue: past the deadline of monitor_deadline_ms.
 * - new: nothing was ever due.
 */
enum monitor_state {
	MONITOR_OK,
	MONITOR_NEW,
	MONITOR_DISABLED,
	MONITOR_PAUSED,
	MONITOR_FAILING,
	MONITOR_LOST,
	MONITOR_OVERDUE,
	MONITOR_STUCK,
	MONITOR_STATES
};

/* "ok", "new", ...: as `health` prints it. */
const char *monitor_state_name(enum monitor_state state);
bool monitor_is_healthy(enum monitor_state state);

#define MONITOR_BY_LAST (-1.0) /* of max_rate: the last run decides */

/* Times are CLOCK_NONE where there is none. */
struct monitor_facts {
	int64_t now_ms;
	const struct job *job;           /* NULL: not in the jobfile */
	const struct history_job *state; /* NULL: the store does not know it */
	bool is_paused;
	/*
	 * Of its runs that have not ended: when the last of them began; and of
	 * the attempts that go on, when the first of these did.
	 */
	int64_t live_started_ms, attempt_ms;
	int64_t p95_ms; /* of the runs kept; -1: none */
	/* The first instant known, and the first failure since a success. */
	int64_t first_ms, failing_ms;
	/* What ran in the window, and how much of it failed or was lost. */
	double max_rate; /* from 0 to 1, or MONITOR_BY_LAST */
	int64_t window_ms, ran, bad;
};

struct monitor_verdict {
	enum monitor_state state;
	int64_t since_ms; /* CLOCK_NONE: not known, or nothing to say */
	char *reason;     /* one line; NULL: nothing to say */
};

void monitor_judge(
    const struct monitor_facts *facts, struct monitor_verdict *verdict);
void monitor_verdict_release(struct monitor_verdict *verdict);

/* A verdict as JSON and `health -o` have it; `job` NULL is the pool. */
struct monitor_row {
	const char *job;
	const struct zone *zone;
	bool healthy;
	const char *state;
	const char *reason; /* NULL: nothing to say */
	int64_t since_ms;
};

enum { MONITOR_FIELDS = 5 };
extern const struct field monitor_field[MONITOR_FIELDS];

/* Did the last run that failed, succeeded or was lost not succeed? */
bool monitor_has_failed(const struct history_job *state);

/*
 * The instant after which the job is overdue, CLOCK_NEVER where it never is.
 * With expect_within, when the last success is that old. Else the second
 * instant of its schedule that passes with no start, which in a schedule with
 * even gaps is two of them: one may be late, two are not.
 *
 * A run under way is in the way of others: whatever was settled meanwhile
 * (state's watermark) counts as if it had been begun.
 */
int64_t monitor_deadline_ms(const struct monitor_facts *facts);

/*
 * The other way round: at now_ms the job is overdue, and has been so for its
 * monitor_grace_ms, if its last success, or by its schedule its last start, was
 * before this. CLOCK_NONE: it never is.
 *
 * Whoever tells people of it has that grace, which is 0 with expect_within: at
 * the deadline itself the second start may just be under way.
 */
int64_t monitor_threshold_ms(const struct job *job, int64_t now_ms);
int64_t monitor_grace_ms(const struct job *job, int64_t at_ms);
/* "no success for 2h, expected within 1h", for one that is overdue; to free. */
char *monitor_describe_overdue(
    const struct job *job, int64_t last_ms, int64_t now_ms);

/* The nearest rank: the least value that p percent do not exceed; or -1. */
int64_t monitor_percentile(const struct history_sample *sample, size_t p);
/* When the attempt began that a running record is at. */
int64_t monitor_attempt_ms(const struct record *record);

#endif
