#include "lib/process/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/process/linux.h"

/* What a shell looks at, to tell a script from a broken binary. */
#define SNIFF_LEN 128
/*
 * Without close_range descriptors are marked one by one: so many of those that
 * we were born with, once, and so many in each child.
 */
#define MARK_BORN  65536
#define MARK_CHILD 1024

/* What the child tells its parent where it cannot go on. */
struct failure {
	enum spawn_step step;
	int sys;
};

/*
 * vfork's child tells it in the memory that the two share, and has told it when
 * vfork returns. Valgrind and others make vfork a fork: until it is known that
 * the memory is shared, a close-on-exec pipe carries it too.
 */
struct report {
	struct failure failure;
	bool is_shared; /* the child's mark was seen here */
	int pipe;       /* -1: none is needed */
};

static bool is_memory_shared;

/* Found by spawn_setup. */
static bool is_setup;
static int null_fd = -1;
/* Bits of real-time ones not at their default; a sigset_t takes not all. */
static uint64_t odd_signals;

#define SIGNALS_STANDARD 32 /* below: any of ours may have a handler */

/*
 * The child's side. From here to exec its memory is the parent's own, which
 * stands still meanwhile: only async-signal-safe calls, no allocation, and
 * nothing is changed but the child's own locals. All signals are blocked.
 */
static _Noreturn void
child_fail(volatile struct report *report, enum spawn_step step)
{
	struct failure failure = { .step = step, .sys = errno };
	ssize_t n;

	report->failure.step = failure.step;
	report->failure.sys = failure.sys;
	if (report->pipe >= 0) {
		n = write(report->pipe, &failure, sizeof failure);
		(void)n;
	}
	_exit(127);
}

/*
 * A handler would run in the parent's memory, and what was ignored (by nohup,
 * or by a parent of ours) would stay so over exec. To ignore it once drops
 * what is pending: a Ctrl-C that was meant for us.
 */
static void
child_reset_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	static const int terminal[] = { SIGINT, SIGQUIT, SIGTSTP, SIGHUP };
	size_t i;
	int sig;

	action.sa_handler = SIG_IGN;
	for (i = 0; i < ARRAY_LEN(terminal); i++)
		sigaction(terminal[i], &action, NULL);
	action.sa_handler = SIG_DFL;
	for (sig = 1; sig < NSIG; sig++)
		if ((sig < SIGNALS_STANDARD || !is_setup ||
			(odd_signals >> (sig - 1) & 1) != 0) &&
		    sigaction(sig, &action, NULL) != 0)
			linux_default_signal(sig);
}

/* fd[i] becomes i; those that stand in another's place step aside first. */
static bool
child_place_fds(const int *wanted)
{
	int fd[3], i, null = null_fd;

	for (i = 0; i < 3; i++) {
		fd[i] = wanted[i];
		if (fd[i] < 0 && null < 0)
			null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd[i] < 0)
			fd[i] = null;
		if (fd[i] >= 0 && fd[i] < 3 && fd[i] != i)
			fd[i] = fcntl(fd[i], F_DUPFD_CLOEXEC, 3);
		if (fd[i] < 0)
			return false;
	}
	for (i = 0; i < 3; i++)
		if (fd[i] == i ? fcntl(i, F_SETFD, 0) < 0 : dup2(fd[i], i) < 0)
			return false;
	return true;
}

/* Async-signal-safe. */
static void
mark_fds(int end)
{
	struct rlimit limit;
	int fd;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    limit.rlim_cur < (rlim_t)end)
		end = (int)limit.rlim_cur;
	for (fd = 3; fd < end; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/*
 * Nothing in wjobs handles or ignores a real-time signal: what is odd about
 * one, we were born with. One that cannot be asked about counts as odd.
 */
static void
find_odd_signals(void)
{
	struct sigaction action;
	int sig;

	odd_signals = 0;
	for (sig = SIGNALS_STANDARD; sig < NSIG; sig++)
		if (sigaction(sig, NULL, &action) != 0 ||
		    action.sa_handler != SIG_DFL)
			odd_signals |= UINT64_C(1) << (sig - 1);
}

void
spawn_setup(void)
{
	find_odd_signals();
	if (null_fd < 0)
		null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	is_setup = true;
	if (!linux_cloexec_from(3))
		mark_fds(MARK_BORN);
}

void
spawn_teardown(void)
{
	if (null_fd >= 0)
		close(null_fd);
	null_fd = -1;
	is_setup = false;
}

static void
child_mark_fds(void)
{
	if (!linux_cloexec_from(3))
		mark_fds(MARK_CHILD);
}

static _Noreturn void
child_run(const struct spawn *spawn, volatile struct report *report)
{
	sigset_t none;

	report->is_shared = true;
	if (setsid() < 0)
		child_fail(report, SPAWN_SESSION);
	child_reset_signals();
	if (!child_place_fds(spawn->fd))
		child_fail(report, SPAWN_FDS);
	if (!spawn->keep_fds)
		child_mark_fds();
	if (spawn->death_signal != 0)
		linux_die_with_parent(spawn->death_signal);
	if (spawn->dir != NULL && chdir(spawn->dir) != 0)
		child_fail(report, SPAWN_DIR);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(spawn->path, (char *const *)spawn->argv,
	    (char *const *)spawn->envp);
	child_fail(report, SPAWN_EXEC);
}

static bool
read_report(int fd, struct failure *failure)
{
	ssize_t n;

	do
		n = read(fd, failure, sizeof *failure);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof *failure;
}

/*
 * vfork, with signals blocked round it so that none of our handlers can run in
 * the child.
 */
static pid_t
spawn_vfork(const struct spawn *spawn, volatile struct report *report)
{
	sigset_t all, old;
	pid_t pid;
	int sys;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = vfork();
	if (pid == 0)
		child_run(spawn, report);
	sys = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = sys;
	return pid;
}

/* The same with a pipe, which is closed where the child has gone on. */
static pid_t
spawn_with_pipe(const struct spawn *spawn, volatile struct report *report)
{
	struct failure failure;
	int fd[2], sys;
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC) != 0)
		return -1;
	report->pipe = fd[1];
	pid = spawn_vfork(spawn, report);
	sys = errno;
	close(fd[1]);
	if (pid > 0 && read_report(fd[0], &failure)) {
		report->failure.step = failure.step;
		report->failure.sys = failure.sys;
	}
	close(fd[0]);
	is_memory_shared = report->is_shared;
	errno = sys;
	return pid;
}

