#include "lib/process/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/process/exec.h"
#include "lib/process/linux.h"

/*
 * One command from its start to its end. It ends when its leader has been
 * reaped and its output is drained, in either order, and, where it was told to
 * stop, none of its processes is left. child_settle is asked whenever one of
 * these may have come true.
 *
 * While the leader is not reaped, its number and that of its group cannot be
 * used again, and kill(-pid) is safe. Afterwards only kin signals, which looks
 * at each process first.
 */
static void on_deadline(struct clock_timer *timer);
static void on_drain_deadline(struct clock_timer *timer);

static void
linger_begin(struct child *child)
{
	struct host *host = child->host;

	if (child->is_lingering)
		return;
	child->is_lingering = true;
	child->next = host->lingering;
	if (child->next != NULL)
		child->next->prev = child;
	host->lingering = child;
	if (!clock_is_set(&host->poll))
		clock_set_in(host->clock, &host->poll, 10);
}

static void
linger_end(struct child *child)
{
	if (!child->is_lingering)
		return;
	child->is_lingering = false;
	if (child->prev != NULL)
		child->prev->next = child->next;
	else
		child->host->lingering = child->next;
	if (child->next != NULL)
		child->next->prev = child->prev;
	child->prev = child->next = NULL;
}

void
child_free(struct child *child)
{
	if (child == NULL)
		return;
	free(child->run_id);
	free(child);
}

/* Tell the caller, once. The proc may be gone or started anew afterwards. */
static void
child_end(struct child *child)
{
	struct proc_result *result = &child->result;
	struct proc *proc = child->proc;
	struct keep_parts kept = keep_finish(&child->capture.keep);

	linger_end(child);
	clock_stop(&child->deadline);
	clock_stop(&child->drain);
	capture_cut(&child->capture);
	if (child->has_input)
		sink_release(&child->input);
	if (result->started && result->err.code == ERR_NONE)
		result->err = child->capture.err;
	result->output_bytes = (int64_t)(child->capture.stream[0].bytes +
	    child->capture.stream[1].bytes);
	result->stderr_bytes = (int64_t)child->capture.stream[1].bytes;
	result->head = kept.head;
	result->head_len = kept.head_len;
	result->tail = kept.tail;
	result->tail_len = kept.tail_len;
	child->proc = NULL;
	proc->pid = 0;
	proc->inner = NULL;
	ev_unref(child->host->loop);
	proc->ended(proc, result);
	capture_close(&child->capture);
	if (child->is_reaped || child->state == CHILD_UNSTARTED)
		child_free(child);
}

void
child_settle(struct child *child)
{
	struct kin *kin = &child->host->kin;

	if (!child->is_reaped || !child->is_drained)
		return;
	switch (child->state) {
	case CHILD_UNSTARTED:
	case CHILD_GIVEN_UP:
		return;
	case CHILD_RUNNING:
		child->result.survivors = kin_signal(kin, &child->kin, 0);
		break;
	case CHILD_KILLING:
		if (kin_signal(kin, &child->kin, SIGKILL) > 0) {
			linger_begin(child);
			return;
		}
		break;
	case CHILD_STOPPING:
		if (kin_signal(kin, &child->kin, 0) > 0) {
			linger_begin(child);
			return;
		}
		break;
	}
	child_end(child);
}

static void
on_drained(struct capture *capture)
{
	struct child *child = capture->owner;

	if (!child->is_reaped)
		return;
	child->is_drained = true;
	clock_stop(&child->drain);
	child_settle(child);
}

static void
on_output(struct capture *capture, int stream, const char *data, size_t n)
{
	struct child *child = capture->owner;

	child->proc->output(child->proc, stream, data, n);
}

/* A command that does not read its input to the end is none the worse. */
static void
on_input_idle(struct sink *sink)
{
	sink_release(sink);
}

static void
signal_all(struct child *child, int signal)
{
	if (!child->is_reaped)
		kill(-child->pid, signal);
	kin_signal(&child->host->kin, &child->kin, signal);
}

static void
child_kill(struct child *child)
{
	child->state = CHILD_KILLING;
	child->kin.is_stopped = true;
	child->result.killed = true;
	signal_all(child, SIGKILL);
	clock_set_in(child->host->clock, &child->deadline, PROC_GIVE_UP_MS);
}

/*
 * What was stopped (SIGSTOP) must go on to see the signal; what waits for a
 * KILL in uninterruptible sleep is waited for no longer than a while.
 */
static void
child_give_up(struct child *child)
{
	if (child->is_reaped) {
		child->result.survivors = kin_signal(
		    &child->host->kin, &child->kin, SIGKILL);
	} else {
		child->state = CHILD_GIVEN_UP;
		child->result.exit_code = -1;
		child->result.survivors = 1;
		err_set(&child->result.err, ERR_SYSTEM,
		    "process %d cannot be killed", (int)child->pid);
	}
	child_end(child);
}

