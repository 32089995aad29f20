#ifndef WJOBS_PROC_H
#define WJOBS_PROC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/process/spawn.h"

/*
 * A command that runs: started, its output taken, stopped when its time is up,
 * ended when its leader has been reaped and its output is drained, in either
 * order; the drain waits at most PROC_DRAIN_MS after the leader's end for
 * others that hold the pipe. `ended` is called once for each proc_start, also
 * where it could not be started, and always from the loop, never from within
 * proc_start.
 *
 * Seam: struct proc_host is libev, vfork and waitid (proc_host_open), or a
 * fake whose children live in simulated time.
 */
#define PROC_DRAIN_MS 500

enum proc_output {
	PROC_CAPTURE, /* one pipe, in true order; head and tail are kept */
	PROC_PASS,    /* our own 1 and 2, inherited; nothing is kept */
	PROC_TEE,     /* kept, and passed whole to our own 1 and 2; a slow
			 reader slows the command */
	PROC_FILE,    /* appended to output_file, and kept as by PROC_CAPTURE */
	PROC_DISCARD, /* to /dev/null */
};

struct proc_command {
	const char *const *argv; /* an argv; else: */
	/*
	 * `SHELL -c TEXT`. With /bin/sh (or NULL), a text that means nothing
	 * to a shell goes straight to exec; where that fails, the shell gets
	 * it after all and says so in its own words.
	 */
	const char *text, *shell;
	/* By it what belongs to the run is told from all else: see kin_id. */
	const char *const *envp;
	const char
	    *path_env; /* the PATH argv[0] is looked up in; NULL: usual */
	const char *dir;
	const char *input; /* standard input; NULL: /dev/null */
	size_t input_len;
	bool inherit_input; /* our own standard input instead */
	int64_t timeout_ms; /* -1: none */
	int64_t kill_after_ms;
	int stop_signal;
	int death_signal; /* where we die before it; 0: none. Linux alone */
	bool kill_orphans;
	enum proc_output output;
	bool split_stderr; /* count what came on 2 apart: a second pipe */
	/* With split_stderr: our own 1, or 2, and no pipe. */
	bool own_stdout, own_stderr;
	const char *output_file;
	int64_t output_limit;
	/* While it runs longer than a moment: a file for `logs -F`; NULL: no */
	const char *live_path;
};

enum proc_stop { /* why it was told to stop */
	PROC_NOT_STOPPED,
	PROC_TIMED_OUT,
	PROC_CANCELLED,
	PROC_REPLACED,
	PROC_SHUTDOWN,
	PROC_LOST_LEASE, /* others will take its scheduler for dead */
};

struct proc_result {
	bool started; /* false: err and step say why; nothing else is set */
	/*
	 * Where it did start: what went wrong beside it (ERR_NONE: nothing), as
	 * an output file on a full disk, or a process that cannot be killed.
	 */
	struct err err;
	enum spawn_step step;
	int exit_code; /* -1: died of a signal */
	int signal;
	enum proc_stop stop;
	bool killed; /* the stop signal did not do; KILL was sent */
	int64_t started_ms, ended_ms; /* wall clock */
	int64_t duration_ms;          /* monotonic */
	int64_t user_us, system_us;
	int64_t max_rss_kb; /* -1 where the system cannot tell */
	int64_t output_bytes, stderr_bytes;
	const char *head, *tail;   /* borrowed while `ended` runs */
	size_t head_len, tail_len; /* tail_len 0: all of it is in head */
	bool was_held; /* others held the pipe after the leader's end */
	int survivors; /* processes of the run that were left alive */
};

struct proc_host;

struct proc {
	/* Set by the caller before proc_start. */
	void (*ended)(struct proc *proc, const struct proc_result *result);
	/* May be NULL. From within proc_start: the leader lives. */
	void (*began)(struct proc *proc);
	/* May be NULL. Output as it comes, for the log. stream: 1 or 2. */
	void (*output)(
	    struct proc *proc, int stream, const char *data, size_t n);
	void *data;
	/* Set by the host. */
	struct proc_host *host;
	pid_t pid; /* 0 unless it runs */
	/* As struct identity has it; 0: not known without a look at /proc. */
	uint64_t start_ticks;
	void *inner; /* the host's own */
};

struct proc_host_ops {
	void (*start)(struct proc_host *host, struct proc *proc,
	    const struct proc_command *command);
	void (*stop)(struct proc *proc, enum proc_stop why, bool now);
	void (*signal)(struct proc *proc, int signal);
	void (*pause)(struct proc *proc, int stream, bool is_paused);
	void (*shut)(struct proc *proc, int stream);
};

struct proc_host {
	const struct proc_host_ops *ops;
};

/*
 * The real one. Becomes a subreaper, takes SIGCHLD on the loop (one made with
 * ev_loop_new), reaps adopted orphans too (so it may be PID 1). One a process,
 * on the thread that waits for the loop. SIGPIPE must be ignored: startup.h.
 */
struct proc_host *proc_host_open(struct ev_loop *loop, struct clock *clock);
void proc_host_close(struct proc_host *host); /* nothing may still run */

/*
 * command and what it points to is only read during the call, save `input`,
 * which must live until `ended`.
 */
static inline void
proc_start(struct proc_host *host, struct proc *proc,
    const struct proc_command *command)
{
	host->ops->start(host, proc, command);
}

/*
 * stop_signal to the group and to what escaped it, KILL after kill_after; with
 * `now` KILL at once. A run that was stopped has ended when none of its own is
 * left. Telling it again is harmless; the first
 * reason stays. `ended` follows in any case, also from a child that cannot be
 * killed (uninterruptible sleep): then after PROC_GIVE_UP_MS, with err set.
 */
#define PROC_GIVE_UP_MS 5000
static inline void
proc_stop(struct proc *proc, enum proc_stop why, bool now)
{
	proc->host->ops->stop(proc, why, now);
}

/* Pass a signal to the group of a running command, as it is (filters). */
static inline void
proc_signal(struct proc *proc, int signal)
{
	proc->host->ops->signal(proc, signal);
}

/*
 * Who takes a running command's `output` has no room: no more of that stream
 * is read, also from within `output`, until the same is called with false. The
 * command waits once its pipe is full, and does not end before all is read.
 */
static inline void
proc_pause(struct proc *proc, int stream, bool is_paused)
{
	proc->host->ops->pause(proc, stream, is_paused);
}

/*
 * Nobody wants what comes on a stream: a running command that writes there
 * gets the SIGPIPE that it would have got without us. Not from `output`.
 */
static inline void
proc_shut(struct proc *proc, int stream)
{
	proc->host->ops->shut(proc, stream);
}

#endif
