#include <stdlib.h>

#include "cmd/cmd.h"
#include "cmd/daemon.h"
#include "cmd/filter.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

/* `run` is the scheduler; `run JOB...` runs these here and now. */

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

static int
cmd_run_run(struct cli *cli, int argc, char **argv, struct err *err)
{
	const char *worker_id = NULL;
	int64_t stop_timeout_ms = INT64_MIN;
	bool trust_file = false;
	const struct opt opts[] = {
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
	struct daemon_options options;
	struct filter filter;

	if (!cli_begin(cli, opts, &argc, &argv, err))
		return cli->status;
	if (!cli_load_jobfile(cli,
		trust_file ? JOBFILE_TRUST_FILE : JOBFILE_MUST_BE_SAFE, err) ||
	    !cli_find_place(cli, err))
		return CMD_FAILED;
	if (stop_timeout_ms != INT64_MIN)
		cli->jobfile.stop_timeout_ms = stop_timeout_ms;
	if (worker_id == NULL)
		worker_id = cli->jobfile.worker_id;
	if (argc == 0) {
		log_setup(cli->quiet   ? LOG_WARN
			: cli->verbose ? LOG_DEBUG
				       : LOG_INFO,
		    LOG_LOGFMT);
		options = (struct daemon_options){ worker_id };
		return daemon_run(cli, &options, err);
	}
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
	.help = "run the scheduler, or these jobs here and now",
	.max_operands = CMD_MANY,
	.failure = 0,
	.run = cmd_run_run,
};
