#include "lib/jobfile/keys.h"

#include <string.h>

#include "lib/base/err.h"
#include "lib/base/str.h"
#include "lib/jobfile/jobfile.h"
#include "lib/time/duration.h"

#define JOB(field) offsetof(struct job, field), sizeof(((struct job *)0)->field)
#define FILE_(field) \
	offsetof(struct jobfile, field), sizeof(((struct jobfile *)0)->field)
#define NONE 0, 0

#define GIB (INT64_C(1) << 30)

static const char *const overlaps[] = { "forbid", "queue", "replace", "allow",
	NULL };
static const char *const catch_ups[] = { "none", "once", "all", NULL };
static const char *const outputs[] = { "log", "passthrough", "file", "discard",
	NULL };
static const char *const fail_on_outputs[] = { "none", "stderr", "any", NULL };
static const char *const orphans[] = { "leave", "kill", NULL };
static const char *const on_lock_errors[] = { "run", "skip", "wait", NULL };
static const char *const on_lease_losses[] = { "kill", "continue", NULL };
static const char *const on_losts[] = { "fail", "rerun", NULL };

/* clang-format off */
const struct key keys_job[] = {
	{ "description", KEY_TEXT, JOB(description),
	    .help = "shown in list and show" },
	{ "enabled", KEY_BOOL, JOB(enabled), .of = KEY_OF_JOB, .text = "true",
	    .help = "false: never due, still runnable by hand" },
	{ "cron", KEY_CRON, JOB(cron), .of = KEY_OF_JOB,
	    .help = "when: a cron expression, or a list of them" },
	{ "interval", KEY_DURATION, JOB(when.interval_ms), .of = KEY_OF_JOB,
	    .min = 100, .max = DURATION_MAX_MS,
	    .help = "when: each instant of a grid of this width" },
	{ "anchor", KEY_TIME, JOB(when.anchor_ms), .of = KEY_OF_JOB,
	    .words = "the epoch",
	    .help = "where the grid of interval starts" },
	{ "timezone", KEY_ZONE, JOB(when.zone), .of = KEY_OF_JOB,
	    .words = "the file's",
	    .help = "the zone in which cron is read" },
	{ "run_immediately", KEY_BOOL, JOB(run_immediately), .of = KEY_OF_JOB,
	    .text = "false",
	    .help = "one more run at each start" },
	{ "command", KEY_COMMAND, JOB(command), .of = KEY_OF_RUN,
	    .help = "what runs: a text for the shell, or a list, its argv" },
	{ "handler", KEY_HANDLER, JOB(handler), .of = KEY_OF_WORK,
	    .help = "enqueues work for this handler, in place of a command" },
	{ "payload", KEY_PAYLOAD, JOB(payload), .of = KEY_OF_WORK,
	    .max = JOB_PAYLOAD_MAX,
	    .help = "what the handler reads from its standard input" },
	{ "workers", KEY_INT, JOB(workers), .of = KEY_OF_HANDLER,
	    .words = "queue.workers", .min = 1, .max = 100000,
	    .help = "how many of it run at a time" },
	{ "shell", KEY_PROGRAM, JOB(shell), .of = KEY_OF_RUN,
	    .words = "the file's",
	    .help = "called as SHELL -c TEXT" },
	{ "working_dir", KEY_DIR, JOB(working_dir), .of = KEY_OF_RUN,
	    .words = "the jobfile's directory",
	    .help = "where it runs" },
	{ "stdin", KEY_TEXT, JOB(input), .of = KEY_OF_COMMAND,
	    .words = "/dev/null",
	    .help = "text given on standard input" },
	{ "env", KEY_ENV, JOB(env), .of = KEY_OF_RUN,
	    .help = "variables of its environment" },
	{ "env_file", KEY_FILES, JOB(env_file), .of = KEY_OF_RUN,
	    .help = "files of NAME=value lines, read at each run" },
	{ "clean_env", KEY_BOOL, JOB(clean_env), .of = KEY_OF_RUN,
	    .text = "false",
	    .help = "begin with cron's environment, not with wjobs' own" },
	{ "timeout", KEY_DURATION, JOB(timeout_ms), .of = KEY_OF_RUN,
	    .text = "5m", .handler_text = "30s",
	    .min = 1, .max = DURATION_MAX_MS, .may_none = true,
	    .help = "how long an attempt may take" },
	{ "kill_after", KEY_DURATION, JOB(kill_after_ms), .of = KEY_OF_RUN,
	    .text = "10s",
	    .max = DURATION_MAX_MS,
	    .help = "how long after stop_signal KILL follows" },
	{ "stop_signal", KEY_SIGNAL, JOB(stop_signal), .of = KEY_OF_RUN,
	    .text = "TERM",
	    .help = "the signal that asks a run to end" },
	{ "retry", KEY_GROUP, NONE, .of = KEY_OF_RUN, .scalar = "retry.max",
	    .help = "what follows a failure" },
	{ "retry.max", KEY_INT, JOB(retry.max), .of = KEY_OF_RUN,
	    .text = "0", .handler_text = "3", .max = 1000000,
	    .help = "how many times a failure is tried again" },
	{ "retry.delay", KEY_DURATION, JOB(retry.delay_ms), .of = KEY_OF_RUN,
	    .text = "1s",
	    .max = DURATION_MAX_MS,
	    .help = "the wait before the first retry" },
	{ "retry.backoff", KEY_FRACTION, JOB(retry.backoff), .of = KEY_OF_RUN,
	    .text = "2",
	    .min = 1, .max = 1000,
	    .help = "what each further wait is multiplied with" },
	{ "retry.max_delay", KEY_DURATION, JOB(retry.max_delay_ms),
	    .of = KEY_OF_RUN, .text = "1h", .max = DURATION_MAX_MS,
	    .help = "the longest wait" },
	{ "retry.jitter", KEY_FRACTION, JOB(retry.jitter), .of = KEY_OF_RUN,
	    .text = "0",
	    .max = 1,
	    .help = "the fraction of a wait that is left to chance" },
	{ "retry.on", KEY_RETRY_ON, JOB(retry.on), .of = KEY_OF_RUN,
	    .text = "any",
	    .help = "which failures are tried again" },
	{ "success_codes", KEY_CODES, JOB(success), .of = KEY_OF_RUN,
	    .text = "0",
	    .help = "exit codes that are a success" },
	{ "fail_on_output", KEY_CHOICE, JOB(fail_on_output), .of = KEY_OF_RUN,
	    .text = "none",
	    .choices = fail_on_outputs,
	    .help = "output that makes a run a failure" },
	{ "overlap", KEY_CHOICE, JOB(overlap), .of = KEY_OF_JOB,
	    .text = "forbid",
	    .choices = overlaps,
	    .help = "what is done when the last run still runs" },
	{ "catch_up", KEY_CHOICE, JOB(catch_up), .of = KEY_OF_JOB,
	    .text = "none",
	    .choices = catch_ups,
	    .help = "what is done about instants that were missed" },
	{ "start_deadline", KEY_DURATION, JOB(start_deadline_ms),
	    .of = KEY_OF_JOB,
	    .text = "none", .min = 1, .max = DURATION_MAX_MS, .may_none = true,
	    .help = "how long after its instant a run may start" },
	{ "jitter", KEY_DURATION, JOB(jitter_ms), .of = KEY_OF_JOB,
	    .text = "0s",
	    .max = DURATION_MAX_MS,
	    .help = "a fixed delay up to this, by the job's name" },
	{ "priority", KEY_INT, JOB(priority), .text = "0",
	    .min = -1000, .max = 1000,
	    .help = "higher starts first where slots are short" },
	{ "lock", KEY_LOCK, JOB(lock), .of = KEY_OF_JOB,
	    .help = "the name of a lock that each run holds" },
	{ "shared", KEY_BOOL, JOB(shared), .of = KEY_OF_JOB, .text = "true",
	    .help = "false: every host runs it, whatever the others do" },
	{ "on_lock_error", KEY_CHOICE, JOB(on_lock_error), .of = KEY_OF_COMMAND,
	    .words = "skip on Redis, run elsewhere",
	    .choices = on_lock_errors,
	    .help = "what is done when the store cannot answer" },
	{ "on_lease_loss", KEY_CHOICE, JOB(on_lease_loss), .of = KEY_OF_RUN,
	    .text = "kill",
	    .choices = on_lease_losses,
	    .help = "what becomes of a run that the store lost sight of" },
	{ "on_lost", KEY_CHOICE, JOB(on_lost), .of = KEY_OF_COMMAND,
	    .text = "fail",
	    .choices = on_losts,
	    .help = "what follows when the host of a run dies" },
	{ "orphans", KEY_CHOICE, JOB(orphans), .of = KEY_OF_RUN,
	    .text = "leave",
	    .choices = orphans,
	    .help = "what is done to processes that outlive their run" },
	{ "output", KEY_CHOICE, JOB(output), .of = KEY_OF_RUN, .text = "log",
	    .choices = outputs,
	    .help = "where output goes" },
	{ "output_file", KEY_FILE, JOB(output_file), .of = KEY_OF_RUN,
	    .help = "the file of output: file" },
	{ "output_limit", KEY_SIZE, JOB(output_limit), .of = KEY_OF_RUN,
	    .text = "64K",
	    .max = GIB,
	    .help = "how much of the output is kept, head and tail" },
	{ "expect_within", KEY_DURATION, JOB(expect_ms), .text = "none",
	    .min = 1, .max = DURATION_MAX_MS, .may_none = true,
	    .help = "overdue when the last success is older than this" },
	{ "metadata", KEY_METADATA, JOB(metadata),
	    .help = "texts that join each record" },
	{ "on_start", KEY_HOOK, NONE, .min = JOB_ON_START,
	    .help = "a command that is told when a run begins" },
	{ "on_success", KEY_HOOK, NONE, .min = JOB_ON_SUCCESS,
	    .help = "a command that is told of each success" },
	{ "on_failure", KEY_HOOK, NONE, .min = JOB_ON_FAILURE,
	    .help = "a command that is told when the last retry has failed" },
	{ "on_retry", KEY_HOOK, NONE, .min = JOB_ON_RETRY,
	    .help = "a command that is told of a failure that is tried again" },
	{ "on_skip", KEY_HOOK, NONE, .min = JOB_ON_SKIP,
	    .help = "a command that is told of what is not run" },
	{ "on_late", KEY_HOOK, NONE, .min = JOB_ON_LATE,
	    .help = "a command that is told when the job is overdue" },
	{ "on_recovery", KEY_HOOK, NONE, .min = JOB_ON_RECOVERY,
	    .help = "a command that is told of the first success after failures" },
	{ "on_failure_repeat", KEY_REPEAT, NONE,
	    .text = "once", .handler_text = "every",
	    .help = "how often on_failure is told of failures in a row" },
};

