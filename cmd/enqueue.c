/*
 * wjobs enqueue: work for a handler of the jobfile. Its name and the payload
 * are all that travels; what is done with it the jobfile of the worker says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/await.h"
#include "cmd/cmd.h"
#include "cmd/filter.h"
#include "cmd/lines.h"
#include "cmd/payload.h"
#include "cmd/put.h"
#include "lib/base/mem.h"

#define ENQUEUE_UNSET       INT64_MIN
#define ENQUEUE_PRIORITY    1000
#define ENQUEUE_RETRIES_MAX 1000000

struct enqueue_options {
	const char *payload, *at, *key;
	int64_t priority, retry, delay_ms, retry_delay_ms, timeout_ms;
	int64_t block_ms, wait_ms;
	struct opt_list metadata;
	bool lines;
};

static bool
enqueue_check(const struct enqueue_options *options, struct err *err)
{
	if (options->delay_ms != 0 && options->at != NULL)
		return err_set(
		    err, ERR_USAGE, "--delay and --at exclude each other");
	if (options->lines &&
	    (options->payload != NULL || options->key != NULL))
		return err_set(
		    err, ERR_USAGE, "--lines excludes --payload and --id");
	if (options->lines && options->wait_ms != 0)
		return err_set(err, ERR_USAGE,
		    "--lines excludes --wait: give the ids to wjobs wait");
	return options->key == NULL || work_check_key(options->key, err) ||
	    err_prefix(err, "--id");
}

/* The letters of a name in the jobfile's `metadata`. */
static bool
enqueue_is_name(const char *name, size_t n)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz_"
				      "0123456789.-";

	return n > 0 && strspn(name, letters) >= n &&
	    strchr("0123456789.-", name[0]) == NULL;
}

static bool
enqueue_set_metadata(
    struct put *put, const struct opt_list *list, struct err *err)
{
	struct str text = { 0 };
	size_t i;

	for (i = 0; i < list->len; i++) {
		const char *pair = list->item[i];
		size_t name = strcspn(pair, "=");

		if (pair[name] == '\0' || !enqueue_is_name(pair, name) ||
		    strchr(pair, '\n') != NULL) {
			str_release(&text);
			return err_set(err, ERR_USAGE,
			    "--metadata: '%s' is not NAME=VALUE on one line",
			    pair);
		}
		str_add(&text, pair);
		str_push(&text, '\n');
	}
	if (text.len > 0)
		put->metadata = str_take(&text);
	return true;
}

static bool
enqueue_set_time(
    const struct cli *cli, struct put *put, const char *at, struct err *err)
{
	int64_t now_ms = clock_now_ms(), due_ms;

	if (at == NULL)
		return true;
	if (!cli_parse_time("--at", at, cli->jobfile.zone, now_ms,
		STAMP_FORWARD, &due_ms, err))
		return false;
	/* what lies behind us is ready now, and has not waited yet */
	if (due_ms > now_ms)
		put->due_ms = due_ms;
	return true;
}

static bool
enqueue_prepare(struct cli *cli, const struct enqueue_options *options,
    const char *name, struct put *put, struct err *err)
{
	put->handler = jobfile_find_handler(&cli->jobfile, name, err);
	if (put->handler == NULL)
		return false;
	put->priority = options->priority == ENQUEUE_UNSET
	    ? put->handler->priority
	    : (int)options->priority;
	put->retry_max = (int)options->retry;
	put->retry_delay_ms = options->retry_delay_ms;
	put->timeout_ms = options->timeout_ms;
	put->delay_ms = options->delay_ms;
	put->due_ms = CLOCK_NONE;
	put->key = options->key;
	put->block_ms = options->block_ms;
	return enqueue_set_time(cli, put, options->at, err) &&
	    enqueue_set_metadata(put, &options->metadata, err);
}

static bool
enqueue_read(struct cli *cli, const struct enqueue_options *options,
    struct str *payload, struct err *err)
{
	bool is_input = options->lines ||
	    (options->payload != NULL && strcmp(options->payload, "-") == 0);

	if (is_input && cli->file != NULL && strcmp(cli->file, "-") == 0)
		return err_set(err, ERR_USAGE,
		    "standard input is the jobfile, and cannot be payload too");
	return payload_read(options->payload, payload, err);
}

/* True with its id in *id once it is in the queue. */
static bool
enqueue_one(struct put *put, struct str *payload, struct ulid *id, int *status,
    struct err *err)
{
	size_t len = payload->len;
	struct store_op *op = put_op_new(put, str_take(payload), len);
	enum put_result result = put_all(put, &op, 1, err);
	bool is_in = result == PUT_IN && put_is_in(op);

