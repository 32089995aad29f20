#ifndef WJOBS_CMD_H
#define WJOBS_CMD_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "cmd/opt.h"
#include "lib/base/err.h"
#include "lib/jobfile/jobfile.h"
#include "lib/store/place.h"
#include "lib/store/store.h"
#include "lib/time/stamp.h"

/*
 * A subcommand is one const struct cmd in a file of its own, and a line in the
 * table of main.c. Its run() begins with cli_begin(), which parses its options
 * and then prepares what `needs` names; `--help` and a misuse therefore read
 * no file.
 */
#ifndef WJOBS_VERSION
#define WJOBS_VERSION "0.1.0"
#endif

enum cmd_needs {
	NEEDS_JOBFILE = 1, /* cli->jobfile; without one it is 78 */
	MAY_JOBFILE = 2,   /* the same, but it may be absent */
	NEEDS_STORE = 4,   /* cli->store, read only; cli->place too */
	MAY_STORE = 8,     /* the same, but a store that only the scheduler
			      can read (`memory`) is no error */
};

#define CMD_MANY INT_MAX /* of max_operands: no bound */

/* What run() returns for "as err says": main has one status for each code. */
#define CMD_FAILED (-1)

struct cli;

struct cmd {
	const char *name;
	const char *operands; /* as the usage shows them, "[JOB]"; NULL: none */
	const char *help;     /* one line, lower case, no full stop */
	unsigned needs;       /* enum cmd_needs */
	int min_operands, max_operands;
	/* Options end at the first operand: what follows is another command. */
	bool stops;
	/*
	 * The exit status for failures of wjobs' own that have none by their
	 * kind; 0 is 1. What passes a command's status through says 125.
	 */
	int failure;
	/*
	 * Returns the exit status, or CMD_FAILED. Where err is filled, main
	 * prints it, whatever the status; nothing else prints errors.
	 */
	int (*run)(struct cli *cli, int argc, char **argv, struct err *err);
};

/* What the command line says before the command, and what main prepared. */
struct cli {
	const struct cmd *cmd;
	char **words;     /* the command line, whole */
	const char *file; /* -f, or NULL */
	bool quiet, verbose;

	bool has_jobfile;
	struct jobfile jobfile;
	struct errlist errors;   /* of the jobfile; main prints them all */
	struct errlist warnings; /* likewise, for who wants to show them */

	bool has_place;
	struct store_place place;
	struct store *store; /* NULL where nothing was ever written */

	int status;      /* see cli_begin */
	bool is_misused; /* main points at --help */
};

/*
 * Parse the options of the table (ended by a zeroed entry; NULL: none) out of
 * argc and argv, as run() was given them, which become the operands; then
 * prepare what the command needs. On false the command returns cli->status at
 * once: --help was printed, or err is filled.
 */
bool cli_begin(struct cli *cli, const struct opt *opts, int *argc, char ***argv,
    struct err *err) MUST_CHECK;

/*
 * The parts of it, for commands that need them only now and then. Doing them
 * twice does nothing. flags are enum jobfile_flag. cli_try_jobfile is true
 * also where there is none, unless the user named one.
 */
bool
cli_load_jobfile(struct cli *cli, unsigned flags, struct err *err) MUST_CHECK;
bool
cli_try_jobfile(struct cli *cli, unsigned flags, struct err *err) MUST_CHECK;
/* Where the jobfile's history lies, or the one of who has no jobfile. */
bool cli_find_place(struct cli *cli, struct err *err) MUST_CHECK;
/* What its jobfile says of history. */
struct store_limits cli_limits(const struct cli *cli);
/* Open it for reading. Absent is no error: cli->store stays NULL. */
bool cli_open_store(struct cli *cli, struct err *err) MUST_CHECK;
/* The store is in the memory of a scheduler: there is nothing to open. */
bool cli_store_is_memory(const struct cli *cli);

/* The zone at hand: the jobfile's, else the system's. NULL with err filled. */
const struct zone *cli_zone(const struct cli *cli, struct err *err);

/*
 * What --OPTION's argument says: an instant, read in zone. `now` is the
 * caller's, so that all instants of one command line share it.
 */
bool cli_parse_time(const char *option, const char *text,
    const struct zone *zone, int64_t now_ms, enum stamp_look look, int64_t *ms,
    struct err *err) MUST_CHECK;

/* A line for the user on standard error, "wjobs: ..."; silent with -q. */
void cli_note(const struct cli *cli, const char *fmt, ...) PRINTF_LIKE(2, 3);

extern const struct cmd cmd_run, cmd_exec, cmd_lock, cmd_check, cmd_next,
    cmd_list, cmd_show, cmd_history, cmd_logs, cmd_stats, cmd_health, cmd_why,
    cmd_status, cmd_enqueue, cmd_queue, cmd_wait, cmd_cancel, cmd_retry,
    cmd_pool;

#endif
