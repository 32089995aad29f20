#include "lib/engine/outcome.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/time/duration.h"

static void
outcome_set(struct record *record, enum record_status status,
    enum record_reason reason, char *error)
{
	record->status = status;
	record->reason = reason;
	free(record->error);
	record->error = error;
}

static char *
outcome_timeout_text(const struct job *job)
{
	char buf[DURATION_TEXT_SIZE];

	return mem_printf("timed out after %s%s",
	    duration_format(job->timeout_ms, buf),
	    job->timeout_is_default ? " (default)" : "");
}

static char *
outcome_signal_text(int signal)
{
	const char *name = sigabbrev_np(signal);

	if (name == NULL)
		return mem_printf("killed by signal %d", signal);
	return mem_printf("killed by signal %d (SIG%s)", signal, name);
}

/* Stopped by us: why counts, not how it took it. False if it was not. */
static bool
outcome_of_stop(
    struct record *record, const struct job *job, enum proc_stop stop)
{
	switch (stop) {
	case PROC_NOT_STOPPED:
		return false;
	case PROC_TIMED_OUT:
		outcome_set(record, RECORD_FAILED, RECORD_TIMEOUT,
		    outcome_timeout_text(job));
		break;
	case PROC_CANCELLED:
		outcome_set(record, RECORD_CANCELLED, RECORD_CANCELLED_BY_USER,
		    mem_strdup("cancelled"));
		break;
	case PROC_REPLACED:
		outcome_set(record, RECORD_CANCELLED, RECORD_SUPERSEDED,
		    mem_strdup("replaced by the next run"));
		break;
	case PROC_SHUTDOWN:
		outcome_set(record, RECORD_FAILED, RECORD_SHUTDOWN,
		    mem_strdup("stopped with its scheduler"));
		break;
	case PROC_LOST_LEASE:
		outcome_set(record, RECORD_FAILED, RECORD_LOST_LEASE,
		    mem_strdup("the store was out of reach for too long"));
		break;
	}
	return true;
}

static bool
outcome_has_unwanted_output(
    const struct job *job, const struct proc_result *result)
{
	switch (job->fail_on_output) {
	case JOB_FAIL_NONE:
		break;
	case JOB_FAIL_STDERR:
		return result->stderr_bytes > 0;
	case JOB_FAIL_ANY:
		return result->output_bytes > 0;
	}
	return false;
}

static void
outcome_of_end(struct record *record, const struct job *job,
    const struct proc_result *result)
{
	if (result->signal != 0)
		outcome_set(record, RECORD_FAILED, RECORD_SIGNAL,
		    outcome_signal_text(result->signal));
	else if (!job_code_is_in(&job->success, result->exit_code))
		outcome_set(record, RECORD_FAILED, RECORD_EXIT,
		    mem_printf("exit status %d", result->exit_code));
	else if (outcome_has_unwanted_output(job, result))
		outcome_set(record, RECORD_FAILED, RECORD_OUTPUT,
		    mem_strdup(job->fail_on_output == JOB_FAIL_STDERR
			    ? "it wrote to standard error"
			    : "it wrote output"));
	else
		outcome_set(record, RECORD_COMPLETED, RECORD_NO_REASON, NULL);
}

static void
outcome_copy_output(struct record *record, const struct proc_result *result)
{
	free(record->head);
	free(record->tail);
	record->output_bytes = result->output_bytes;
	record->head_len = result->head_len;
	record->tail_len = result->tail_len;
	record->head = result->head_len != 0
	    ? mem_dup(result->head, result->head_len)
	    : NULL;
	record->tail = result->tail_len != 0
	    ? mem_dup(result->tail, result->tail_len)
	    : NULL;
}

void
outcome_fill(struct record *record, const struct job *job,
    const struct proc_result *result)
{
	record->exit_code = -1;
	record->signal = 0;
	record->duration_ms = result->duration_ms;
	if (!result->started) {
		if (!outcome_of_stop(record, job, result->stop))
			outcome_set(record, RECORD_FAILED, RECORD_SPAWN,
			    mem_strdup(result->err.msg));
		return;
	}
	record->exit_code = result->signal != 0 ? -1 : result->exit_code;
	record->signal = result->signal;
	record->completed_ms = result->ended_ms;
	record->user_us = result->user_us;
	record->system_us = result->system_us;
	record->max_rss_kb = result->max_rss_kb;
	outcome_copy_output(record, result);
	if (!outcome_of_stop(record, job, result->stop))
		outcome_of_end(record, job, result);
	if (result->err.code != ERR_NONE) { /* it could not be killed */
		record->exit_code = -1;
		outcome_set(record, RECORD_FAILED, record->reason,
		    mem_strdup(result->err.msg));
	}
}

void
outcome_add_attempt(struct record *record, int64_t began_ms)
{
	const char *reason = record_reason_name(record->reason);
	struct str all = { 0 };

	if (record->attempts != NULL)
		str_add(&all, record->attempts);
	str_addf(&all, "%lld\t%lld\t%d\t%d\t%s\t", (long long)began_ms,
	    (long long)record->duration_ms, record->exit_code, record->signal,
	    reason != NULL ? reason : "-");
	if (record->error != NULL)
		str_add_visible(
		    &all, record->error, strlen(record->error), false);
	str_push(&all, '\n');
	free(record->attempts);
	record->attempts = str_take(&all);
}

static const char *
outcome_duration(const struct record *record, char buf[DURATION_TEXT_SIZE])
{
	return record->duration_ms < 0
	    ? NULL
	    : duration_human(record->duration_ms, buf);
}

const char *
outcome_key(const struct record *record)
{
	return record->kind != NULL && strcmp(record->kind, "handler") == 0
	    ? "handler"
	    : "job";
}

void
outcome_log(const struct record *record)
{
	char id[ULID_LEN + 1], took[DURATION_TEXT_SIZE], attempt[16];
	bool is_well = record->status == RECORD_COMPLETED;

	ulid_format(&record->id, id);
	snprintf(attempt, sizeof attempt, "%d", record->attempt);
	log_event(is_well ? LOG_INFO : LOG_WARN,
	    is_well ? "completed" : record_status_name(record->status),
	    outcome_key(record), record->job, "run", id, "attempt",
	    record->attempt > 1 ? attempt : NULL, "reason",
	    record_reason_name(record->reason), "error", record->error,
	    "duration", outcome_duration(record, took), NULL);
}

void
outcome_log_retry(const struct record *record, int64_t delay_ms)
{
	char id[ULID_LEN + 1], delay[DURATION_TEXT_SIZE], attempt[16];

	ulid_format(&record->id, id);
	snprintf(attempt, sizeof attempt, "%d", record->attempt);
	log_event(LOG_WARN, "failed, will be tried again", outcome_key(record),
	    record->job, "run", id, "attempt", attempt, "error", record->error,
	    "in", duration_human(delay_ms, delay), NULL);
}
