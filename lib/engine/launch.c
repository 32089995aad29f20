#include "lib/engine/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/engine/metadata.h"
#include "lib/time/stamp.h"

#define METADATA_MAX (64 << 10)

static char *
launch_path(const struct engine *engine, const struct record *record,
    const char *suffix)
{
	char id[ULID_LEN + 1];

	if (engine->runtime_dir == NULL)
		return NULL;
	ulid_format(&record->id, id);
	return mem_printf("%s/%s.%s", engine->runtime_dir, id, suffix);
}

/* The file that WJOBS_METADATA names; NULL where there is none. To free. */
static char *
launch_metadata_path(const struct engine *engine, const struct record *record)
{
	return launch_path(engine, record, "meta");
}

static void
launch_set_number(struct env *env, const char *name, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof text, "%llu", (unsigned long long)n);
	env_set(env, name, text);
}

/* What each run is told about itself. */
static void
launch_describe(struct env *env, const struct engine *engine,
    const struct job *job, const struct record *record)
{
	char id[ULID_LEN + 1], due[STAMP_TEXT_SIZE];
	char *metadata = launch_metadata_path(engine, record);

	if (engine->jobfile != NULL)
		env_set(env, "WJOBS_FILE", engine->jobfile);
	env_set(env, job->kind == JOB_HANDLER ? "WJOBS_HANDLER" : "WJOBS_JOB",
	    job->name);
	ulid_format(&record->id, id);
	env_set(env, "WJOBS_RUN_ID", id);
	launch_set_number(env, "WJOBS_ATTEMPT", (uint64_t)record->attempt);
	env_set(env, "WJOBS_TRIGGER", record_trigger_name(record->trigger));
	if (record->scheduled_ms != CLOCK_NONE)
		env_set(env, "WJOBS_SCHEDULED_AT",
		    stamp_rfc3339(record->scheduled_ms, NULL, due));
	env_set(env, "WJOBS_WORKER", engine->worker);
	launch_set_number(env, "WJOBS_FENCE",
	    engine->fence != 0 ? engine->fence : record->fence);
	if (metadata != NULL)
		env_set(env, "WJOBS_METADATA", metadata);
	free(metadata);
}

/* And what work is told, beside that. */
static void
launch_describe_work(struct env *env, const struct work *work)
{
	char created[STAMP_TEXT_SIZE], priority[16];

	snprintf(priority, sizeof priority, "%d", work->priority);
	env_set(env, "WJOBS_PRIORITY", priority);
	if (work->created_ms != CLOCK_NONE)
		env_set(env, "WJOBS_CREATED_AT",
		    stamp_rfc3339(work->created_ms, NULL, created));
}

bool
launch_environment(struct env *env, const struct engine *engine,
    const struct job *job, const struct record *record, struct err *err)
{
	const struct env *base = job->clean_env ? &engine->clean
						: &engine->inherited;
	const char **item;
	bool is_whole = true;

	env_begin(env, base);
	for (item = job->env; item != NULL && *item != NULL; item++)
		env_put(env, *item);
	for (item = job->env_file; is_whole && item != NULL && *item != NULL;
	     item++)
		is_whole = env_load(env, *item, err);
	/* by it a hook is told from its run */
	if (env_find(env, "WJOBS_HOOK_ID") != NULL)
		env_set(env, "WJOBS_HOOK_ID", "");
	launch_describe(env, engine, job, record);
	return is_whole;
}

static enum proc_output
launch_output(const struct engine *engine, const struct job *job)
{
	if (engine->is_filter)
		return engine->store == NULL &&
			job->fail_on_output == JOB_FAIL_NONE
		    ? PROC_PASS
		    : PROC_TEE;
	switch (job->output) {
	case JOB_OUTPUT_LOG:
	case JOB_OUTPUT_PASSTHROUGH:
		return PROC_CAPTURE;
	case JOB_OUTPUT_FILE:
		return PROC_FILE;
	case JOB_OUTPUT_DISCARD:
		break;
	}
	/* what is discarded must still be counted to fail on it */
	return job->fail_on_output == JOB_FAIL_NONE ? PROC_DISCARD
						    : PROC_CAPTURE;
}

bool
launch_prepare_work(struct launch *launch, const struct engine *engine,
    const struct job *handler, const struct work *work, struct err *err)
{
	if (!launch_prepare(launch, engine, handler, &work->record, err))
		return false;
	launch_describe_work(&launch->env, work);
	launch->command.envp = (const char *const *)launch->env.item;
	launch->command.input = work->payload;
	launch->command.input_len = work->payload_len;
	return true;
}

bool
launch_prepare(struct launch *launch, const struct engine *engine,
    const struct job *job, const struct record *record, struct err *err)
{
	*launch = (struct launch){ 0 };
	if (!launch_environment(&launch->env, engine, job, record, err))
		return false;
	if (!engine->is_filter)
		launch->live_path = launch_path(engine, record, "live");
	launch->command = (struct proc_command){
		.argv = (const char *const *)job->argv,
		.text = job->command,
		.shell = job->shell,
		.envp = (const char *const *)launch->env.item,
		.path_env = env_find(&launch->env, "PATH"),
		.dir = job->working_dir,
		.input = job->input,
		.input_len = job->input != NULL ? strlen(job->input) : 0,
		.inherit_input = engine->own_input && job->input == NULL,
		.timeout_ms = job->timeout_ms,
		.kill_after_ms = job->kill_after_ms,
		.stop_signal = job->stop_signal,
		.kill_orphans = job->orphans == JOB_ORPHANS_KILL,
		.output = launch_output(engine, job),
		.split_stderr = job->fail_on_output == JOB_FAIL_STDERR,
		.output_file = job->output_file,
		.output_limit = job->output == JOB_OUTPUT_DISCARD
		    ? 0
		    : job->output_limit,
		.live_path = launch->live_path,
	};
	return true;
}

void
launch_release(struct launch *launch)
{
	env_release(&launch->env);
	free(launch->live_path);
	*launch = (struct launch){ 0 };
}

static size_t
launch_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return 0;
	while (len < size && (n = read(fd, buf + len, size - len)) > 0)
		len += (size_t)n;
	close(fd);
	unlink(path);
	return len;
}

void
launch_take_metadata(const struct engine *engine, struct record *record)
{
	char *path = launch_metadata_path(engine, record);
	char *text = NULL, *line, *end;
	size_t len;

	if (path == NULL || access(path, F_OK) != 0)
		goto out;
	text = mem_alloc(METADATA_MAX);
	len = launch_read(path, text, METADATA_MAX);
	for (line = text; line < text + len; line = end + 1) {
		end = memchr(line, '\n', (size_t)(text + len - line));
		if (end == NULL)
			end = text + len;
		if (metadata_is_pair(line, (size_t)(end - line)))
			metadata_put(
			    &record->metadata, line, (size_t)(end - line));
	}
out:
	free(text);
	free(path);
}
