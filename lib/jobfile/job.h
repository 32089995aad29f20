#ifndef WJOBS_JOB_H
#define WJOBS_JOB_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/str.h"
#include "lib/jobfile/keyset.h"
#include "lib/time/when.h"

/*
 * A job, or a handler, as the jobfile describes it, with every default applied. It never
 * changes after loading; what happens to it lives in the engine and the store.
 * Texts are owned by the jobfile's memory and live as long as it does. Spans
 * are milliseconds.
 */
enum job_kind { JOB_CRON, JOB_INTERVAL, JOB_HANDLER };
enum job_overlap { JOB_FORBID, JOB_QUEUE, JOB_REPLACE, JOB_ALLOW };
enum job_catch_up { JOB_CATCH_UP_NONE, JOB_CATCH_UP_ONCE, JOB_CATCH_UP_ALL };
enum job_output {
	JOB_OUTPUT_LOG,
	JOB_OUTPUT_PASSTHROUGH,
	JOB_OUTPUT_FILE,
	JOB_OUTPUT_DISCARD
};
enum job_fail_on_output { JOB_FAIL_NONE, JOB_FAIL_STDERR, JOB_FAIL_ANY };
enum job_orphans { JOB_ORPHANS_LEAVE, JOB_ORPHANS_KILL };
/* The store cannot answer; its instance lost its lease, or died. */
enum job_on_lock_error { JOB_LOCK_RUN, JOB_LOCK_SKIP, JOB_LOCK_WAIT };
enum job_on_lease_loss { JOB_LEASE_KILL, JOB_LEASE_CONTINUE };
enum job_on_lost { JOB_LOST_FAIL, JOB_LOST_RERUN };

#define JOB_NO_LIMIT     INT64_C(-1) /* of a span: `none` */
#define JOB_CATCH_UP_MAX 100
#define JOB_LOCK_MAX     256 /* bytes of a lock's name */
#define JOB_PAYLOAD_MAX  (1 << 20)

/* What `retry.on` names, as bits beside the list of exit codes. */
enum job_retry_on {
	JOB_RETRY_ANY = 1, /* the default: any failure */
	JOB_RETRY_EXIT = 2,
	JOB_RETRY_SIGNAL = 4,
	JOB_RETRY_TIMEOUT = 8,
	JOB_RETRY_SPAWN = 16,
	JOB_RETRY_OUTPUT = 32,
};

struct job_codes {
	uint64_t bit[4]; /* exit codes 0 to 255 */
};

struct job_retry {
	int max;
	unsigned on; /* enum job_retry_on */
	int64_t delay_ms, max_delay_ms;
	double backoff, jitter;
	struct job_codes codes; /* more codes to retry on */
};

/*
 * Commands that are told of a run: an entry's own, else those of the file's
 * `hooks`. Entries that have the same share one of these.
 */
enum job_hook {
	JOB_ON_START,
	JOB_ON_SUCCESS,
	JOB_ON_FAILURE,
	JOB_ON_RETRY,
	JOB_ON_SKIP,
	JOB_ON_LATE,
	JOB_ON_RECOVERY,
	JOB_HOOKS
};
#define JOB_REPEAT_ONCE  INT64_C(-1) /* of on_failure_repeat: an incident */
#define JOB_REPEAT_EVERY INT64_C(0)

struct job_hooks {
	struct {
		const char *command; /* as a job has them; both NULL: none */
		const char **argv;
	} on[JOB_HOOKS];
	int64_t failure_repeat_ms; /* or JOB_REPEAT_ONCE, JOB_REPEAT_EVERY */
};

struct job {
	const char *name;
	const char *description; /* NULL if none */
	struct place place;
	enum job_kind kind;
	bool enabled, run_immediately, clean_env, timeout_is_default;
	bool shared; /* claimed against all who share the store */
	bool is_bad; /* while it is read: its errors were told */

	struct when when;
	/*
	 * As written, NULL-terminated; NULL where `interval` says it. "@every
	 * 5m" makes a JOB_INTERVAL, and stands here.
	 */
	const char **cron;
	int64_t jitter_ms;

	/* Exactly one of them: a text for the shell, an argv, or a handler. */
	const char *command;
	const char **argv;
	/*
	 * Each run only puts work for it in the queue, with the payload (NULL:
	 * empty). A handler has none itself.
	 */
	const char *handler, *payload;
	const char *shell;
	const char *working_dir; /* absolute */
	const char *input;       /* standard input; NULL is /dev/null */
	/* "NAME=value": the file's env with the job's in it; NULL if none. */
	const char **env;
	const char **env_file; /* absolute paths, read at each run */

	int64_t timeout_ms; /* or JOB_NO_LIMIT */
	int64_t kill_after_ms;
	struct job_retry retry;
	struct job_codes success;
	int stop_signal;
	enum job_fail_on_output fail_on_output;

	enum job_overlap overlap;
	enum job_catch_up catch_up;
	int64_t start_deadline_ms; /* or JOB_NO_LIMIT */
	/* How old the last success may be; JOB_NO_LIMIT: nobody has said. */
	int64_t expect_ms;
	/* Of a handler and of a job with one: that of its work. */
	int priority;
	enum job_orphans orphans;

	const char *lock; /* the key that each run holds; NULL: none */
	enum job_on_lock_error on_lock_error;
	enum job_on_lease_loss on_lease_loss;
	enum job_on_lost on_lost;

	enum job_output output;
	const char *output_file; /* absolute */
	int64_t output_limit;    /* bytes kept, half head and half tail */
	const char **metadata;   /* "key=value", NULL-terminated, or NULL */
	const struct job_hooks *hooks; /* NULL: none */
	int workers; /* of a handler: how many at a time; 0: as many as there are */

	struct keyset written; /* the keys that the file gives; see keys.h */
};

static inline bool
job_code_is_in(const struct job_codes *codes, int code)
{
	return code >= 0 && code < 256 &&
	    (codes->bit[code / 64] >> (code % 64) & 1) != 0;
}

static inline bool
job_has_hook(const struct job *job, enum job_hook hook)
{
	return job->hooks != NULL &&
	    (job->hooks->on[hook].command != NULL ||
		job->hooks->on[hook].argv != NULL);
}

/*
 * The fixed delay of `jitter`: a hash of the name, from 0 to jitter_ms; and of
 * the host, for a job that every host runs.
 */
int64_t job_delay_ms(const struct job *job);
const char *job_overlap_name(enum job_overlap overlap);
const char *job_catch_up_name(enum job_catch_up catch_up);
const char *job_output_name(enum job_output output);
/* "cron", "interval" or "handler". */
const char *job_kind_name(enum job_kind kind);
/* When it runs, in plain words. */
void job_describe(const struct job *job, struct str *out);
/* "TERM" for SIGTERM, or NULL; and back from TERM, SIGTERM or 15; 0 if none. */
const char *job_signal_name(int signal);
int job_signal_find(const char *text);

#endif
