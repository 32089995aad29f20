#include <string.h>
#include <unistd.h>

#include "cmd/batch.h"
#include "cmd/cmd.h"
#include "cmd/filter.h"
#include "lib/process/linux.h"

/*
 * wjobs pool: many commands, some at a time. Their lines come from a file or
 * standard input.
 */
#define POOL_WIDTH_MAX     100000
#define POOL_KILL_AFTER_MS INT64_C(10000)

struct pool_options {
	struct batch_options batch;
	const char *halt;
};

/* The cores that this process may use. */
static int64_t
pool_cores(void)
{
	long n = linux_cores();

	if (n <= 0)
		n = sysconf(_SC_NPROCESSORS_ONLN);
	return n > 0 ? n : 1;
}

static bool
pool_check(struct pool_options *options, struct err *err)
{
	struct batch_options *batch = &options->batch;

	if (options->halt == NULL)
		return true;
	if (strcmp(options->halt, "soon") == 0)
		batch->halt = BATCH_HALT_SOON;
	else if (strcmp(options->halt, "now") == 0)
		batch->halt = BATCH_HALT_NOW;
	else
		return err_set(err, ERR_USAGE,
		    "--halt: '%s' is neither soon nor now", options->halt);
	return true;
}

static int
cmd_pool_run(struct cli *cli, int argc, char **argv, struct err *err)
{
	struct pool_options options = { .batch = {
					    .timeout_ms = JOB_NO_LIMIT,
					    .deadline_ms = JOB_NO_LIMIT,
					    .kill_after_ms = POOL_KILL_AFTER_MS,
					} };
	struct batch_options *batch = &options.batch;
	const struct opt opts[] = {
		{ 0, "deadline", OPT_DURATION, { .ms = &batch->deadline_ms },
		    "DURATION", "stop all after so long", OPT_NONE_OK, 0, 0 },
		{ 0, "halt", OPT_TEXT, { .text = &options.halt }, "WHEN",
		    "soon: begin no more after a failure; now: stop all", 0, 0,
		    0 },
		{ 'j', "jobs", OPT_INT, { .number = &batch->width }, "N",
		    "so many at a time; the number of cores", 0, 1,
		    POOL_WIDTH_MAX },
		{ 'k', "keep-order", OPT_FLAG, { .flag = &batch->is_ordered },
		    NULL, "output in the order of the lines", 0, 0, 0 },
		{ 0, "kill-after", OPT_DURATION,
		    { .ms = &batch->kill_after_ms }, "DURATION",
		    "KILL so long after TERM, 10s unless given", 0, 0, 0 },
		{ 0, "retry", OPT_INT, { .number = &batch->retries }, "N",
		    "try each again so often, after 1s, 2s, 4s and so on", 0, 0,
		    1000000 },
		{ 0, "tag", OPT_FLAG, { .flag = &batch->is_tagged }, NULL,
		    "put the command and a tab before each line", 0, 0, 0 },
		{ 0, "timeout", OPT_DURATION, { .ms = &batch->timeout_ms },
		    "DURATION", "stop each after so long; none unless given",
		    OPT_NONE_OK, 0, 0 },
		{ 0 },
	};

	if (!cli_begin(cli, opts, &argc, &argv, err))
		return cli->status;
	if (!pool_check(&options, err))
		return CMD_FAILED;
	if (batch->width == 0)
		batch->width = pool_cores();
	batch->path = argc > 0 ? argv[0] : NULL;
	return batch_run(cli, batch, err);
}

const struct cmd cmd_pool = {
	.name = "pool",
	.operands = "[FILE]",
	.help = "run many commands, some at a time",
	.max_operands = 1,
	.failure = FILTER_FAILED,
	.run = cmd_pool_run,
};
