#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/filter.h"
#include "lib/base/mem.h"
#include "lib/jobfile/name.h"

/* Any command with the care a job gets: timeout, retries, history. */

#define EXEC_KILL_AFTER_MS  INT64_C(10000)
#define EXEC_OUTPUT_LIMIT   INT64_C(65536)
#define EXEC_HISTORY_KEEP   100
#define EXEC_HISTORY_AGE_MS (INT64_C(30) * 24 * 60 * 60 * 1000)

struct exec_options {
	const char *name, *store, *lock;
	int64_t timeout_ms, kill_after_ms, retries;
	bool history;
};

/* A job's name out of a program's: its last part, odd letters as `_`. */
static char *
exec_name(const char *program)
{
	const char *base = strrchr(program, '/');
	char *name, *p;

	base = base != NULL && base[1] != '\0' ? base + 1 : program;
	name = mem_printf("%.*s", NAME_MAX_LEN, base);
	for (p = name; *p != '\0'; p++)
		if (!name_may_hold(*p, p == name))
			*p = '_';
	return name;
}

static struct job
exec_job(const struct exec_options *options, char **argv)
{
	struct job job = {
		.name = options->name,
		.enabled = true,
		.argv = (const char **)argv,
		.timeout_ms = options->timeout_ms,
		.kill_after_ms = options->kill_after_ms,
		.stop_signal = SIGTERM,
		.retry = { .max = (int)options->retries,
		    .delay_ms = 1000,
		    .max_delay_ms = INT64_C(60) * 60 * 1000,
		    .backoff = 2,
		    .on = JOB_RETRY_ANY },
		.success = { .bit = { 1 } },
		.overlap = JOB_ALLOW,
		.start_deadline_ms = JOB_NO_LIMIT,
		.expect_ms = JOB_NO_LIMIT,
		.output_limit = EXEC_OUTPUT_LIMIT,
	};

	return job;
}

/* A command that was to be recorded as well is run all the same. */
static bool
exec_go_without(struct cli *cli, struct err *err)
{
	const struct err *why = cli->errors.len != 0 ? cli->errors.item : err;
	char text[600];

	err_format(why, text, sizeof text);
	cli_note(cli, "history is not written: %s", text);
	*err = (struct err){ 0 }; /* told */
	return true;
}

/* Of history: --store, else the jobfile's, else local.db. */
static bool
exec_find_store(struct cli *cli, const struct exec_options *options,
    struct filter *filter, struct err *err)
{
	if (!options->history)
		return true;
	filter->limits = (struct store_limits){ .keep = EXEC_HISTORY_KEEP,
		.max_age_ms = EXEC_HISTORY_AGE_MS };
	if (!cli_try_jobfile(cli, 0, err))
		return exec_go_without(cli, err);
	if (cli->has_jobfile) {
		filter->file = &cli->jobfile;
		filter->worker_id = cli->jobfile.worker_id;
		filter->limits = cli_limits(cli);
	}
	if (options->store != NULL) {
		store_place_release(&cli->place);
		cli->has_place = store_place_find(
		    cli->has_jobfile ? cli->jobfile.path : NULL, options->store,
		    &cli->place, err);
		if (!cli->has_place)
			return false;
	} else if (!cli_find_place(cli, err)) {
		return exec_go_without(cli, err);
	}
	filter->place = &cli->place;
	return true;
}

/* Under a lock all attempts are, and none is without it. */
static int
exec_run(struct cli *cli, const struct exec_options *options,
    const struct filter *filter, const struct job *job, struct err *err)
{
	struct acquire acquire = { .key = options->lock,
		.ttl_ms = ACQUIRE_TTL_MS };
	struct filter locked = *filter;
	int status = CMD_FAILED;

	if (options->lock == NULL)
		return filter_run(cli, filter, &job, 1, err);
	locked.lock = &acquire;
	if (acquire_open(&acquire, cli, options->store, err) &&
	    acquire_take(&acquire, err))
		status = filter_run(cli, &locked, &job, 1, err);
	acquire_close(&acquire);
	return status;
}

static int
cmd_exec_run(struct cli *cli, int argc, char **argv, struct err *err)
{
	struct exec_options options = { .timeout_ms = JOB_NO_LIMIT,
		.kill_after_ms = EXEC_KILL_AFTER_MS };
	const struct opt opts[] = {
		{ 0, "history", OPT_FLAG, { .flag = &options.history }, NULL,
		    "keep a record, and the head and tail of the output", 0, 0,
		    0 },
		{ 0, "kill-after", OPT_DURATION,
		    { .ms = &options.kill_after_ms }, "DURATION",
		    "KILL so long after TERM, 10s unless given", 0, 0, 0 },
		{ 0, "lock", OPT_TEXT, { .text = &options.lock }, "KEY",
		    "hold that lock; 75 where somebody else does", 0, 0, 0 },
		{ 0, "name", OPT_TEXT, { .text = &options.name }, "NAME",
		    "the name in history; the program's unless given", 0, 0,
		    0 },
		{ 0, "retry", OPT_INT, { .number = &options.retries }, "N",
		    "try again so often, after 1s, 2s, 4s and so on", 0, 0,
		    1000000 },
		{ 0, "store", OPT_TEXT, { .text = &options.store }, "STORE",
		    "whose history and locks; the jobfile's unless given", 0, 0,
		    0 },
		{ 0, "timeout", OPT_DURATION, { .ms = &options.timeout_ms },
		    "DURATION", "stop it after so long; none unless given",
		    OPT_NONE_OK, 0, 0 },
		{ 0 }
	};
	struct filter filter = { .kind = "exec", .own_input = true };
	char *name = NULL;
	struct job job;
	int status = CMD_FAILED;

	if (!cli_begin(cli, opts, &argc, &argv, err))
		return cli->status;
	if (options.name == NULL) {
		options.name = name = exec_name(argv[0]);
	} else if (!name_is_valid(options.name)) {
		err_set(err, ERR_USAGE,
		    "--name: '%s' is not a name such as "
		    "nightly_backup (" NAME_RULE ")",
		    options.name);
		return CMD_FAILED;
	}
	job = exec_job(&options, argv);
	if (exec_find_store(cli, &options, &filter, err))
		status = exec_run(cli, &options, &filter, &job, err);
	free(name);
	return status;
}

const struct cmd cmd_exec = {
	.name = "exec",
	.operands = "-- COMMAND [ARG...]",
	.help = "run any command with a timeout, retries and history",
	.min_operands = 1,
	.max_operands = CMD_MANY,
	.stops = true,
	.failure = FILTER_FAILED,
	.run = cmd_exec_run,
};
