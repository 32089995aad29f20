#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/acquire.h"
#include "cmd/cmd.h"
#include "cmd/filter.h"
#include "cmd/out.h"
#include "cmd/under.h"
#include "lib/time/duration.h"

/*
 * wjobs lock: a command under a lock, or the parts of it for a script's own
 * lines. Beside a file, where a lock is held while its process lives, the
 * command takes the place of this process: nobody has to wait for its end.
 */
struct lock_options {
	bool take, status;
	const char *extend, *release, *store, *on_loss;
	int64_t ttl_ms, wait_ms;
	struct out out;
};

/* The state of one, for --status */

struct lock_row {
	const char *key;
	const struct lock_state *state;
};

enum lock_column { ROW_LOCK, ROW_HELD, ROW_HOLDER, ROW_LEFT, ROW_FENCE };

static struct field_value
lock_get(const void *data, const struct field *field)
{
	const struct lock_row *row = data;

	switch ((enum lock_column)field->id) {
	case ROW_LOCK:
		return field_text(row->key);
	case ROW_HELD:
		return field_bool(row->state->is_held);
	case ROW_HOLDER:
		return field_text(
		    row->state->is_held ? row->state->holder : NULL);
	case ROW_LEFT:
		return field_span(row->state->left_ms);
	case ROW_FENCE:
		break;
	}
	return row->state->is_held ? field_int((int64_t)row->state->fence)
				   : field_null();
}

static const struct field lock_field[] = {
	{ "lock", lock_get, .id = ROW_LOCK },
	{ "held", lock_get, .id = ROW_HELD },
	{ "holder", lock_get, .id = ROW_HOLDER },
	{ "left", lock_get, .id = ROW_LEFT },
	{ "fence", lock_get, .id = ROW_FENCE },
};

static void
lock_print(const struct lock_row *row)
{
	const struct lock_state *state = row->state;
	char span[DURATION_TEXT_SIZE];
	struct str line = { 0 };

	str_add_visible(&line, row->key, strlen(row->key), false);
	if (!state->is_held) {
		str_add(&line, ": free");
	} else {
		str_add(&line, ": held by ");
		str_add_visible(
		    &line, state->holder, strlen(state->holder), false);
		if (state->left_ms >= 0)
			str_addf(&line, ", for %s more",
			    duration_human(state->left_ms, span));
		else
			str_add(&line, ", until that ends");
	}
	puts(str_text(&line));
	str_release(&line);
}

static int
lock_show(struct acquire *acquire, struct out *out, struct err *err)
{
	struct lock_row row = { acquire->key, &acquire->state };
	bool ok = out_begin(out, lock_field, ARRAY_LEN(lock_field), err) &&
	    lock_read(acquire->lock, acquire->key, &acquire->state, err);

	if (ok && out_is_machine(out))
		out_row(out, &row);
	else if (ok)
		lock_print(&row);
	out_release(out);
	if (!ok)
		return CMD_FAILED;
	return acquire->state.is_held ? 0 : 1;
}

/* For a script's own lines */

static int
lock_take_only(struct acquire *acquire, struct err *err)
{
	acquire->is_by_time = true;
	if (!acquire_take(acquire, err))
		return CMD_FAILED;
	puts(acquire->token);
	if (fflush(stdout) == 0)
		return 0;
	/* nobody knows the token: main says why */
	acquire_release(acquire);
	return 1;
}

static int
lock_change(struct acquire *acquire, const struct lock_options *options,
    struct err *err)
{
	bool is_ours, ok;

	if (options->extend != NULL)
		ok = lock_extend(acquire->lock, acquire->key, options->extend,
		    acquire->ttl_ms, &is_ours, err);
	else
		ok = lock_release(acquire->lock, acquire->key, options->release,
		    &is_ours, err);
	if (!ok)
		return CMD_FAILED;
	if (is_ours)
		return 0;
	err_set(err, ERR_BUSY, "the lock '%s' is not held by that token",
	    acquire->key);
	return 1;
}

