#include "lib/engine/hook.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/engine/launch.h"
#include "lib/store/record_field.h"
#include "lib/time/duration.h"

/* Of what a hook printed, the end: that is where programs say what is wrong. */
#define HOOK_SHOWN_MAX 400

const char *
hook_name(enum job_hook which)
{
	static const char *const name[] = {
		[JOB_ON_START] = "on_start",
		[JOB_ON_SUCCESS] = "on_success",
		[JOB_ON_FAILURE] = "on_failure",
		[JOB_ON_RETRY] = "on_retry",
		[JOB_ON_SKIP] = "on_skip",
		[JOB_ON_LATE] = "on_late",
		[JOB_ON_RECOVERY] = "on_recovery",
	};

	return name[which];
}

bool
hook_is_set(const struct job *job, enum job_hook which)
{
	return job->hooks != NULL &&
	    (job->hooks->on[which].command != NULL ||
		job->hooks->on[which].argv != NULL);
}

struct hook *
hook_new(struct engine *engine, const struct job *job, enum job_hook which,
    const struct record *record)
{
	struct hook *hook = mem_zalloc(1, sizeof *hook);
	struct record bare = *record; /* borrows its texts */

	bare.head = bare.tail = NULL;
	bare.head_len = bare.tail_len = 0;
	record_copy(&hook->record, &bare);
	hook->engine = engine;
	hook->job = job;
	hook->which = which;
	hook->retry_in_ms = -1;
	return hook;
}

void
hook_free(struct hook *hook)
{
	if (hook == NULL)
		return;
	record_release(&hook->record);
	free(hook->json);
	free(hook);
}

/* What it is told */

/* As JSON has it: seconds, "" for none. */
static void
hook_set_span(struct env *env, const char *name, int64_t ms)
{
	char text[32] = "";

	if (ms >= 0)
		snprintf(text, sizeof text, "%.15g", (double)ms / 1000);
	env_set(env, name, text);
}

static void
hook_set_number(struct env *env, const char *name, int64_t n, int64_t none)
{
	char text[24] = "";

	if (n != none)
		snprintf(text, sizeof text, "%lld", (long long)n);
	env_set(env, name, text);
}

/* There is no run that it is about. */
static void
hook_describe_late(struct env *env)
{
	static const char *const of_run[] = { "WJOBS_RUN_ID", "WJOBS_ATTEMPT",
		"WJOBS_TRIGGER", "WJOBS_SCHEDULED_AT", "WJOBS_FENCE" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(of_run); i++)
		env_set(env, of_run[i], "");
	env_set(env, "WJOBS_STATUS", "overdue");
}

static void
hook_describe(const struct hook *hook, struct env *env)
{
	const struct record *record = &hook->record;
	struct ulid own = ulid_make(clock_wall_ms(hook->engine->clock));
	char id[ULID_LEN + 1];
	char *error = record->error != NULL
	    ? mem_strndup(record->error, strnlen(record->error, HOOK_ERROR_MAX))
	    : mem_strdup("");

	ulid_format(&own, id);
	env_set(env, "WJOBS_HOOK", hook_name(hook->which));
	env_set(env, "WJOBS_HOOK_ID", id);
	env_set(env, "WJOBS_STATUS", record_status_name(record->status));
	hook_set_number(env, "WJOBS_EXIT_CODE", record->exit_code, -1);
	env_set(env, "WJOBS_ERROR", error);
	hook_set_span(env, "WJOBS_DURATION", record->duration_ms);
	hook_set_number(env, "WJOBS_FAILURES", hook->failures, -1);
	if (hook->which == JOB_ON_RETRY)
		hook_set_span(env, "WJOBS_RETRY_IN", hook->retry_in_ms);
	if (hook->which == JOB_ON_LATE)
		hook_describe_late(env);
	free(error);
}

