/* What main prepares for a command: jobfile, place and store. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "lib/base/str.h"

/* `-f -`: the jobfile comes on standard input, at most this much of it. */
#define CLI_INPUT_MAX (64 << 20)

static bool
cli_read_input(struct str *text, struct err *err)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(STDIN_FILENO, buf, sizeof buf)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "cannot read the jobfile");
		str_addn(text, buf, (size_t)n);
		if (text->len > CLI_INPUT_MAX)
			return err_set(err, ERR_CONFIG,
			    "the jobfile is over %d MiB", CLI_INPUT_MAX >> 20);
	}
	return true;
}

static bool
cli_parse_input(struct cli *cli, unsigned flags, struct err *err)
{
	struct str text = { 0 };
	bool ok = cli_read_input(&text, err);

	if (ok &&
	    !jobfile_parse("-", str_text(&text), text.len, flags, &cli->jobfile,
		&cli->errors, &cli->warnings))
		ok = err_set(err, ERR_CONFIG, "the jobfile is wrong");
	str_release(&text);
	return ok;
}

/*
 * Unsafe permissions are told by all who read the file as root; the other
 * warnings are about its text, and `check` is there to tell them.
 */
static void
cli_warn_unsafe(const struct cli *cli)
{
	char text[1024];
	size_t i;

	for (i = 0; i < cli->warnings.len; i++) {
		if (cli->warnings.item[i].line != 0)
			continue;
		err_format(&cli->warnings.item[i], text, sizeof text);
		cli_note(cli, "warning: %s", text);
	}
}

bool
cli_load_jobfile(struct cli *cli, unsigned flags, struct err *err)
{
	char *path;
	bool ok;

	if (cli->has_jobfile)
		return true;
	if (cli->file != NULL && strcmp(cli->file, "-") == 0) {
		ok = cli_parse_input(cli, flags, err);
	} else {
		path = jobfile_locate(cli->file, err);
		if (path == NULL)
			return false;
		ok = jobfile_load(
		    path, flags, &cli->jobfile, &cli->errors, &cli->warnings);
		if (!ok)
			err_set(err, ERR_CONFIG, "'%s' is wrong", path);
		free(path);
	}
	cli->has_jobfile = ok;
	if (ok && (flags & JOBFILE_MUST_BE_SAFE) == 0)
		cli_warn_unsafe(cli);
	return ok;
}

bool
cli_try_jobfile(struct cli *cli, unsigned flags, struct err *err)
{
	const char *named = getenv("WJOBS_FILE");
	struct err absent;
	char *path;

	if (cli->file == NULL && (named == NULL || named[0] == '\0')) {
		path = jobfile_locate(NULL, &absent);
		if (path == NULL)
			return true;
		free(path);
	}
	return cli_load_jobfile(cli, flags, err);
}

bool
cli_find_place(struct cli *cli, struct err *err)
{
	const struct jobfile *file = &cli->jobfile;

	if (cli->has_place)
		return true;
	cli->has_place = cli->has_jobfile
	    ? store_place_find(
		  file->path, jobfile_history(file), &cli->place, err)
	    : store_place_find(NULL, NULL, &cli->place, err);
	return cli->has_place;
}

bool
cli_store_is_memory(const struct cli *cli)
{
	return cli->has_place && strcmp(cli->place.store, "memory") == 0;
}

struct store_limits
cli_limits(const struct cli *cli)
{
	return (struct store_limits){
		.keep = cli->jobfile.history_keep,
		.max_age_ms = cli->jobfile.history_max_age_ms,
		.min_replicas = cli->jobfile.min_replicas,
	};
}

bool
cli_open_store(struct cli *cli, struct err *err)
{
	/* Reading prunes nothing. */
	struct store_limits limits = { .max_age_ms = -1 };

	if (cli->store != NULL)
		return true;
	if (!cli_find_place(cli, err))
		return false;
	if (cli_store_is_memory(cli))
		return err_set(err, ERR_UNREACHABLE,
		    "the store is in the scheduler's memory and cannot be "
		    "read from here");
	switch (store_open(
	    cli->place.store, STORE_READ, limits, &cli->store, NULL, err)) {
	case STORE_OPENED:
		return true;
	case STORE_ABSENT:
		*err = (struct err){ 0 };
		cli->store = NULL;
		return true;
	case STORE_FAILED:
		break;
	}
	/* The jobfile is well: it is the store that does not answer. */
	if (err->code == ERR_SYSTEM)
		err->code = ERR_UNREACHABLE;
	return false;
}

const struct zone *
cli_zone(const struct cli *cli, struct err *err)
{
	return cli->has_jobfile ? cli->jobfile.zone : zone_default(err);
}

bool
cli_parse_time(const char *option, const char *text, const struct zone *zone,
    int64_t now_ms, enum stamp_look look, int64_t *ms, struct err *err)
{
	if (stamp_parse(text, (struct place){ 0 }, zone, now_ms, look, ms, err))
		return true;
	err->code = ERR_USAGE;
	return err_prefix(err, "%s", option);
}

void
cli_note(const struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	if (cli->quiet)
		return;
	fputs("wjobs: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}