const struct key keys_file[] = {
	{ "timezone", KEY_ZONE, FILE_(zone), .words = "the system's",
	    .help = "the zone of jobs that name none" },
	{ "store", KEY_STORE, FILE_(store), .text = "wjobs.db",
	    .help = "where history lies: a path, memory or a Redis URL" },
	{ "locking", KEY_STORE, FILE_(locking), .words = "the store",
	    .may_none = true,
	    .help = "where instants are claimed, or none" },
	{ "min_replicas", KEY_INT, FILE_(min_replicas), .text = "0",
	    .max = 100,
	    .help = "how many replicas of Redis must have a claim" },
	{ "pool", KEY_GROUP, NONE,
	    .help = "the slots in which jobs run" },
	{ "pool.size", KEY_INT, FILE_(pool_size), .text = "32",
	    .min = 1, .max = 100000,
	    .help = "how many runs there are at a time" },
	{ "history", KEY_GROUP, NONE,
	    .help = "what is kept of past runs" },
	{ "history.keep", KEY_INT, FILE_(history_keep), .text = "100",
	    .min = 1, .max = 100000000,
	    .help = "how many runs of a job" },
	{ "history.max_age", KEY_DURATION, FILE_(history_max_age_ms),
	    .text = "30d", .min = 1, .max = DURATION_MAX_MS, .may_none = true,
	    .help = "for how long" },
	{ "history.store", KEY_STORE, FILE_(history_store),
	    .words = "the store",
	    .help = "where history lies, if not with the claims" },
	{ "queue", KEY_GROUP, NONE,
	    .help = "the work that waits for its handlers" },
	{ "queue.workers", KEY_INT, FILE_(queue_workers), .text = "4",
	    .min = 1, .max = 100000,
	    .help = "how many pieces of work are done at a time" },
	{ "queue.size", KEY_INT, FILE_(queue_size), .text = "100",
	    .min = 1, .max = 100000000,
	    .help = "how many pieces of work may wait" },
	{ "queue.aging", KEY_DURATION, FILE_(queue_aging_ms), .text = "1m",
	    .min = 1, .max = DURATION_MAX_MS, .may_none = true,
	    .help = "the wait that a step of priority is worth" },
	{ "queue.store", KEY_STORE, FILE_(queue_store),
	    .words = "the store",
	    .help = "where the queue lies, if not with the claims" },
	{ "env", KEY_ENV, FILE_(env),
	    .help = "variables for all jobs" },
	{ "hooks", KEY_GROUP, NONE,
	    .help = "hooks of jobs and handlers that do not give them" },
	{ "hooks.on_start", KEY_HOOK, NONE, .min = JOB_ON_START,
	    .help = "a command that is told when a run begins" },
	{ "hooks.on_success", KEY_HOOK, NONE, .min = JOB_ON_SUCCESS,
	    .help = "a command that is told of each success" },
	{ "hooks.on_failure", KEY_HOOK, NONE, .min = JOB_ON_FAILURE,
	    .help = "a command that is told when the last retry has failed" },
	{ "hooks.on_retry", KEY_HOOK, NONE, .min = JOB_ON_RETRY,
	    .help = "a command that is told of a failure that is tried again" },
	{ "hooks.on_skip", KEY_HOOK, NONE, .min = JOB_ON_SKIP,
	    .help = "a command that is told of what is not run" },
	{ "hooks.on_late", KEY_HOOK, NONE, .min = JOB_ON_LATE,
	    .help = "a command that is told when the job is overdue" },
	{ "hooks.on_recovery", KEY_HOOK, NONE, .min = JOB_ON_RECOVERY,
	    .help = "a command that is told of the first success after failures" },
	{ "hooks.on_failure_repeat", KEY_REPEAT, NONE,
	    .words = "once; of handlers every",
	    .help = "how often on_failure is told of failures in a row" },
	{ "shell", KEY_PROGRAM, FILE_(shell), .text = "/bin/sh",
	    .help = "the shell of jobs that name none" },
	{ "defaults", KEY_DEFAULTS, NONE, .of = KEY_OF_JOB,
	    .help = "keys for jobs that do not give them" },
	{ "handler_defaults", KEY_DEFAULTS, NONE, .of = KEY_OF_HANDLER,
	    .help = "keys for handlers that do not give them" },
	{ "include", KEY_INCLUDE, NONE,
	    .help = "more files with jobs: a path or pattern, or a list" },
	{ "stop_timeout", KEY_DURATION, FILE_(stop_timeout_ms), .text = "30s",
	    .min = 1, .max = DURATION_MAX_MS, .may_none = true,
	    .help = "how long runs may go on when the scheduler stops" },
	{ "worker_id", KEY_WORD, FILE_(worker_id),
	    .words = "host name and a random suffix",
	    .help = "what records call this scheduler" },
	{ "jobs", KEY_JOBS, NONE, .of = KEY_OF_JOB,
	    .help = "the jobs, by name" },
	{ "handlers", KEY_JOBS, NONE, .of = KEY_OF_HANDLER,
	    .help = "the handlers of work, by name" },
};
/* clang-format on */

