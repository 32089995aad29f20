/*
 * wjobs wait: the future. What the work wrote becomes our output, and its last
 * attempt's status ours, as if it had been run here.
 */
#include "cmd/await.h"
#include "cmd/cmd.h"
#include "cmd/filter.h"

static bool
wait_add_all(struct await *await, int argc, char **argv, struct err *err)
{
	int i;

	for (i = 0; i < argc; i++)
		if (!await_add(await, argv[i], err))
			return false;
	return true;
}

static int
cmd_wait_run(struct cli *cli, int argc, char **argv, struct err *err)
{
	int64_t timeout_ms = OPT_NO_LIMIT;
	struct shelf shelf = { 0 };
	struct await await = { .shelf = &shelf };
	const struct opt opts[] = {
		{ 0, "any", OPT_FLAG, { .flag = &await.any }, NULL,
		    .help = "only for the one that ends first" },
		{ 0, "timeout", OPT_DURATION, { .ms = &timeout_ms }, "DURATION",
		    .help = "for so long at most; 0s just asks",
		    .allow = OPT_ZERO_OK | OPT_NONE_OK },
		{ 0 },
	};
	int status = CMD_FAILED;

	if (!cli_begin(cli, opts, &argc, &argv, err))
		return cli->status;
	if (shelf_open(&shelf, cli, SHELF_READ, err) &&
	    wait_add_all(&await, argc, argv, err))
		status = await_run(&await, timeout_ms, err);
	await_release(&await);
	shelf_close(&shelf);
	return status;
}

const struct cmd cmd_wait = {
	.name = "wait",
	.operands = "ID...",
	.help = "wait for work of the queue, and pass on how it ended",
	.needs = MAY_JOBFILE,
	.min_operands = 1,
	.max_operands = CMD_MANY,
	.failure = FILTER_FAILED,
	.run = cmd_wait_run,
};
