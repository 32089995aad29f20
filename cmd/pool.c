#include <string.h>
#include <unistd.h>

#include "cmd/async.h"
#include "cmd/batch.h"
#include "cmd/cmd.h"
#include "cmd/filter.h"
#include "cmd/slots.h"
#include "lib/jobfile/name.h"
#include "lib/process/linux.h"

/*
 * wjobs pool: many commands, some at a time. Their lines come from a file or
 * standard input; or, with a name, they come one by one from processes that
 * know nothing of each other but that name.
 */
#define POOL_WIDTH_MAX     100000
#define POOL_KILL_AFTER_MS INT64_C(10000)

struct pool_options {
	struct batch_options batch;
	struct slots_options slots;
	const char *halt;
	bool is_async, asks_running;
	int64_t join_ms;
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
pool_check_batch(
    const struct pool_options *options, int argc, char **argv, struct err *err)
{
	if (options->is_async || options->asks_running || options->slots.try ||
	    options->join_ms != 0 || options->slots.store != NULL)
		return err_set(err, ERR_USAGE,
		    "--async, --join, --running, --store and --try are for "
		    "named pools: --name");
	if (argc > 1)
		return err_set(
		    err, ERR_USAGE, "unexpected argument '%s'", argv[1]);
	return true;
}

static bool
pool_check_named(const struct pool_options *options, int argc, struct err *err)
{
	const struct batch_options *batch = &options->batch;
	int forms = (argc > 0) + options->asks_running +
	    (options->join_ms != 0);

	if (!name_is_valid(options->slots.name))
		return err_set(err, ERR_USAGE,
		    "--name: '%s' is not a name such as builds (" NAME_RULE ")",
		    options->slots.name);
	if (batch->is_tagged || batch->is_ordered || batch->retries != 0 ||
	    options->halt != NULL || batch->timeout_ms >= 0 ||
	    batch->deadline_ms >= 0)
		return err_set(err, ERR_USAGE,
		    "with --name there is one command: wjobs exec around it "
		    "has timeouts and retries");
	if (batch->width > SLOTS_MAX)
		return err_set(err, ERR_USAGE,
		    "-j: a named pool has %d slots at most", SLOTS_MAX);
	if (forms == 0)
		return err_set(err, ERR_USAGE,
		    "pool --name needs a command, --running or --join");
	if (forms > 1)
		return err_set(err, ERR_USAGE,
		    "a command, --running and --join exclude each other");
	if (argc == 0 && (options->is_async || options->slots.try))
		return err_set(
		    err, ERR_USAGE, "--async and --try need a command");
	return true;
}

static bool
pool_check(struct pool_options *options, int argc, char **argv, struct err *err)
{
	struct batch_options *batch = &options->batch;

	if (!(options->slots.name != NULL
		    ? pool_check_named(options, argc, err)
		    : pool_check_batch(options, argc, argv, err)))
		return false;
	options->slots.is_wide = batch->width != 0;
	if (batch->width == 0)
		batch->width = pool_cores();
	options->slots.width = batch->width < SLOTS_MAX ? batch->width
							: SLOTS_MAX;
	batch->path = argc > 0 ? argv[0] : NULL;
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
pool_go(struct cli *cli, const struct pool_options *options, char **argv,
    struct err *err)
{
	if (options->slots.name == NULL)
		return batch_run(cli, &options->batch, err);
	if (options->asks_running)
		return slots_running(cli, &options->slots, err);
	if (options->join_ms != 0)
		return slots_join(cli, &options->slots, options->join_ms, err);
	if (options->is_async)
		return async_run(cli, &options->slots, argv, err);
	return slots_run(cli, &options->slots, argv, err);
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
		{ 0, "async", OPT_FLAG, { .flag = &options.is_async }, NULL,
		    "print an id for wait, and go on", 0, 0, 0 },
		{ 0, "deadline", OPT_DURATION, { .ms = &batch->deadline_ms },
		    "DURATION", "stop all after so long", OPT_NONE_OK, 0, 0 },
		{ 0, "halt", OPT_TEXT, { .text = &options.halt }, "WHEN",
		    "soon: begin no more after a failure; now: stop all", 0, 0,
		    0 },
		{ 'j', "jobs", OPT_INT, { .number = &batch->width }, "N",
		    "so many at a time; the number of cores", 0, 1,
		    POOL_WIDTH_MAX },
		{ 0, "join", OPT_DURATION, { .ms = &options.join_ms },
		    "DURATION", "wait until nothing runs in the named pool",
		    OPT_BARE_OK, 0, 0 },
		{ 'k', "keep-order", OPT_FLAG, { .flag = &batch->is_ordered },
		    NULL, "output in the order of the lines", 0, 0, 0 },
		{ 0, "kill-after", OPT_DURATION,
		    { .ms = &batch->kill_after_ms }, "DURATION",
		    "KILL so long after TERM, 10s unless given", 0, 0, 0 },
		{ 0, "name", OPT_TEXT, { .text = &options.slots.name }, "POOL",
		    "one command, in a slot that all of the store share", 0, 0,
		    0 },
		{ 0, "retry", OPT_INT, { .number = &batch->retries }, "N",
		    "try each again so often, after 1s, 2s, 4s and so on", 0, 0,
		    1000000 },
		{ 0, "running", OPT_FLAG, { .flag = &options.asks_running },
		    NULL, "print how many run in the named pool", 0, 0, 0 },
		{ 0, "store", OPT_TEXT, { .text = &options.slots.store },
		    "STORE", "whose slots; the jobfile's unless given", 0, 0,
		    0 },
		{ 0, "tag", OPT_FLAG, { .flag = &batch->is_tagged }, NULL,
		    "put the command and a tab before each line", 0, 0, 0 },
		{ 0, "timeout", OPT_DURATION, { .ms = &batch->timeout_ms },
		    "DURATION", "stop each after so long; none unless given",
		    OPT_NONE_OK, 0, 0 },
		{ 0, "try", OPT_FLAG, { .flag = &options.slots.try }, NULL,
		    "75 where the named pool has no slot free", 0, 0, 0 },
		{ 0 },
	};

	if (!cli_begin(cli, opts, &argc, &argv, err))
		return cli->status;
	if (!pool_check(&options, argc, argv, err))
		return CMD_FAILED;
	return pool_go(cli, &options, argv, err);
}

const struct cmd cmd_pool = {
	.name = "pool",
	.operands = "[FILE | -- COMMAND [ARG...]]",
	.help = "run many commands, some at a time",
	.max_operands = CMD_MANY,
	.failure = FILTER_FAILED,
	.run = cmd_pool_run,
};
