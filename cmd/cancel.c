#include "cmd/cmd.h"
#include "cmd/future.h"

/* What waits: its end is told to history, where that lies elsewhere. */
static bool
cancel_was_waiting(enum work_state state)
{
	return state == WORK_READY || state == WORK_DELAYED;
}

/*
 * False with err where it cannot be: *has_ended, or it is not known. It may
 * end between our look and the store's.
 */
static bool
cancel_one(
    struct shelf *shelf, const char *text, bool *has_ended, struct err *err)
{
	struct shelf_answer answer;
	struct future future;
	struct store_op *op;
	bool found, ok = false;

	if (!future_find(shelf, text, &future, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "no work '%s'", text);
	if (!future.is_work && !future_has_ended(&future)) {
		err_set(err, ERR_USAGE,
		    "'%s' is a run of a job, and no work of the queue", text);
	} else if (future_has_ended(&future)) {
		*has_ended = true;
	} else {
		op = shelf_op_new(shelf, WORK_CANCEL);
		op->work->work.id = future.work.id;
		ok = shelf_do(shelf, op, &answer, err);
		*has_ended = ok && answer.result == CLAIM_LOST;
		if (ok && !*has_ended && cancel_was_waiting(answer.state))
			shelf_tell_cancelled(shelf, &future.work);
	}
	if (*has_ended)
		ok = err_set(err, ERR_SYSTEM, "'%s' has ended already", text);
	future_release(&future);
	return ok;
}

/* All that can be cancelled are; the first that cannot is told of. */
static int
cancel_all(struct shelf *shelf, int argc, char **argv, struct err *err)
{
	struct err why = { 0 };
	int status = 0, i;

	for (i = 0; i < argc; i++) {
		bool has_ended = false;

		if (cancel_one(shelf, argv[i], &has_ended, &why))
			continue;
		if (status == 0) {
			*err = why;
			status = has_ended ? 1 : CMD_FAILED;
		}
		if (why.code == ERR_UNREACHABLE)
			break;
	}
	return status;
}

static int
cmd_cancel_run(struct cli *cli, int argc, char **argv, struct err *err)
{
	struct shelf shelf = { 0 };
	int status = CMD_FAILED;

	if (!cli_begin(cli, NULL, &argc, &argv, err))
		return cli->status;
	if (shelf_open(&shelf, cli, SHELF_CHANGE, err))
		status = cancel_all(&shelf, argc, argv, err);
	shelf_close(&shelf);
	return status;
}

const struct cmd cmd_cancel = {
	.name = "cancel",
	.operands = "ID...",
	.help = "cancel work of the queue, whether it waits or runs",
	.needs = MAY_JOBFILE,
	.min_operands = 1,
	.max_operands = CMD_MANY,
	.run = cmd_cancel_run,
};
