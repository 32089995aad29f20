#include "test/bench/lib/queue.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/store/place.h"
#include "lib/store/queue.h"
#include "test/bench/lib/daemon.h"
#include "test/bench/lib/turns.h"

extern char **environ;

void
bench_queue_make(struct bench_queue *queue, const char *name, const char *url)
{
	char *stamp = bench_program("stamp"), *file;
	FILE *f;

	file = mem_printf("%s.yaml", name);
	queue->jobfile = bench_path(file);
	free(file);
	file = mem_printf("%s.db", name);
	queue->store = url != NULL ? mem_strdup(url) : bench_path(file);
	free(file);
	f = fopen(queue->jobfile, "w");
	if (f == NULL)
		bench_die("cannot write '%s'", queue->jobfile);
	fprintf(f,
	    "store: \"%s\"\nqueue: { workers: 4, size: 200000 }\n"
	    "handlers:\n"
	    "  noop: { command: [/bin/true] }\n"
	    "  later: { command: [/bin/true] }\n"
	    "  stamp: { command: [\"%s\", \"%s.stamps\", \"x\"] }\n",
	    queue->store, stamp, queue->jobfile);
	fclose(f);
	free(stamp);
}

void
bench_queue_fill(
    const struct bench_queue *queue, const char *handler, int priority, int n)
{
	if (turns_script("seq %d | \"${WJOBS:-build/wjobs}\" -f '%s' enqueue "
			 "%s --priority %d --lines",
		n, queue->jobfile, handler, priority) < 0)
		bench_die("'wjobs enqueue --lines' fails");
}

struct store *
bench_queue_open(const struct bench_queue *queue)
{
	struct store_limits limits = { 100, -1, 0 };
	struct store_place place;
	struct store *store;
	struct err err = { 0 };

	if (!store_place_find(queue->jobfile, queue->store, &place, &err) ||
	    store_open(place.store, STORE_READ, limits, &store, NULL, &err) !=
		STORE_OPENED)
		bench_die("cannot open '%s': %s", queue->store, err.msg);
	store_place_release(&place);
	return store;
}

int64_t
bench_queue_left(struct store *store)
{
	struct queue_counts counts;
	struct err err;

	if (!queue_count(store, NULL, &counts, &err))
		bench_die("cannot count: %s", err.msg);
	return counts.by_state[WORK_READY] + counts.by_state[WORK_DELAYED] +
	    counts.by_state[WORK_RUNNING];
}

static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

double
bench_call_ms(const char *const *argv)
{
	posix_spawn_file_actions_t actions;
	double began = now_ms();
	int status = -1;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(
	    &actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(
	    &actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv,
		environ) != 0 ||
	    waitpid(pid, &status, 0) != pid || status != 0)
		bench_die("'%s' fails: %d", argv[0], status);
	posix_spawn_file_actions_destroy(&actions);
	return now_ms() - began;
}