/* 0, or the errno of the step that failed. */
static int
spawn_once(const struct spawn *spawn, pid_t *pid, enum spawn_step *step)
{
	volatile struct report report = { .failure = { SPAWN_FORK, 0 },
		.pipe = -1 };
	pid_t child = is_memory_shared ? spawn_vfork(spawn, &report)
				       : spawn_with_pipe(spawn, &report);

	if (child < 0)
		report.failure.sys = errno;
	if (child > 0 && report.failure.sys != 0)
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
	if (report.failure.sys == 0)
		*pid = child;
	*step = report.failure.step;
	return report.failure.sys;
}

/* As shells do: a NUL in the first line means that it is no text. */
static bool
is_script(const char *path, const char *from)
{
	int dir = AT_FDCWD, fd;
	char buf[SNIFF_LEN], *line;
	ssize_t n;

	if (from != NULL)
		dir = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (dir >= 0)
		close(dir);
	if (fd < 0)
		return false;
	n = read(fd, buf, sizeof buf);
	close(fd);
	if (n < 0)
		return false;
	line = memchr(buf, '\n', (size_t)n);
	return memchr(buf, '\0',
		   line != NULL ? (size_t)(line - buf) : (size_t)n) == NULL;
}

static const char **
shell_argv(const char *path, const char *const *words)
{
	const char **argv;
	size_t n = 0;

	while (words[n] != NULL)
		n++;
	argv = mem_zalloc(n + 3, sizeof *argv);
	argv[0] = "/bin/sh";
	argv[1] = path;
	if (n > 1)
		memcpy(argv + 2, words + 1, (n - 1) * sizeof *argv);
	return argv;
}

static int
spawn_script(const struct spawn *spawn, pid_t *pid, enum spawn_step *step)
{
	const char **argv = shell_argv(spawn->path, spawn->argv);
	struct spawn shell = *spawn;
	int sys;

	shell.path = argv[0];
	shell.argv = argv;
	sys = spawn_once(&shell, pid, step);
	free(argv);
	return sys;
}

static bool
fail_at(
    const struct spawn *spawn, enum spawn_step step, int sys, struct err *err)
{
	switch (step) {
	case SPAWN_FORK:
		return err_sys(err, sys, "cannot start a process");
	case SPAWN_SESSION:
		return err_sys(err, sys, "cannot start a session");
	case SPAWN_DIR:
		return err_sys(
		    err, sys, "cannot change to directory '%s'", spawn->dir);
	case SPAWN_FDS:
		return err_sys(err, sys, "cannot set up descriptors");
	case SPAWN_EXEC:
		break;
	}
	return err_sys(err, sys, "cannot run '%s'", spawn->path);
}

bool
spawn_start(const struct spawn *spawn, pid_t *pid, enum spawn_step *step,
    struct err *err)
{
	enum spawn_step failed;
	int sys = spawn_once(spawn, pid, &failed);

	if (sys == ENOEXEC && failed == SPAWN_EXEC &&
	    is_script(spawn->path, spawn->dir))
		sys = spawn_script(spawn, pid, &failed);
	if (sys == 0)
		return true;
	*step = failed;
	return fail_at(spawn, failed, sys, err);
}

static void
set_sigpipe(void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	sigaction(SIGPIPE, &action, NULL);
}

bool
spawn_become(const char *path, const char *const *argv, const char *const *envp,
    struct err *err)
{
	const char **words;

	set_sigpipe(SIG_DFL);
	execve(path, (char *const *)argv, (char *const *)envp);
	if (errno == ENOEXEC && is_script(path, NULL)) {
		words = shell_argv(path, argv);
		execve(words[0], (char *const *)words, (char *const *)envp);
		free(words);
	}
	err_sys(err, errno, "cannot run '%s'", path);
	set_sigpipe(SIG_IGN);
	return false;
}
