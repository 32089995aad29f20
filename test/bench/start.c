/*
 * How long a command that does next to nothing takes, beside /bin/true, turn
 * by turn: wjobs as it is, and as `make STATIC=1` links it, for $WJOBS_STATIC.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "test/bench/lib/daemon.h"

#define ROUNDS 15
#define CALLS  20

extern char **environ;

struct contestant {
	const char *what, *target;
	const char *argv[4];
	double ms[ROUNDS], ratio[ROUNDS];
};

static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static double
time_calls(const char *const *argv)
{
	posix_spawn_file_actions_t actions;
	double began = now_ms();
	int i, status;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	for (i = 0; i < CALLS; i++)
		if (posix_spawn(&pid, argv[0], &actions, NULL,
			(char *const *)argv, environ) != 0 ||
		    waitpid(pid, &status, 0) != pid || status != 0)
			bench_die("'%s' failed", argv[0]);
	posix_spawn_file_actions_destroy(&actions);
	return (now_ms() - began) / CALLS;
}

static void
measure(struct contestant *list, size_t n)
{
	static const char *const bare[] = { "/bin/true", NULL };
	double limit[ROUNDS];
	size_t k;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		limit[i] = time_calls(bare);
		for (k = 0; k < n; k++) {
			list[k].ms[i] = time_calls(list[k].argv);
			list[k].ratio[i] = list[k].ms[i] / limit[i];
		}
	}
	for (k = 0; k < n; k++)
		printf("%s|%.2f ms|%.2f ms /bin/true|%.2f|%s\n", list[k].what,
		    bench_median(list[k].ms, ROUNDS),
		    bench_median(limit, ROUNDS),
		    bench_median(list[k].ratio, ROUNDS), list[k].target);
}

int
main(void)
{
	const char *plain = getenv("WJOBS"), *linked = getenv("WJOBS_STATIC");
	struct contestant list[] = {
		{ "start of wjobs --version, STATIC=1", "<= 1.5",
		    { linked, "--version" }, { 0 }, { 0 } },
		{ "start of wjobs next EXPR, STATIC=1", "<= 1.5",
		    { linked, "next", "* * * * *" }, { 0 }, { 0 } },
		{ "start of wjobs --version", "-", { plain, "--version" },
		    { 0 }, { 0 } },
		{ "start of wjobs next EXPR", "-",
		    { plain, "next", "* * * * *" }, { 0 }, { 0 } },
	};
	bool is_linked = linked != NULL && access(linked, X_OK) == 0;

	if (plain == NULL)
		bench_die("$WJOBS is not set");
	if (!is_linked)
		fprintf(
		    stderr, "no STATIC=1 build: its libraries are missing\n");
	measure(is_linked ? list : list + 2, is_linked ? 4 : 2);
	return 0;
}