static void
on_deadline(struct clock_timer *timer)
{
	struct child *child = timer->data;

	switch (child->state) {
	case CHILD_UNSTARTED:
		child_end(child);
		return;
	case CHILD_RUNNING:
		child_stop(child, PROC_TIMED_OUT, false);
		return;
	case CHILD_STOPPING:
		child_kill(child);
		return;
	case CHILD_KILLING:
		child_give_up(child);
		return;
	case CHILD_GIVEN_UP:
		return;
	}
}

/*
 * Others hold the pipe. Where it is rather a slow reader of our own output
 * that all wait for, the command's last words are still due to him; what he has
 * just made room for is read before the pipe is cut.
 */
static void
on_drain_deadline(struct clock_timer *timer)
{
	struct child *child = timer->data;

	if (child->state == CHILD_RUNNING) {
		child->is_drained = capture_drain(&child->capture);
		if (!child->is_drained && capture_is_blocked(&child->capture)) {
			clock_set_in(child->host->clock, timer, PROC_DRAIN_MS);
			return;
		}
	}
	if (child->is_drained) {
		child_settle(child);
		return;
	}
	child->result.was_held = true;
	capture_cut(&child->capture);
	child->is_drained = true;
	child_settle(child);
}

/* Its leader has ended by itself, and only the drain is cut short. */
static void
cut_drain(struct child *child)
{
	clock_set_in(child->host->clock, &child->drain, 0);
}

void
child_stop(struct child *child, enum proc_stop why, bool now)
{
	switch (child->state) {
	case CHILD_UNSTARTED:
	case CHILD_KILLING:
	case CHILD_GIVEN_UP:
		return;
	case CHILD_STOPPING:
		if (now)
			child_kill(child);
		return;
	case CHILD_RUNNING:
		break;
	}
	if (child->is_reaped) {
		cut_drain(child);
		return;
	}
	child->result.stop = why;
	if (now || child->kill_after_ms == 0) {
		child_kill(child);
		return;
	}
	child->state = CHILD_STOPPING;
	child->kin.is_stopped = true;
	signal_all(child, child->stop_signal);
	kill(-child->pid, SIGCONT);
	clock_set_in(
	    child->host->clock, &child->deadline, child->kill_after_ms);
}

void
child_signal(struct child *child, int signal)
{
	if (child->pid != 0 && !child->is_reaped)
		kill(-child->pid, signal);
}

void
child_before_reaping(struct child *child)
{
	if (child->kills_orphans && child->state == CHILD_RUNNING)
		kill(-child->pid, SIGKILL);
}

void
child_pause(struct child *child, int stream, bool is_paused)
{
	capture_pause(&child->capture, stream, is_paused);
}

/* One that has been reaped is drained by its timer. */
void
child_shut(struct child *child, int stream)
{
	capture_shut(&child->capture, stream);
}