	*id = op->work->work.id;
	*status = CMD_FAILED;
	if (result == PUT_FULL) {
		err_set(err, ERR_BUSY,
		    "the queue is full: it takes %d pieces of work that wait",
		    op->work->size);
	} else if (result == PUT_IN && !is_in) {
		char text[ULID_LEN + 1];

		ulid_format(id, text);
		err_set(err, ERR_SYSTEM,
		    "--id: '%s' is %s, which has another handler or payload",
		    put->key, text);
		*status = 1;
	}
	store_op_free(op);
	return is_in;
}

static int
enqueue_wait(struct put *put, const char *id, int64_t wait_ms, struct err *err)
{
	struct await await = { .shelf = put->shelf };
	int status = CMD_FAILED;

	fprintf(stderr, "%s\n", id);
	if (await_add(&await, id, err))
		status = await_run(&await, wait_ms, err);
	await_release(&await);
	if (status == CMD_FAILED && err->code == ERR_SYSTEM)
		status = FILTER_FAILED;
	return status;
}

static int
enqueue_go(struct put *put, const struct enqueue_options *options,
    struct str *payload, struct err *err)
{
	char text[ULID_LEN + 1];
	struct ulid id;
	int status;

	if (options->lines)
		return lines_put(put, err);
	if (!enqueue_one(put, payload, &id, &status, err))
		return status;
	ulid_format(&id, text);
	if (options->wait_ms != 0)
		return enqueue_wait(put, text, options->wait_ms, err);
	puts(text);
	return 0;
}

static int
enqueue_run(struct cli *cli, const struct enqueue_options *options,
    const char *handler, struct err *err)
{
	struct shelf shelf = { 0 };
	struct put put = { .shelf = &shelf };
	struct str payload = { 0 };
	int status = CMD_FAILED;

	if (enqueue_check(options, err) &&
	    enqueue_prepare(cli, options, handler, &put, err) &&
	    enqueue_read(cli, options, &payload, err) &&
	    shelf_open(&shelf, cli, SHELF_PUT, err))
		status = enqueue_go(&put, options, &payload, err);
	shelf_close(&shelf);
	str_release(&payload);
	free(put.metadata);
	return status;
}

static int
cmd_enqueue_run(struct cli *cli, int argc, char **argv, struct err *err)
{
	struct enqueue_options o = { .priority = ENQUEUE_UNSET,
		.retry = -1,
		.retry_delay_ms = -1,
		.timeout_ms = WORK_TIMEOUT_UNSET };
	const struct opt opts[] = {
		{ 0, "at", OPT_TIME, { .text = &o.at }, "TIME",
		    .help = "not before TIME" },
		{ 0, "block", OPT_DURATION, { .ms = &o.block_ms }, "DURATION",
		    .help = "wait for room, and for so long at most",
		    .allow = OPT_BARE_OK },
		{ 0, "delay", OPT_DURATION, { .ms = &o.delay_ms }, "DURATION",
		    .help = "not before so long from now" },
		{ 0, "id", OPT_TEXT, { .text = &o.key }, "KEY",
		    .help = "once: with a KEY that is known, print its id" },
		{ 0, "lines", OPT_FLAG, { .flag = &o.lines }, NULL,
		    .help = "each line of standard input is a payload" },
		{ 0, "metadata", OPT_LIST, { .list = &o.metadata },
		    "NAME=VALUE", .help = "joins the record; more than once" },
		{ 0, "payload", OPT_TEXT, { .text = &o.payload }, "TEXT",
		    .help = "its standard input: TEXT, @FILE, or - for ours" },
		{ 0, "priority", OPT_INT, { .number = &o.priority }, "N",
		    .help = "from -1000 to 1000, higher first",
		    .min = -ENQUEUE_PRIORITY, .max = ENQUEUE_PRIORITY },
		{ 0, "retry", OPT_INT, { .number = &o.retry }, "N",
		    .help = "try again so often, not as the handler says",
		    .max = ENQUEUE_RETRIES_MAX },
		{ 0, "retry-delay", OPT_DURATION, { .ms = &o.retry_delay_ms },
		    "DURATION", .help = "before the first retry, likewise" },
		{ 0, "timeout", OPT_DURATION, { .ms = &o.timeout_ms },
		    "DURATION", .help = "of each attempt, likewise",
		    .allow = OPT_NONE_OK },
		{ 0, "wait", OPT_DURATION, { .ms = &o.wait_ms }, "DURATION",
		    .help = "wait for its end, and for so long at most",
		    .allow = OPT_BARE_OK },
		{ 0 },
	};
	int status;

	if (cli_begin(cli, opts, &argc, &argv, err))
		status = enqueue_run(cli, &o, argv[0], err);
	else
		status = cli->status;
	opt_list_release(&o.metadata);
	return status;
}

const struct cmd cmd_enqueue = {
	.name = "enqueue",
	.operands = "HANDLER",
	.help = "put work for a handler into the queue, and print its id",
	.needs = NEEDS_JOBFILE,
	.min_operands = 1,
	.max_operands = 1,
	.run = cmd_enqueue_run,
};
