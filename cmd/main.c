/*
 * The way in: options before the command, the table of commands, and the way
 * out: the only place that prints errors and turns them into exit statuses.
 */
#include <errno.h>
#include <ev.h>
#include <jansson.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "cmd/cmd.h"
#include "lib/base/startup.h"
#include "lib/base/str.h"

static const struct cmd *const cmds[] = {
	/* in the order of help */
	&cmd_run,
	&cmd_exec,
	&cmd_lock,
	&cmd_pool,
	&cmd_check,
	&cmd_next,
	&cmd_list,
	&cmd_show,
	&cmd_history,
	&cmd_logs,
	&cmd_stats,
	&cmd_health,
	&cmd_why,
	&cmd_status,
	&cmd_enqueue,
	&cmd_queue,
	&cmd_wait,
	&cmd_cancel,
	&cmd_retry,
};

#define USAGE                                                      \
	"usage: wjobs [-f JOBFILE] [-q | -v] COMMAND [OPTION...] " \
	"[ARGUMENT...]"

static void
main_version(void)
{
	int major, minor, patch;

	yaml_get_version(&major, &minor, &patch);
	printf("wjobs %s\nwith libev %d.%d, libyaml %d.%d.%d, SQLite %s, "
	       "jansson %s\n",
	    WJOBS_VERSION, ev_version_major(), ev_version_minor(), major, minor,
	    patch, sqlite3_libversion(), jansson_version_str());
}

static void
main_help(const struct opt *opts)
{
	size_t i;

	puts(USAGE "\n\n"
		   "Runs jobs on time, keeps their history, and shows it.\n\n"
		   "commands:");
	for (i = 0; i < ARRAY_LEN(cmds); i++)
		printf("  %-10s %s\n", cmds[i]->name, cmds[i]->help);
	puts("\noptions:");
	opt_help(opts, stdout);
	puts("\n'wjobs COMMAND --help' tells the options of a command; "
	     "wjobs(1) tells all.");
}

static void
cmd_help(const struct cmd *cmd, const struct opt *opts)
{
	printf("usage: wjobs %s [OPTION...]%s%s\n\n%s\n\noptions:\n", cmd->name,
	    cmd->operands != NULL ? " " : "",
	    cmd->operands != NULL ? cmd->operands : "", cmd->help);
	opt_help(opts, stdout);
}

static bool
cli_check_operands(
    const struct cmd *cmd, int argc, char **argv, struct err *err)
{
	if (argc < cmd->min_operands)
		return err_set(
		    err, ERR_USAGE, "%s needs %s", cmd->name, cmd->operands);
	if (argc > cmd->max_operands)
		return err_set(err, ERR_USAGE, "unexpected argument '%s'",
		    argv[cmd->max_operands]);
	return true;
}

static bool
cli_prepare(struct cli *cli, struct err *err)
{
	unsigned needs = cli->cmd->needs;

	if ((needs & NEEDS_JOBFILE) != 0 && !cli_load_jobfile(cli, 0, err))
		return false;
	if ((needs & MAY_JOBFILE) != 0 && !cli_try_jobfile(cli, 0, err))
		return false;
	if ((needs & (NEEDS_STORE | MAY_STORE)) == 0)
		return true;
	if (!cli_find_place(cli, err))
		return false;
	if ((needs & MAY_STORE) != 0 && cli_store_is_memory(cli))
		return true;
	return cli_open_store(cli, err);
}

bool
cli_begin(struct cli *cli, const struct opt *opts, int *argc, char ***argv,
    struct err *err)
{
	cli->status = 0;
	switch (opt_parse(opts, cli->cmd->stops, argc, argv, err)) {
	case OPT_HELP:
		cmd_help(cli->cmd, opts);
		return false;
	case OPT_VERSION:
		main_version();
		return false;
	case OPT_FAILED:
		cli->is_misused = true;
		break;
	case OPT_PARSED:
		cli->is_misused = !cli_check_operands(
		    cli->cmd, *argc, *argv, err);
		if (!cli->is_misused && cli_prepare(cli, err))
			return true;
		break;
	}
	cli->status = CMD_FAILED;
	return false;
}

static const struct cmd *
main_find(const char *name, struct err *err)
{
	const char *names[ARRAY_LEN(cmds)], *near;
	size_t i;

	for (i = 0; i < ARRAY_LEN(cmds); i++) {
		if (strcmp(cmds[i]->name, name) == 0)
			return cmds[i];
		names[i] = cmds[i]->name;
	}
	near = str_nearest(name, names, ARRAY_LEN(names));
	if (near != NULL)
		err_set(err, ERR_USAGE,
		    "unknown command '%s', did you mean '%s'?", name, near);
	else
		err_set(err, ERR_USAGE, "unknown command '%s'", name);
	return NULL;
}