static int64_t
timeval_us(struct timeval t)
{
	return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

/*
 * The peak of a child starts at that of its parent, whose memory it has until
 * exec: below that it tells nothing.
 */
static void
take_usage(struct child *child, int status, const struct rusage *usage)
{
	struct proc_result *result = &child->result;
	struct clock *clock = child->host->clock;

	result->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	result->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	result->ended_ms = clock_wall_ms(clock);
	result->duration_ms = clock_mono_ms(clock) - child->began_mono_ms;
	result->user_us = timeval_us(usage->ru_utime);
	result->system_us = timeval_us(usage->ru_stime);
	result->max_rss_kb = usage->ru_maxrss > child->began_maxrss_kb
	    ? usage->ru_maxrss
	    : -1;
}

void
child_reaped(struct child *child, int status, const struct rusage *usage)
{
	struct kin *kin = &child->host->kin;

	child->is_reaped = child->kin.is_reaped = true;
	if (child->state == CHILD_GIVEN_UP) {
		child_free(child);
		return;
	}
	take_usage(child, status, usage);
	child->is_drained = capture_drain(&child->capture);
	if (child->state == CHILD_RUNNING) {
		clock_stop(&child->deadline);
		if (child->kills_orphans) {
			child->state = CHILD_KILLING;
			child->kin.is_stopped = true;
			clock_set_in(child->host->clock, &child->deadline,
			    PROC_GIVE_UP_MS);
		}
	}
	if (child->state == CHILD_KILLING)
		kin_signal(kin, &child->kin, SIGKILL);
	if (!child->is_drained) {
		child->drain.fire = on_drain_deadline;
		child->drain.data = child;
		clock_set_in(child->host->clock, &child->drain, PROC_DRAIN_MS);
	}
	child_settle(child);
}

static struct capture_options
output_options(const struct proc_command *command)
{
	struct capture_options options = {
		.is_split = command->split_stderr,
		.is_own = { false, command->own_stdout, command->own_stderr },
		.live_path = command->live_path,
		.limit = command->output_limit > 0
		    ? (size_t)command->output_limit
		    : 0,
	};

	switch (command->output) {
	case PROC_TEE:
		options.is_teed = true;
		options.has_pipe = true;
		break;
	case PROC_FILE:
		options.file = command->output_file;
		options.has_pipe = true;
		break;
	case PROC_CAPTURE:
		options.has_pipe = true;
		break;
	case PROC_PASS:
		options.is_passed = true;
		break;
	case PROC_DISCARD:
		break;
	}
	return options;
}

/*
 * What the child reads in *fd: bytes, our own 0, or -1 for /dev/null. They are
 * all there before it begins, as far as that can be had: a command whose
 * scheduler is killed shall not take a part of its input for the whole.
 */
static bool
open_input(struct child *child, const struct proc_command *command, int *fd,
    struct err *err)
{
	size_t n = command->input_len;
	int end[2];

	*fd = command->inherit_input ? 0 : -1;
	if (command->inherit_input || n == 0)
		return true;
	*fd = n > PIPE_BUF ? linux_memory_file(command->input, n) : -1;
	if (*fd >= 0)
		return true;
	if (pipe2(end, O_CLOEXEC) != 0)
		return err_sys(err, errno, "cannot make a pipe");
	sink_init_own(&child->input, child->host->loop, end[1]);
	child->input.idle = on_input_idle;
	child->has_input = true;
	*fd = end[0];
	sink_write(&child->input, command->input, n, true);
	if (!sink_is_busy(&child->input))
		sink_release(&child->input);
	return true;
}

static bool
open_output(
    struct child *child, const struct proc_command *command, struct err *err)
{
	struct capture *capture = &child->capture;
	struct capture_options options = output_options(command);

	capture->loop = child->host->loop;
	capture->clock = child->host->clock;
	capture->chunk = child->host->chunk;
	capture->owner = child;
	capture->drained = on_drained;
	capture->output = child->proc->output != NULL ? on_output : NULL;
	return capture_open(capture, &options, err);
}

/* Open what it reads and writes, and start it. */
static bool
child_launch(
    struct child *child, const struct proc_command *command, struct err *err)
{
	struct exec exec = { .programs = &child->host->programs,
		.mono_ms = child->began_mono_ms,
		.command = command };
	uint64_t before;
	bool ok;

	child->result.step = SPAWN_FDS;
	if (!open_output(child, command, err) ||
	    !open_input(child, command, &exec.fd[0], err))
		return false;
	exec.fd[1] = child->capture.child_fd[1];
	exec.fd[2] = child->capture.child_fd[2];
	before = linux_ticks();
	ok = exec_start(&exec, &child->pid, &child->result.step, err);
	child->proc->start_ticks = linux_ticks() == before ? before : 0;
	if (exec.fd[0] > 0)
		close(exec.fd[0]);
	return ok;
}

static void
child_begin(struct child *child, const struct proc_command *command)
{
	struct host *host = child->host;
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	child->began_maxrss_kb = usage.ru_maxrss;
	child->state = CHILD_RUNNING;
	child->result.started = true;
	child->kin.leader = child->proc->pid = child->pid;
	child->run_id = mem_strdup(kin_id(command->envp));
	child->kin.id = child->run_id;
	pids_put(&host->leaders, child->pid, child);
	capture_begin(&child->capture);
	if (command->timeout_ms >= 0)
		clock_set_in(
		    host->clock, &child->deadline, command->timeout_ms);
	if (child->proc->began != NULL)
		child->proc->began(child->proc);
}

void
child_start(
    struct host *host, struct proc *proc, const struct proc_command *command)
{
	struct child *child = mem_zalloc(1, sizeof *child);
	struct err err = { 0 };

	child->host = host;
	child->proc = proc;
	child->kill_after_ms = command->kill_after_ms;
	child->stop_signal = command->stop_signal;
	child->kills_orphans = command->kill_orphans;
	child->deadline.fire = on_deadline;
	child->deadline.data = child;
	child->began_mono_ms = clock_mono_ms(host->clock);
	child->result.started_ms = clock_wall_ms(host->clock);
	proc->host = &host->base;
	proc->pid = 0;
	proc->inner = child;
	ev_ref(host->loop);
	if (child_launch(child, command, &err)) {
		child_begin(child, command);
		return;
	}
	child->result.err = err;
	capture_close(&child->capture);
	clock_set_in(host->clock, &child->deadline, 0);
}
