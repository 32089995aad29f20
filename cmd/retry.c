#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/future.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"

static bool
retry_say_why(const struct future *future, const char *text, struct err *err)
{
	const char *handler = future_record(future)->job;

	if (!future->is_work || future->work.state != WORK_BURIED)
		return err_set(err, ERR_SYSTEM, "'%s' is not buried, but %s",
		    text, future_state(future));
	/* no name of a handler has a colon */
	if (handler != NULL && str_starts(handler, "pool:"))
		return err_set(err, ERR_SYSTEM,
		    "'%s' is a command of %s, which is not kept to be retried",
		    text, handler);
	return err_set(err, ERR_SYSTEM, "'%s' is not buried any more", text);
}

/* *is_not_buried, with err, where there is nothing to be taken out. */
static bool
retry_one(
    struct shelf *shelf, const char *text, bool *is_not_buried, struct err *err)
{
	struct shelf_answer answer = { .result = CLAIM_LOST };
	struct future future;
	struct store_op *op;
	bool found, ok = true;

	if (!future_find(shelf, text, &future, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "no work '%s'", text);
	if (future.is_work && future.work.state == WORK_BURIED) {
		op = shelf_op_new(shelf, WORK_REVIVE);
		op->work->work.id = future.work.id;
		op->work->work.record.id = ulid_make(clock_now_ms());
		ok = shelf_do(shelf, op, &answer, err);
	}
	*is_not_buried = ok && answer.result == CLAIM_LOST;
	if (*is_not_buried)
		ok = retry_say_why(&future, text, err);
	future_release(&future);
	return ok;
}

static int
retry_each(struct shelf *shelf, int argc, char **argv, struct err *err)
{
	struct err why = { 0 };
	int status = 0, i;

	for (i = 0; i < argc; i++) {
		bool is_not_buried = false;

		if (retry_one(shelf, argv[i], &is_not_buried, &why))
			continue;
		if (status == 0) {
			*err = why;
			status = is_not_buried ? 1 : CMD_FAILED;
		}
		if (why.code == ERR_UNREACHABLE)
			break;
	}
	return status;
}

static int
retry_all(struct shelf *shelf, struct err *err)
{
	struct shelf_answer answer = { 0 };
	size_t n = 0;

	do {
		struct store_op *op;

		if (shelf->store == NULL)
			break;
		op = shelf_op_new(shelf, WORK_REVIVE);
		op->work->is_all = true;
		if (!shelf_do(shelf, op, &answer, err))
			return CMD_FAILED;
		n += answer.n;
	} while (answer.is_more);
	printf("%zu\n", n);
	return 0;
}

static int
cmd_retry_run(struct cli *cli, int argc, char **argv, struct err *err)
{
	struct shelf shelf = { 0 };
	bool all_buried = false;
	int status = CMD_FAILED;
	const struct opt opts[] = {
		{ 0, "all-buried", OPT_FLAG, { .flag = &all_buried }, NULL,
		    .help = "all that is buried; prints how many" },
		{ 0 },
	};

	if (!cli_begin(cli, opts, &argc, &argv, err))
		return cli->status;
	if (all_buried == (argc > 0)) {
		cli->is_misused = true;
		err_set(err, ERR_USAGE,
		    all_buried ? "--all-buried takes no ids"
			       : "retry needs ids, or --all-buried");
		return CMD_FAILED;
	}
	if (shelf_open(&shelf, cli, SHELF_CHANGE, err))
		status = all_buried ? retry_all(&shelf, err)
				    : retry_each(&shelf, argc, argv, err);
	shelf_close(&shelf);
	return status;
}

const struct cmd cmd_retry = {
	.name = "retry",
	.operands = "[ID...]",
	.help = "have work that is buried done once more",
	.needs = MAY_JOBFILE,
	.max_operands = CMD_MANY,
	.run = cmd_retry_run,
};