const size_t keys_job_len = ARRAY_LEN(keys_job);
const size_t keys_file_len = ARRAY_LEN(keys_file);

_Static_assert(ARRAY_LEN(keys_job) <= KEYSET_MAX, "a place for each key");
_Static_assert(ARRAY_LEN(keys_file) <= KEYSET_MAX, "a place for each key");

/* Words of the contract that this version cannot act upon yet. */
static const char *const later_job[] = { "user", "group", "umask", "nice",
	"limits", "on_crash", "mailto", "mail_on" };
static const char *const later_file[] = { "log", "sendmail", "mailto" };

/* The name without its group: "max" of "retry.max"; NULL if not of it. */
static const char *
keys_part(const struct key *key, const char *group)
{
	const char *dot = strchr(key->name, '.');
	size_t n = group != NULL ? strlen(group) : 0;

	if (group == NULL)
		return dot == NULL ? key->name : NULL;
	if (dot == NULL || (size_t)(dot - key->name) != n ||
	    memcmp(key->name, group, n) != 0)
		return NULL;
	return dot + 1;
}

const struct key *
keys_find(const struct key *keys, size_t n, const char *group, const char *name)
{
	const char *part;
	size_t i;

	for (i = 0; i < n; i++) {
		/* the first letter settles most of them */
		if (keys[i].name[0] != (group != NULL ? group : name)[0])
			continue;
		part = keys_part(&keys[i], group);
		if (part != NULL && strcmp(part, name) == 0)
			return &keys[i];
	}
	return NULL;
}

