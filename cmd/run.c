#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/daemon.h"
#include "cmd/filter.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

/*
 * `run` is the scheduler and the workers of the queue; `run JOB...` runs these
 * jobs here and now.
 */

static int
run_jobs(struct cli *cli, const struct filter *filter, int argc, char **argv,
    struct err *err)
{
	const struct job **jobs = mem_zalloc((size_t)argc, sizeof *jobs);
	int i, status = CMD_FAILED;

	for (i = 0; i < argc; i++) {
		jobs[i] = jobfile_find(&cli->jobfile, argv[i], err);
		if (jobs[i] == NULL)
			goto out;
	}
	status = filter_run(cli, filter, jobs, (size_t)argc, err);
out:
	free(jobs);
	return status;
}

/* What of it is to be had, and is wanted. */
static bool
run_parts(const struct cli *cli, bool queue_only, bool schedule_only,
    struct daemon_options *options, struct err *err)
{
	const struct jobfile *file = &cli->jobfile;

	if (queue_only && file->handlers == 0)
		return err_set(err, ERR_CONFIG,
		    "'%s' has no handlers to work for", file->path);
	if (queue_only && strcmp(jobfile_queue(file), "memory") == 0)
		return err_set(err, ERR_UNREACHABLE,
		    "the queue is in its scheduler's memory, where no other "
		    "can work for it");
	if (schedule_only && file->n == 0)
		return err_set(err, ERR_CONFIG, "'%s' has no jobs to schedule",
		    file->path);
	options->schedules = !queue_only;
	options->works = file->handlers > 0 && !schedule_only;
	return true;
}

static int
run_daemon(struct cli *cli, const char *worker_id, bool queue_only,
    bool schedule_only, struct err *err)
{
	struct daemon_options options = { .worker_id = worker_id };

	log_setup(cli->quiet   ? LOG_WARN
		: cli->verbose ? LOG_DEBUG
			       : LOG_INFO,
	    LOG_LOGFMT);
	if (!run_parts(cli, queue_only, schedule_only, &options, err))
		return CMD_FAILED;
	return daemon_run(cli, &options, err);
}

/* They say what the scheduler is to do, so they go with no job's name. */
static bool
run_check(struct cli *cli, bool queue_only, bool schedule_only, int argc,
    struct err *err)
{
	const char *only = queue_only ? "--queue-only" : "--schedule-only";

	if (queue_only && schedule_only)
		err_set(err, ERR_USAGE,
		    "--queue-only and --schedule-only leave nothing to run");
	else if ((queue_only || schedule_only) && argc > 0)
		err_set(err, ERR_USAGE, "%s goes with no job", only);
	else
		return true;
	cli->is_misused = true;
	return false;
}

static int
cmd_run_run(struct cli *cli, int argc, char **argv, struct err *err)
{
	const char *worker_id = NULL;
	int64_t stop_timeout_ms = INT64_MIN;
	bool trust_file = false, queue_only = false, schedule_only = false;
	const struct opt opts[] = {
		{ 0, "queue-only", OPT_FLAG, { .flag = &queue_only }, NULL,
		    "work for the queue alone, as any number may", 0, 0, 0 },
		{ 0, "schedule-only", OPT_FLAG, { .flag = &schedule_only },
		    NULL, "schedule alone; others work for the queue", 0, 0,
		    0 },
		{ 0, "stop-timeout", OPT_DURATION, { .ms = &stop_timeout_ms },
		    "DURATION", "let runs finish for so long when stopped",
		    OPT_NONE_OK, 0, 0 },
		{ 0, "trust-file", OPT_FLAG, { .flag = &trust_file }, NULL,
		    "as root, accept a jobfile that others may write", 0, 0,
		    0 },
		{ 0, "worker-id", OPT_TEXT, { .text = &worker_id }, "ID",
		    "what records say of where a job ran", 0, 0, 0 },
		{ 0 }
	};
	struct filter filter;

	if (!cli_begin(cli, opts, &argc, &argv, err))
		return cli->status;
	if (!run_check(cli, queue_only, schedule_only, argc, err) ||
	    !cli_load_jobfile(cli,
		trust_file ? JOBFILE_TRUST_FILE : JOBFILE_MUST_BE_SAFE, err) ||
	    !cli_find_place(cli, err))
		return CMD_FAILED;
	if (stop_timeout_ms != INT64_MIN)
		cli->jobfile.stop_timeout_ms = stop_timeout_ms;
	if (worker_id == NULL)
		worker_id = cli->jobfile.worker_id;
	if (argc == 0)
		return run_daemon(
		    cli, worker_id, queue_only, schedule_only, err);
	filter = (struct filter){
		.file = &cli->jobfile,
		.worker_id = worker_id,
		.place = &cli->place,
		.limits = cli_limits(cli),
		.has_claims = true,
	};
	return run_jobs(cli, &filter, argc, argv, err);
}

const struct cmd cmd_run = {
	.name = "run",
	.operands = "[JOB...]",
	.help = "run the scheduler and the workers, or these jobs here and now",
	.max_operands = CMD_MANY,
	.failure = 0,
	.run = cmd_run_run,
};