/* The command line */

static bool
lock_check(const struct lock_options *options, int argc, struct err *err)
{
	int forms = options->take + options->status +
	    (options->extend != NULL) + (options->release != NULL) + (argc > 1);

	if (forms == 0)
		return err_set(err, ERR_USAGE,
		    "lock needs a command, or one of --take, --extend, "
		    "--release and --status");
	if (forms > 1)
		return err_set(err, ERR_USAGE,
		    "a command, --take, --extend, --release and --status "
		    "exclude each other");
	if (options->take && options->ttl_ms == 0)
		return err_set(err, ERR_USAGE, "--take needs --ttl");
	if (options->on_loss != NULL && strcmp(options->on_loss, "kill") != 0 &&
	    strcmp(options->on_loss, "continue") != 0)
		return err_set(err, ERR_USAGE,
		    "--on-loss: '%s' is neither kill nor continue",
		    options->on_loss);
	return true;
}

static int
lock_go(struct cli *cli, struct acquire *acquire, struct lock_options *options,
    char **argv, struct err *err)
{
	if (options->status)
		return lock_show(acquire, &options->out, err);
	if (options->take)
		return lock_take_only(acquire, err);
	if (options->extend != NULL || options->release != NULL)
		return lock_change(acquire, options, err);
	return under_run(cli, acquire, argv + 1,
	    options->on_loss != NULL &&
		strcmp(options->on_loss, "continue") == 0,
	    err);
}

static int
cmd_lock_run(struct cli *cli, int argc, char **argv, struct err *err)
{
	struct lock_options options = { 0 };
	const struct opt opts[] = {
		{ 0, "extend", OPT_TEXT, { .text = &options.extend }, "TOKEN",
		    .help = "hold it for longer, where TOKEN holds it" },
		{ 0, "on-loss", OPT_TEXT, { .text = &options.on_loss }, "WHAT",
		    .help =
			"kill (the default) or continue, where it is lost" },
		{ 0, "release", OPT_TEXT, { .text = &options.release }, "TOKEN",
		    .help = "release it, where TOKEN holds it" },
		{ 0, "status", OPT_FLAG, { .flag = &options.status }, NULL,
		    .help = "say who holds it; 1 where it is free" },
		{ 0, "store", OPT_TEXT, { .text = &options.store }, "STORE",
		    .help =
			"whose locks: a path or a Redis URL; the jobfile's" },
		{ 0, "take", OPT_FLAG, { .flag = &options.take }, NULL,
		    .help = "take it for --ttl, and print the token" },
		{ 0, "ttl", OPT_DURATION, { .ms = &options.ttl_ms }, "DURATION",
		    .help = "held so long unless it is extended; 30s" },
		{ 0, "wait", OPT_DURATION, { .ms = &options.wait_ms },
		    "DURATION", .help = "wait for it, and for so long at most",
		    .allow = OPT_BARE_OK },
		OUT_OPTS(options.out),
		{ 0 },
	};
	struct acquire acquire = { 0 };
	int status = CMD_FAILED;

	if (!cli_begin(cli, opts, &argc, &argv, err))
		return cli->status;
	if (!lock_check(&options, argc, err))
		return CMD_FAILED;
	acquire.key = argv[0];
	acquire.ttl_ms = options.ttl_ms > 0 ? options.ttl_ms : ACQUIRE_TTL_MS;
	acquire.wait_ms = options.wait_ms;
	if (acquire_open(&acquire, cli, options.store, err))
		status = lock_go(cli, &acquire, &options, argv, err);
	acquire_close(&acquire);
	return status;
}

const struct cmd cmd_lock = {
	.name = "lock",
	.operands = "KEY [-- COMMAND [ARG...]]",
	.help = "run a command under a lock, on this host or on many",
	.min_operands = 1,
	.max_operands = CMD_MANY,
	.failure = FILTER_FAILED,
	.run = cmd_lock_run,
};
