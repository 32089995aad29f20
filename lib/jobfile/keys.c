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
	{ "enabled", KEY_BOOL, JOB(enabled), .text = "true",
	    .help = "false: never due, still runnable by hand" },
	{ "cron", KEY_CRON, JOB(cron),
	    .help = "when: a cron expression, or a list of them" },
	{ "interval", KEY_DURATION, JOB(when.interval_ms),
	    .min = 100, .max = DURATION_MAX_MS,
	    .help = "when: each instant of a grid of this width" },
	{ "anchor", KEY_TIME, JOB(when.anchor_ms), .words = "the epoch",
	    .help = "where the grid of interval starts" },
	{ "timezone", KEY_ZONE, JOB(when.zone), .words = "the file's",
	    .help = "the zone in which cron is read" },
	{ "run_immediately", KEY_BOOL, JOB(run_immediately), .text = "false",
	    .help = "one more run at each start" },
	{ "command", KEY_COMMAND, JOB(command),
	    .help = "what runs: a text for the shell, or a list, its argv" },
	{ "shell", KEY_PROGRAM, JOB(shell), .words = "the file's",
	    .help = "called as SHELL -c TEXT" },
	{ "working_dir", KEY_DIR, JOB(working_dir),
	    .words = "the jobfile's directory",
	    .help = "where it runs" },
	{ "stdin", KEY_TEXT, JOB(input), .words = "/dev/null",
	    .help = "text given on standard input" },
	{ "env", KEY_ENV, JOB(env),
	    .help = "variables of its environment" },
	{ "env_file", KEY_FILES, JOB(env_file),
	    .help = "files of NAME=value lines, read at each run" },
	{ "clean_env", KEY_BOOL, JOB(clean_env), .text = "false",
	    .help = "begin with cron's environment, not with wjobs' own" },
	{ "timeout", KEY_DURATION, JOB(timeout_ms), .text = "5m",
	    .min = 1, .max = DURATION_MAX_MS, .may_none = true,
	    .help = "how long an attempt may take" },
	{ "kill_after", KEY_DURATION, JOB(kill_after_ms), .text = "10s",
	    .max = DURATION_MAX_MS,
	    .help = "how long after stop_signal KILL follows" },
	{ "stop_signal", KEY_SIGNAL, JOB(stop_signal), .text = "TERM",
	    .help = "the signal that asks a run to end" },
	{ "retry", KEY_GROUP, NONE, .scalar = "retry.max",
	    .help = "what follows a failure" },
	{ "retry.max", KEY_INT, JOB(retry.max), .text = "0", .max = 1000000,
	    .help = "how many times a failure is tried again" },
	{ "retry.delay", KEY_DURATION, JOB(retry.delay_ms), .text = "1s",
	    .max = DURATION_MAX_MS,
	    .help = "the wait before the first retry" },
	{ "retry.backoff", KEY_FRACTION, JOB(retry.backoff), .text = "2",
	    .min = 1, .max = 1000,
	    .help = "what each further wait is multiplied with" },
	{ "retry.max_delay", KEY_DURATION, JOB(retry.max_delay_ms),
	    .text = "1h", .max = DURATION_MAX_MS,
	    .help = "the longest wait" },
	{ "retry.jitter", KEY_FRACTION, JOB(retry.jitter), .text = "0",
	    .max = 1,
	    .help = "the fraction of a wait that is left to chance" },
	{ "retry.on", KEY_RETRY_ON, JOB(retry.on), .text = "any",
	    .help = "which failures are tried again" },
	{ "success_codes", KEY_CODES, JOB(success), .text = "0",
	    .help = "exit codes that are a success" },
	{ "fail_on_output", KEY_CHOICE, JOB(fail_on_output), .text = "none",
	    .choices = fail_on_outputs,
	    .help = "output that makes a run a failure" },
	{ "overlap", KEY_CHOICE, JOB(overlap), .text = "forbid",
	    .choices = overlaps,
	    .help = "what is done when the last run still runs" },
	{ "catch_up", KEY_CHOICE, JOB(catch_up), .text = "none",
	    .choices = catch_ups,
	    .help = "what is done about instants that were missed" },
	{ "start_deadline", KEY_DURATION, JOB(start_deadline_ms),
	    .text = "none", .min = 1, .max = DURATION_MAX_MS, .may_none = true,
	    .help = "how long after its instant a run may start" },
	{ "jitter", KEY_DURATION, JOB(jitter_ms), .text = "0s",
	    .max = DURATION_MAX_MS,
	    .help = "a fixed delay up to this, by the job's name" },
	{ "priority", KEY_INT, JOB(priority), .text = "0",
	    .min = -1000, .max = 1000,
	    .help = "higher starts first where slots are short" },
	{ "lock", KEY_LOCK, JOB(lock),
	    .help = "the name of a lock that each run holds" },
	{ "shared", KEY_BOOL, JOB(shared), .text = "true",
	    .help = "false: every host runs it, whatever the others do" },
	{ "on_lock_error", KEY_CHOICE, JOB(on_lock_error),
	    .words = "skip on Redis, run elsewhere",
	    .choices = on_lock_errors,
	    .help = "what is done when the store cannot answer" },
	{ "on_lease_loss", KEY_CHOICE, JOB(on_lease_loss), .text = "kill",
	    .choices = on_lease_losses,
	    .help = "what becomes of a run that the store lost sight of" },
	{ "on_lost", KEY_CHOICE, JOB(on_lost), .text = "fail",
	    .choices = on_losts,
	    .help = "what follows when the host of a run dies" },
	{ "orphans", KEY_CHOICE, JOB(orphans), .text = "leave",
	    .choices = orphans,
	    .help = "what is done to processes that outlive their run" },
	{ "output", KEY_CHOICE, JOB(output), .text = "log",
	    .choices = outputs,
	    .help = "where output goes" },
	{ "output_file", KEY_FILE, JOB(output_file),
	    .help = "the file of output: file" },
	{ "output_limit", KEY_SIZE, JOB(output_limit), .text = "64K",
	    .max = GIB,
	    .help = "how much of the output is kept, head and tail" },
	{ "metadata", KEY_METADATA, JOB(metadata),
	    .help = "texts that join each record" },
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
	{ "env", KEY_ENV, FILE_(env),
	    .help = "variables for all jobs" },
	{ "shell", KEY_PROGRAM, FILE_(shell), .text = "/bin/sh",
	    .help = "the shell of jobs that name none" },
	{ "defaults", KEY_DEFAULTS, NONE,
	    .help = "keys for jobs that do not give them" },
	{ "include", KEY_INCLUDE, NONE,
	    .help = "more files with jobs: a path or pattern, or a list" },
	{ "stop_timeout", KEY_DURATION, FILE_(stop_timeout_ms), .text = "30s",
	    .min = 1, .max = DURATION_MAX_MS, .may_none = true,
	    .help = "how long runs may go on when the scheduler stops" },
	{ "worker_id", KEY_WORD, FILE_(worker_id),
	    .words = "host name and a random suffix",
	    .help = "what records call this scheduler" },
	{ "jobs", KEY_JOBS, NONE,
	    .help = "the jobs, by name" },
};
/* clang-format on */