struct keyset
keys_in_group(const struct key *keys, size_t n, const struct key *key)
{
	struct keyset set = { 0 };
	size_t i;

	if (key->type != KEY_GROUP)
		keyset_add(&set, (size_t)(key - keys));
	else
		for (i = 0; i < n; i++)
			if (keys_part(&keys[i], key->name) != NULL)
				keyset_add(&set, i);
	return set;
}

bool
keys_is_later(const char *group, const char *name, bool is_job)
{
	const char *const *later = is_job ? later_job : later_file;
	size_t n = is_job ? ARRAY_LEN(later_job) : ARRAY_LEN(later_file), i;
	size_t len = group != NULL ? strlen(group) : 0;

	for (i = 0; i < n; i++) {
		const char *word = later[i];

		if (group != NULL) {
			if (strncmp(word, group, len) != 0 || word[len] != '.')
				continue;
			word += len + 1;
		}
		if (strcmp(word, name) == 0)
			return true;
	}
	return false;
}

const char *
keys_nearest(const struct key *keys, size_t n, unsigned of, const char *group,
    const char *name)
{
	const char *names[KEYSET_MAX];
	size_t i, len = 0;

	for (i = 0; i < n; i++) {
		names[len] = keys_part(&keys[i], group);
		len += names[len] != NULL && keys_is_of(&keys[i], of);
	}
	return str_nearest(name, names, len);
}
