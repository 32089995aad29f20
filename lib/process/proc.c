#include "lib/process/proc.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/process/child.h"

/*
 * The host: the children that are under way, by number, and their reaping.
 *
 * SIGCHLD says that some have ended, not which and not how many. waitid with
 * WNOWAIT names one without reaping it, so that its group may still be
 * signalled safely; then it is reaped at once, or it would be named for ever.
 */

/* How often the rest of stopped runs is looked at again. */
#define POLL_MS 100

static void
reap(struct host *host, pid_t pid)
{
	struct child *child = pids_find(&host->leaders, pid);
	struct rusage usage = { 0 };
	int status = 0;

	if (child != NULL)
		child_before_reaping(child);
	while (wait4(pid, &status, WNOHANG, &usage) < 0 && errno == EINTR)
		;
	kin_reaped(&host->kin, pid);
	if (child == NULL)
		return; /* an orphan that we adopted */
	pids_remove(&host->leaders, pid);
	child_reaped(child, status, &usage);
}

static void
settle_lingering(struct host *host)
{
	struct child *child = host->lingering, *next;

	for (; child != NULL; child = next) {
		next = child->next;
		child_settle(child);
	}
	if (host->lingering != NULL)
		clock_set_in(host->clock, &host->poll, POLL_MS);
}

static void
on_sigchld(struct ev_loop *loop, ev_signal *w, int revents)
{
	struct host *host = w->data;
	siginfo_t info;

	(void)loop;
	(void)revents;
	for (;;) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
		    info.si_pid == 0)
			break;
		reap(host, info.si_pid);
	}
	settle_lingering(host);
}

static void
on_poll(struct clock_timer *timer)
{
	settle_lingering(timer->data);
}

static void
host_start(struct proc_host *base, struct proc *proc,
    const struct proc_command *command)
{
	child_start((struct host *)base, proc, command);
}

static void
host_stop(struct proc *proc, enum proc_stop why, bool now)
{
	if (proc->inner != NULL)
		child_stop(proc->inner, why, now);
}

static void
host_signal(struct proc *proc, int signal)
{
	if (proc->inner != NULL)
		child_signal(proc->inner, signal);
}

static void
host_pause(struct proc *proc, int stream, bool is_paused)
{
	if (proc->inner != NULL)
		child_pause(proc->inner, stream, is_paused);
}

static void
host_shut(struct proc *proc, int stream)
{
	if (proc->inner != NULL)
		child_shut(proc->inner, stream);
}

static const struct proc_host_ops host_ops = {
	.start = host_start,
	.stop = host_stop,
	.signal = host_signal,
	.pause = host_pause,
	.shut = host_shut,
};

struct proc_host *
proc_host_open(struct ev_loop *loop, struct clock *clock)
{
	struct host *host = mem_zalloc(1, sizeof *host);

	host->base.ops = &host_ops;
	host->loop = loop;
	host->clock = clock;
	host->chunk = mem_alloc(CAPTURE_CHUNK);
	host->poll.fire = on_poll;
	host->poll.data = host;
	spawn_setup();
	kin_init(&host->kin, &host->leaders);
	ev_signal_init(&host->sigchld, on_sigchld, SIGCHLD);
	host->sigchld.data = host;
	ev_signal_start(loop, &host->sigchld);
	ev_unref(loop); /* the children under way keep the loop running */
	return &host->base;
}

void
proc_host_close(struct proc_host *base)
{
	struct host *host = (struct host *)base;
	size_t i;

	if (host == NULL)
		return;
	ev_ref(host->loop);
	ev_signal_stop(host->loop, &host->sigchld);
	clock_stop(&host->poll);
	for (i = 0; i < host->leaders.room; i++)
		child_free(host->leaders.entry[i].value);
	pids_release(&host->leaders);
	kin_release(&host->kin);
	program_cache_release(&host->programs);
	spawn_teardown();
	free(host->chunk);
	free(host);
}
