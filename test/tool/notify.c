#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/simclock.h"
#include "lib/engine/notify.h"

/*
 * notify [REPEAT_MS] <SCRIPT: hooks in simulated time, their commands and the
 * store in the hands of the script. A line is a word and what it needs:
 *
 *   end STATUS [N]     so many ends, without a store
 *   ask STATUS|skipped one that asks the store
 *   answer tell|hush|unknown|lost|failed [FAILURES]  to the oldest question
 *   retry MS, start    the other events
 *   pass MS            time goes by
 *   finish N           the oldest commands end well
 *   stop [now]
 *   show               how many run, how many have begun, and if all is over
 *
 * What begins and what is killed is printed as it happens; log lines go to
 * standard error.
 */

#define MOST 2000

static struct engine engine;
static struct job job = { .name = "j" };
static struct job_hooks hooks = { .failure_repeat_ms = JOB_REPEAT_ONCE };
static struct proc *running[MOST];
static size_t n_running, n_begun;
static bool is_quiet;
static struct store_op *asked[MOST];
static size_t n_asked;

static const char *
value(const struct proc_command *command, const char *name)
{
	const char *const *item;
	size_t len = strlen(name);

	for (item = command->envp; *item != NULL; item++)
		if (strncmp(*item, name, len) == 0 && (*item)[len] == '=')
			return *item + len + 1;
	return "none";
}

static void
host_start(struct proc_host *host, struct proc *proc,
    const struct proc_command *command)
{
	proc->host = host;
	running[n_running++] = proc;
	n_begun++;
	if (!is_quiet)
		printf("%s status=%s failures=%s retry_in=%s timeout=%lld\n",
		    value(command, "WJOBS_HOOK"),
		    value(command, "WJOBS_STATUS"),
		    value(command, "WJOBS_FAILURES"),
		    value(command, "WJOBS_RETRY_IN"),
		    (long long)command->timeout_ms);
}

static void
end_one(enum proc_stop stop)
{
	struct proc_result result = { .started = true, .stop = stop };
	struct proc *proc = running[0];

	memmove(running, running + 1, --n_running * sizeof running[0]);
	proc->ended(proc, &result);
}

static struct clock_timer reaper;

static void
reap(struct clock_timer *timer)
{
	(void)timer;
	while (n_running > 0)
		end_one(PROC_SHUTDOWN);
}

static void
host_stop(struct proc *proc, enum proc_stop why, bool now)
{
	(void)proc;
	printf("killed why=%d now=%d\n", (int)why, now);
	clock_set_in(engine.clock, &reaper, 1);
}

static void
host_signal(struct proc *proc, int signal)
{
	(void)proc;
	(void)signal;
}

static const struct proc_host_ops host_ops = {
	.start = host_start,
	.stop = host_stop,
	.signal = host_signal,
};
static struct proc_host host = { &host_ops };

static void
fill(struct record *record, const char *status)
{
	record_init(record);
	record->id = ulid_make(clock_wall_ms(engine.clock));
	record->job = mem_strdup(job.name);
	record->kind = mem_strdup("cron");
	if (!record_status_find(status, &record->status))
		abort();
}

static void
end(const char *status, int n)
{
	struct record record;
	int i;

	fill(&record, status);
	for (i = 0; i < n; i++)
		notify_end(&engine, &job, &record, NULL);
	record_release(&record);
}

static void
ask(const char *status)
{
	struct store_op *op;
	struct record record;

	fill(&record, status);
	op = store_op_new(STORE_END, &record);
	if (record.status == RECORD_SKIPPED)
		notify_skip(&engine, &job, &record, op);
	else
		notify_end(&engine, &job, &record, op);
	record_release(&record);
	if (op->done == NULL) {
		printf("nothing is asked\n");
		store_op_free(op);
		return;
	}
	printf("asked again=%lld\n", (long long)op->tell_again_ms);
	asked[n_asked++] = op;
}

static void
answer(const char *how, int64_t failures)
{
	struct store_op *op = asked[0];

	memmove(asked, asked + 1, --n_asked * sizeof(struct store_op *));
	op->result = strcmp(how, "lost") == 0 ? CLAIM_LOST
	    : strcmp(how, "failed") == 0      ? CLAIM_FAILED
					      : CLAIM_GRANTED;
	op->is_telling = strcmp(how, "tell") == 0;
	op->failures = strcmp(how, "unknown") == 0 ? -1 : failures;
	op->done(op);
	store_op_free(op);
}

static void
event(const char *what, int64_t ms)
{
	struct record record;

	fill(&record, strcmp(what, "start") == 0 ? "running" : "pending");
	if (strcmp(what, "start") == 0)
		notify_start(&engine, &job, &record);
	else
		notify_retry(&engine, &job, &record, ms);
	record_release(&record);
}

static void
on_stopped(void *data)
{
	(void)data;
	printf("stopped\n");
}

static void
pass(int64_t ms)
{
	simclock_run(engine.clock, clock_wall_ms(engine.clock) + ms);
}

static void
obey(const char *word, const char *a, int64_t n)
{
	if (strcmp(word, "end") == 0)
		end(a, n != 0 ? (int)n : 1);
	else if (strcmp(word, "ask") == 0)
		ask(a);
	else if (strcmp(word, "answer") == 0)
		answer(a, n);
	else if (strcmp(word, "retry") == 0 || strcmp(word, "start") == 0)
		event(word, strtoll(a, NULL, 10));
	else if (strcmp(word, "stop") == 0)
		notify_stop(engine.notify, a[0] != '\0', on_stopped, NULL);
	else if (strcmp(word, "pass") == 0)
		pass(strtoll(a, NULL, 10));
	else if (strcmp(word, "quiet") == 0)
		is_quiet = true;
	else if (strcmp(word, "show") == 0)
		printf("running=%zu begun=%zu idle=%d\n", n_running, n_begun,
		    notify_is_idle(engine.notify));
	for (n = strtoll(a, NULL, 10); strcmp(word, "finish") == 0 && n > 0;
	     n--) {
		end_one(PROC_NOT_STOPPED);
		pass(0);
	}
}

int
main(int argc, char **argv)
{
	char line[256], word[32], a[32];
	long long n;
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	log_setup(LOG_INFO, LOG_LOGFMT);
	for (i = 0; i < JOB_HOOKS; i++)
		hooks.on[i].command = "true";
	if (argc > 1)
		hooks.failure_repeat_ms = strtoll(argv[1], NULL, 10);
	job.hooks = &hooks;
	engine.clock = simclock_new(INT64_C(1700000000000));
	engine.host = &host;
	engine.worker = "w";
	engine.notify = notify_new(&engine);
	reaper.fire = reap;
	while (fgets(line, sizeof line, stdin) != NULL) {
		a[0] = '\0';
		n = 0;
		if (sscanf(line, "%31s %31s %lld", word, a, &n) >= 1)
			obey(word, a, n);
		pass(0);
	}
	while (n_running > 0)
		end_one(PROC_NOT_STOPPED);
	for (i = 0; i < n_asked; i++)
		store_op_free(asked[i]);
	notify_free(engine.notify);
	simclock_free(engine.clock);
	return 0;
}