/* A job whose env_file is gone is one that people want to be told of. */
static void
hook_environment(const struct hook *hook, struct env *env)
{
	struct err err;

	if (!launch_environment(
		env, hook->engine, hook->job, &hook->record, &err))
		log_event(LOG_WARN, "a hook runs without it", "job",
		    hook->job->name, "hook", hook_name(hook->which), "error",
		    err.msg, NULL);
	env_unset(env, "WJOBS_METADATA"); /* the run's own to write */
	hook_describe(hook, env);
}

static char *
hook_json(const struct hook *hook)
{
	const struct field_style style = { 0 };
	struct record_row row = { &hook->record, hook->job->when.zone };
	struct str text = { 0 };
	char *json = field_json(
	    &style, record_field, NULL, RECORD_FIELDS, &row);

	str_add(&text, json);
	str_push(&text, '\n');
	free(json);
	return str_take(&text);
}

/* How it ended */

/* NULL where all is well. */
static char *
hook_error(const struct proc_result *result)
{
	char span[DURATION_TEXT_SIZE];

	if (!result->started)
		return mem_strdup(result->err.msg);
	if (result->stop == PROC_TIMED_OUT)
		return mem_printf("timed out after %s",
		    duration_human(result->duration_ms, span));
	if (result->stop != PROC_NOT_STOPPED)
		return mem_strdup("killed, for wjobs was told to end");
	if (result->signal != 0)
		return mem_printf("killed by signal %d", result->signal);
	if (result->exit_code != 0)
		return mem_printf("exit status %d", result->exit_code);
	return NULL;
}

/* The end of what it printed, without newlines behind it; "" for nothing. */
static char *
hook_output(const struct proc_result *result)
{
	const char *s = result->tail_len != 0 ? result->tail : result->head;
	size_t n = result->tail_len != 0 ? result->tail_len : result->head_len;
	struct str text = { 0 };

	while (n > 0 && s[n - 1] == '\n')
		n--;
	if (n > HOOK_SHOWN_MAX) {
		s += n - HOOK_SHOWN_MAX;
		n = HOOK_SHOWN_MAX;
	}
	str_add_utf8(&text, s, n);
	return str_take(&text);
}

static void
hook_log(const struct hook *hook, const struct proc_result *result)
{
	char *error = hook_error(result), *output;
	char id[ULID_LEN + 1];

	if (error == NULL)
		return;
	ulid_format(&hook->record.id, id);
	output = result->started ? hook_output(result) : mem_strdup("");
	log_event(LOG_WARN, "a hook failed", "job", hook->job->name, "run",
	    hook->which != JOB_ON_LATE ? id : NULL, "hook",
	    hook_name(hook->which), "error", error, "output",
	    output[0] != '\0' ? output : NULL, NULL);
	free(output);
	free(error);
}

static void
hook_on_ended(struct proc *proc, const struct proc_result *result)
{
	struct hook *hook = proc->data;

	hook_log(hook, result);
	hook->ended(hook);
}

void
hook_start(struct hook *hook, int64_t timeout_ms)
{
	const struct job *job = hook->job;
	struct proc_command command;
	struct env env = { 0 };

	hook_environment(hook, &env);
	if (hook->json == NULL)
		hook->json = hook_json(hook);
	command = (struct proc_command){
		.argv = (const char *const *)job->hooks->on[hook->which].argv,
		.text = job->hooks->on[hook->which].command,
		.shell = job->shell,
		.envp = env_items(&env),
		.path_env = env_find(&env, "PATH"),
		.dir = job->working_dir,
		.input = hook->json,
		.input_len = strlen(hook->json),
		.timeout_ms = timeout_ms,
		.kill_after_ms = HOOK_KILL_MS,
		.stop_signal = SIGTERM,
		.output = PROC_CAPTURE,
		.output_limit = HOOK_OUTPUT_MAX,
	};
	hook->proc = (struct proc){ .ended = hook_on_ended, .data = hook };
	proc_start(hook->engine->host, &hook->proc, &command);
	env_release(&env);
}

void
hook_kill(struct hook *hook)
{
	proc_stop(&hook->proc, PROC_SHUTDOWN, true);
}
