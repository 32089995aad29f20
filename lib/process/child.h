#ifndef WJOBS_CHILD_H
#define WJOBS_CHILD_H

#include <sys/resource.h>

#include "lib/process/capture.h"
#include "lib/process/kin.h"
#include "lib/process/pids.h"
#include "lib/process/proc.h"
#include "lib/process/program.h"

/* The real host of proc.h, and one command under way in it: proc.c's own. */
struct host {
	struct proc_host base;
	struct ev_loop *loop;
	struct clock *clock;
	ev_signal sigchld;
	struct pids leaders; /* not reaped yet: pid to its struct child */
	struct kin kin;
	struct program_cache programs;
	struct child *lingering; /* leader gone, others to be waited for */
	struct clock_timer poll; /* looks at them again */
	char *chunk;
};

enum child_state {
	CHILD_UNSTARTED, /* could not be; `ended` is yet to be told */
	CHILD_RUNNING,
	CHILD_STOPPING, /* the stop signal was sent */
	CHILD_KILLING,  /* KILL was sent */
	CHILD_GIVEN_UP, /* `ended` was told; yet to be reaped */
};

struct child {
	struct proc *proc; /* NULL once it was told */
	struct host *host;
	enum child_state state;
	pid_t pid;
	bool is_reaped, is_drained, is_lingering;
	struct kin_run kin;
	char *run_id;
	struct capture capture;
	struct sink input;
	bool has_input;
	struct clock_timer deadline; /* timeout, kill_after, giving up */
	struct clock_timer drain;
	int64_t kill_after_ms;
	int stop_signal;
	bool kills_orphans;
	int64_t began_mono_ms, began_maxrss_kb;
	struct proc_result result;
	struct child *prev, *next; /* in host->lingering */
};

void child_start(
    struct host *host, struct proc *proc, const struct proc_command *command);
void child_stop(struct child *child, enum proc_stop why, bool now);
void child_signal(struct child *child, int signal);
/* Of its output, stream 1 or 2. */
void child_pause(struct child *child, int stream, bool is_paused);
void child_shut(struct child *child, int stream);
/* Its leader has ended and still holds its number. */
void child_before_reaping(struct child *child);
/* The child may be gone afterwards, here and in child_settle. */
void child_reaped(struct child *child, int status, const struct rusage *usage);
/* End it if there is nothing more to wait for. */
void child_settle(struct child *child);
/* One that was given up and never reaped, at the host's end. */
void child_free(struct child *child);

#endif