static int
main_status(const struct cli *cli, const struct err *err)
{
	switch (err->code) {
	case ERR_USAGE:
		return 2;
	case ERR_NOT_FOUND:
		return 3;
	case ERR_UNREACHABLE:
		return 4;
	case ERR_BUSY:
		return 75;
	case ERR_CONFIG:
		return 78;
	case ERR_SYNTAX:
	case ERR_RANGE:
		/* With a place it stood in a file, else on the command line. */
		return err->file[0] != '\0' ? 78 : 2;
	case ERR_NONE:
	case ERR_SYSTEM:
		break;
	}
	return cli->cmd != NULL && cli->cmd->failure != 0 ? cli->cmd->failure
							  : 1;
}

static void
main_print(const struct err *err)
{
	char text[sizeof err->file + sizeof err->msg + 32];
	struct str line = { 0 };

	err_format(err, text, sizeof text);
	str_add_visible(&line, text, strlen(text), false);
	fprintf(stderr, "wjobs: %s\n", str_text(&line));
	str_release(&line);
}

/* A jobfile's errors are printed one by one, and err stands for them all. */
static void
main_print_all(const struct cli *cli, const struct err *err)
{
	size_t i;

	for (i = 0; i < cli->errors.len; i++)
		main_print(&cli->errors.item[i]);
	if (cli->errors.dropped != 0)
		fprintf(stderr, "wjobs: and %zu more errors\n",
		    cli->errors.dropped);
	if (cli->errors.len == 0)
		main_print(err);
	if (cli->is_misused)
		fprintf(stderr, "Try 'wjobs %s --help'.\n", cli->cmd->name);
	else if (err->code == ERR_USAGE && cli->cmd == NULL)
		fputs("Try 'wjobs --help'.\n", stderr);
}

/* errno may be long gone: the write that failed was one of many. */
static bool
main_reader_has_gone(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLHUP)) != 0;
}

/*
 * What could not be written to standard output was not said. A reader that
 * has gone away, as head(1) does, wanted no more: that is no error to tell.
 */
static int
main_flush(const struct cli *cli, int status)
{
	int failed = fflush(stdout) != 0 ? errno : 0;
	struct err err;

	if (failed == 0 && !ferror(stdout))
		return status;
	if (failed == EPIPE || main_reader_has_gone())
		return status != 0 ? status : 128 + 13;
	err_sys(&err, failed != 0 ? failed : EIO, "cannot write the output");
	main_print(&err);
	return status != 0 ? status : main_status(cli, &err);
}

static int
main_run(struct cli *cli, int argc, char **argv)
{
	struct err err = { 0 };
	int status = CMD_FAILED;

	cli->cmd = main_find(argv[0], &err);
	if (cli->cmd != NULL)
		status = cli->cmd->run(cli, argc, argv, &err);
	if (err.code != ERR_NONE)
		main_print_all(cli, &err);
	if (status == CMD_FAILED)
		status = main_status(cli, &err);
	return status;
}

static void
cli_release(struct cli *cli)
{
	store_close(cli->store);
	if (cli->has_place)
		store_place_release(&cli->place);
	if (cli->has_jobfile)
		jobfile_release(&cli->jobfile);
	errlist_release(&cli->errors);
	errlist_release(&cli->warnings);
}

int
main(int argc, char **argv)
{
	struct cli cli = { .words = argv };
	const struct opt opts[] = {
		{ 'f', "file", OPT_TEXT, { .text = &cli.file }, "JOBFILE",
		    .help =
			"the jobfile, else $WJOBS_FILE, else ./wjobs.yaml" },
		{ 'q', "quiet", OPT_FLAG, { .flag = &cli.quiet }, NULL,
		    .help = "say nothing but errors" },
		{ 'v', "verbose", OPT_FLAG, { .flag = &cli.verbose }, NULL,
		    .help = "say more" },
		{ 0 },
	};
	struct err err = { 0 };
	int status = 2;

	startup_tidy();
	switch (opt_parse(opts, true, &argc, &argv, &err)) {
	case OPT_HELP:
		main_help(opts);
		status = 0;
		break;
	case OPT_VERSION:
		main_version();
		status = 0;
		break;
	case OPT_FAILED:
		main_print_all(&cli, &err);
		break;
	case OPT_PARSED:
		if (cli.quiet && cli.verbose) {
			err_set(
			    &err, ERR_USAGE, "-q and -v exclude each other");
			main_print_all(&cli, &err);
		} else if (argc == 0) {
			fputs(USAGE "\nTry 'wjobs --help'.\n", stderr);
		} else {
			status = main_run(&cli, argc, argv);
		}
		break;
	}
	status = main_flush(&cli, status);
	cli_release(&cli);
	return status;
}
