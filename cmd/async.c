#include "cmd/async.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/errand.h"
#include "cmd/filter.h"
#include "lib/base/mem.h"
#include "lib/process/program.h"
#include "lib/process/spawn.h"

/*
 * The caller's side. The other process writes the id to its standard output,
 * which is a pipe to us, once the store has it, and then lets go of all that is
 * ours. Where it cannot, it says so on our standard error, and its status is
 * ours.
 */
#define ASYNC_MARK "WJOBS_POOL_ASYNC"

/* The one that was started so, and not one that it started in turn. */
static bool
async_is_other(void)
{
	const char *mark = getenv(ASYNC_MARK);

	return mark != NULL && strtoll(mark, NULL, 10) == (long long)getppid();
}

static void
async_mark(void)
{
	char text[24];

	snprintf(text, sizeof text, "%lld", (long long)getpid());
	setenv(ASYNC_MARK, text, 1);
}

static bool
async_start(const struct cli *cli, int out, pid_t *pid, struct err *err)
{
	char *path = program_resolve(cli->words[0], getenv("PATH"), NULL, err);
	struct spawn spawn = { .path = path != NULL ? path : "/proc/self/exe",
		.argv = (const char *const *)cli->words,
		.envp = (const char *const *)environ,
		.fd = { -1, out, STDERR_FILENO } };
	enum spawn_step step;
	bool ok;

	ok = spawn_start(&spawn, pid, &step, err);
	free(path);
	return ok;
}

static void
async_read(int fd, struct str *text)
{
	char buf[256];
	ssize_t n;

	while ((n = read(fd, buf, sizeof buf)) != 0) {
		if (n > 0)
			str_addn(text, buf, (size_t)n);
		else if (errno != EINTR)
			break;
	}
}

/* Its status, where it has ended without an id. */
static int
async_reap(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		return FILTER_SIGNAL_BASE + WTERMSIG(status);
	return WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : FILTER_FAILED;
}

static int
async_call(struct cli *cli, struct err *err)
{
	struct str id = { 0 };
	int fd[2], status = CMD_FAILED;
	pid_t pid;
	bool ok;

	if (pipe2(fd, O_CLOEXEC) != 0) {
		err_sys(err, errno, "cannot make a pipe");
		return status;
	}
	async_mark();
	ok = async_start(cli, fd[1], &pid, err);
	close(fd[1]);
	if (ok) {
		*err = (struct err){ 0 };
		async_read(fd[0], &id);
		status = id.len > 0 ? 0 : async_reap(pid);
		fputs(str_text(&id), stdout);
	}
	close(fd[0]);
	str_release(&id);
	return status;
}

int
async_run(struct cli *cli, const struct slots_options *options, char **argv,
    struct err *err)
{
	char *path;

	if (async_is_other()) {
		unsetenv(ASYNC_MARK);
		return errand_run(cli, options, argv, err);
	}
	path = program_resolve(argv[0], getenv("PATH"), NULL, err);
	if (path == NULL)
		return filter_spawn_status(err->sys);
	free(path);
	return async_call(cli, err);
}
