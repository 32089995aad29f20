/*
 * What a lock costs: `wjobs lock KEY -- CMD` beside flock(1), the same in a
 * Redis of its own, and a job's lock beside the same job without; turn by turn.
 */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/mem.h"

#define ROUNDS 400
#define START  500 /* looks at a Redis that starts, 10 ms apart */

extern char **environ;

struct subject {
	const char *name;
	const char *argv[12];
	double ms[ROUNDS];
	double median_ms;
};

static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static pid_t
start(const char *const *argv)
{
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(
	    &actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&pid, argv[0], &actions, NULL,
		(char **)(uintptr_t)argv, environ) != 0)
		pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static double
time_one(const struct subject *subject)
{
	double begin_ms = now_ms();
	int status = -1;
	pid_t pid = start(subject->argv);

	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		fprintf(stderr, "%s fails: %d\n", subject->name, status);
		exit(1);
	}
	return now_ms() - begin_ms;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
measure(struct subject *subject, size_t n)
{
	size_t i;
	int round;

	for (round = -1; round < ROUNDS; round++)
		for (i = 0; i < n; i++) {
			double ms = time_one(&subject[i]);

			if (round >= 0) /* the first makes what is missing */
				subject[i].ms[round] = ms;
		}
	for (i = 0; i < n; i++) {
		qsort(subject[i].ms, ROUNDS, sizeof subject[i].ms[0], compare);
		subject[i].median_ms = subject[i].ms[ROUNDS / 2];
	}
}

static void
print(const struct subject *subject, const struct subject *limit,
    const char *target)
{
	printf("%s|%.2f ms|%.2f ms %s|%.2f|%s\n", subject->name,
	    subject->median_ms, limit->median_ms, limit->name,
	    subject->median_ms / limit->median_ms, target);
}

/* flock(1), and us in its place; with the libraries' archives where built. */
static void
bench_flock(const char *wjobs, const char *fast, const char *dir)
{
	char *file = mem_printf("%s/flock", dir);
	struct subject subject[] = {
		{ .name = "flock -n FILE true",
		    .argv = { "flock", "-n", file, "/bin/true" } },
		{ .name = "lock KEY -- true",
		    .argv = { wjobs, "lock", "k", "--", "/bin/true" } },
		{ .name = "lock KEY -- true, static",
		    .argv = { fast, "lock", "k", "--", "/bin/true" } },
	};

	measure(subject, fast != NULL ? 3 : 2);
	print(&subject[1], &subject[0], "<= 1.15");
	if (fast != NULL)
		print(&subject[2], &subject[0], "<= 1.15");
	free(file);
}

static void
bench_job(const char *wjobs, const char *dir)
{
	char *path = mem_printf("%s/lock.yaml", dir);
	FILE *file = fopen(path, "w");
	struct subject subject[] = {
		{ .name = "run JOB",
		    .argv = { wjobs, "-f", path, "run", "plain" } },
		{ .name = "run JOB, with a lock",
		    .argv = { wjobs, "-f", path, "run", "locked" } },
	};

	if (file == NULL)
		exit(1);
	fputs("jobs:\n"
	      "  plain: { interval: 1d, command: [ /bin/true ] }\n"
	      "  locked: { interval: 1d, lock: k, command: [ /bin/true ] }\n",
	    file);
	fclose(file);
	measure(subject, 2);
	print(&subject[1], &subject[0], "<= 1.1");
	free(path);
}

static bool
is_there(const char *path)
{
	struct timespec pause = { .tv_nsec = 10000000 };
	int i;

	for (i = 0; i < START && access(path, F_OK) != 0; i++)
		nanosleep(&pause, NULL);
	return i < START;
}

static void
bench_redis(const char *wjobs, const char *dir)
{
	char *socket = mem_printf("%s/lock.sock", dir);
	char *url = mem_printf("redis+unix://%s", socket);
	const char *server[] = { "redis-server", "--port", "0", "--unixsocket",
		socket, "--save", "", "--dir", dir, NULL };
	struct subject subject[] = {
		{ .name = "lock KEY -- true, beside a file",
		    .argv = { wjobs, "lock", "k", "--", "/bin/true" } },
		{ .name = "lock KEY -- true, in Redis",
		    .argv = { wjobs, "lock", "--store", url, "k", "--",
			"/bin/true" } },
	};
	pid_t pid = start(server);

	if (pid < 0) {
		fputs("no redis-server\n", stderr);
	} else {
		if (is_there(socket)) {
			measure(subject, 2);
			print(&subject[1], &subject[0], "-");
		}
		kill(pid, SIGTERM);
		waitpid(pid, NULL, 0);
	}
	free(url);
	free(socket);
}

int
main(void)
{
	const char *wjobs = getenv("WJOBS"), *fast = getenv("WJOBS_STATIC");
	const char *dir = getenv("BENCH_DIR");

	if (wjobs == NULL || dir == NULL)
		return 2;
	if (fast != NULL && access(fast, X_OK) != 0)
		fast = NULL;
	bench_flock(wjobs, fast, dir);
	bench_job(wjobs, dir);
	bench_redis(wjobs, dir);
	return 0;
}
