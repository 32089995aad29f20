#include "lib/jobfile/job.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/base/hash.h"
#include "lib/base/str.h"

/* So that a job's delay and its H have nothing to do with one another. */
#define DELAY_SEED UINT64_C(0x64656c6179)

/* One host's share of the hash: asked for once. */
static uint64_t
job_host_seed(void)
{
	static uint64_t seed;
	char host[256] = "localhost";

	if (seed == 0 && gethostname(host, sizeof host - 1) == 0)
		seed = hash_text(host, DELAY_SEED);
	return seed;
}

int64_t
job_delay_ms(const struct job *job)
{
	if (job->jitter_ms <= 0)
		return 0;
	return (int64_t)(hash_text(job->name,
			     job->shared ? DELAY_SEED : job_host_seed()) %
	    ((uint64_t)job->jitter_ms + 1));
}

const char *
job_kind_name(enum job_kind kind)
{
	switch (kind) {
	case JOB_CRON:
		return "cron";
	case JOB_INTERVAL:
		return "interval";
	case JOB_HANDLER:
		return "handler";
	}
	return NULL;
}

const char *
job_overlap_name(enum job_overlap overlap)
{
	switch (overlap) {
	case JOB_FORBID:
		return "forbid";
	case JOB_QUEUE:
		return "queue";
	case JOB_REPLACE:
		return "replace";
	case JOB_ALLOW:
		return "allow";
	}
	return NULL;
}

const char *
job_catch_up_name(enum job_catch_up catch_up)
{
	switch (catch_up) {
	case JOB_CATCH_UP_NONE:
		return "none";
	case JOB_CATCH_UP_ONCE:
		return "once";
	case JOB_CATCH_UP_ALL:
		return "all";
	}
	return NULL;
}

const char *
job_output_name(enum job_output output)
{
	switch (output) {
	case JOB_OUTPUT_LOG:
		return "log";
	case JOB_OUTPUT_PASSTHROUGH:
		return "passthrough";
	case JOB_OUTPUT_FILE:
		return "file";
	case JOB_OUTPUT_DISCARD:
		return "discard";
	}
	return NULL;
}

void
job_describe(const struct job *job, struct str *out)
{
	if (job->kind == JOB_HANDLER)
		str_add(out, "runs when work is put in");
	else
		when_describe(&job->when, out);
}

static const struct {
	int number;
	const char *name;
} signals[] = {
	{ SIGHUP, "HUP" },
	{ SIGINT, "INT" },
	{ SIGQUIT, "QUIT" },
	{ SIGILL, "ILL" },
	{ SIGTRAP, "TRAP" },
	{ SIGABRT, "ABRT" },
	{ SIGBUS, "BUS" },
	{ SIGFPE, "FPE" },
	{ SIGKILL, "KILL" },
	{ SIGUSR1, "USR1" },
	{ SIGSEGV, "SEGV" },
	{ SIGUSR2, "USR2" },
	{ SIGPIPE, "PIPE" },
	{ SIGALRM, "ALRM" },
	{ SIGTERM, "TERM" },
	{ SIGCHLD, "CHLD" },
	{ SIGCONT, "CONT" },
	{ SIGSTOP, "STOP" },
	{ SIGTSTP, "TSTP" },
	{ SIGTTIN, "TTIN" },
	{ SIGTTOU, "TTOU" },
	{ SIGURG, "URG" },
	{ SIGXCPU, "XCPU" },
	{ SIGXFSZ, "XFSZ" },
	{ SIGVTALRM, "VTALRM" },
	{ SIGPROF, "PROF" },
#ifdef SIGWINCH
	{ SIGWINCH, "WINCH" },
#endif
#ifdef SIGIO
	{ SIGIO, "IO" },
#endif
#ifdef SIGPWR
	{ SIGPWR, "PWR" },
#endif
	{ SIGSYS, "SYS" },
};

const char *
job_signal_name(int number)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(signals); i++)
		if (signals[i].number == number)
			return signals[i].name;
	return NULL;
}

/* A number from 1 to the last signal there is, or 0. */
static int
signal_number(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	int number;

	if (digits == 0 || digits > 3 || text[digits] != '\0' || *text == '0')
		return 0;
	number = (int)strtol(text, NULL, 10);
#ifdef SIGRTMAX
	if (number >= SIGRTMIN && number <= SIGRTMAX)
		return number;
#endif
	return job_signal_name(number) != NULL ? number : 0;
}

int
job_signal_find(const char *text)
{
	const char *name = text;
	size_t i;

	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	for (i = 0; i < ARRAY_LEN(signals); i++)
		if (strcasecmp(signals[i].name, name) == 0)
			return signals[i].number;
	return signal_number(text);
}