const size_t keys_job_len = ARRAY_LEN(keys_job);
const size_t keys_file_len = ARRAY_LEN(keys_file);

_Static_assert(ARRAY_LEN(keys_job) < KEYS_JOB_MAX, "bits for keys, and one");
_Static_assert(ARRAY_LEN(keys_file) <= KEYS_JOB_MAX, "a bit for each key");

/* Words of the contract that this version cannot act upon yet. */
static const char *const later_job[] = { "handler", "payload", "user", "group",
	"umask", "nice", "limits", "on_crash", "mailto", "mail_on",
	"expect_within", "on_start", "on_success", "on_failure", "on_retry",
	"on_skip", "on_late", "on_recovery", "on_failure_repeat", "hooks",
	"queue" };
static const char *const later_file[] = { "queue", "log", "handler_defaults",
	"handlers", "hooks", "sendmail", "mailto" };

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

uint64_t
keys_group_bits(const struct key *keys, size_t n, const struct key *key)
{
	uint64_t bits = keys_bit(keys, key);
	size_t i;

	if (key->type == KEY_GROUP)
		for (i = 0; i < n; i++)
			if (keys_part(&keys[i], key->name) != NULL)
				bits |= keys_bit(keys, &keys[i]);
	return bits;
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
keys_nearest(
    const struct key *keys, size_t n, const char *group, const char *name)
{
	const char *names[KEYS_JOB_MAX];
	size_t i, len = 0;

	for (i = 0; i < n; i++) {
		names[len] = keys_part(&keys[i], group);
		len += names[len] != NULL;
	}
	return str_nearest(name, names, len);
}
