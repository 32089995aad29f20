/*
 * What a one-shot command costs from start to end, beside /bin/true and beside
 * a wjobs that does nothing, turn by turn: they live in scripts.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/store/place.h"
#include "lib/store/store.h"

#define JOBS   100
#define RUNS   100000 /* in the store */
#define BATCH  1000
#define ROUNDS 300

extern char **environ;

struct subject {
	const char *name;
	const char *argv[8];
	double ms[ROUNDS];
	double median_ms;
};

static double
startup_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static double
startup_time(const struct subject *subject)
{
	posix_spawn_file_actions_t actions;
	double begin_ms;
	int status = -1;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(
	    &actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	begin_ms = startup_now_ms();
	if (posix_spawn(&pid, subject->argv[0], &actions, NULL,
		(char **)(uintptr_t)subject->argv, environ) != 0 ||
	    waitpid(pid, &status, 0) != pid || status != 0) {
		fprintf(stderr, "%s fails: %d\n", subject->name, status);
		exit(1);
	}
	begin_ms = startup_now_ms() - begin_ms;
	posix_spawn_file_actions_destroy(&actions);
	return begin_ms;
}

static int
startup_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
startup_measure(struct subject *subject, size_t n)
{
	size_t i;
	int round;

	for (round = 0; round < ROUNDS; round++)
		for (i = 0; i < n; i++)
			subject[i].ms[round] = startup_time(&subject[i]);
	for (i = 0; i < n; i++) {
		qsort(subject[i].ms, ROUNDS, sizeof subject[i].ms[0],
		    startup_compare);
		subject[i].median_ms = subject[i].ms[ROUNDS / 2];
	}
}

static void
startup_write_jobfile(const char *path)
{
	FILE *file = fopen(path, "w");
	int i;

	if (file == NULL)
		exit(1);
	fputs("timezone: Europe/Berlin\njobs:\n", file);
	for (i = 0; i < JOBS; i++)
		fprintf(file,
		    "  job%d:\n    cron: \"%d 3 * * *\"\n"
		    "    command: echo %d\n",
		    i, i % 60, i);
	fclose(file);
}

static struct store_op *
startup_run(int i)
{
	struct record record;
	struct store_op *op;

	record_init(&record);
	record.job = mem_printf("job%d", i % JOBS);
	record.kind = mem_strdup("cron");
	record.status = RECORD_COMPLETED;
	record.scheduled_ms = INT64_C(1700000000000) + i * INT64_C(1000);
	record.started_ms = record.scheduled_ms;
	record.completed_ms = record.started_ms + 500;
	record.duration_ms = 500;
	record.attempt = 1;
	record.id = ulid_make(record.scheduled_ms);
	op = store_op_new(STORE_END, &record);
	op->watermark_ms = record.scheduled_ms;
	record_release(&record);
	return op;
}

static void
startup_fill(const char *jobfile)
{
	struct store_limits limits = { RUNS, -1, 0 };
	struct store_op *op[BATCH];
	struct store_place place;
	struct store *store;
	struct err err = { 0 };
	int i, j;

	if (!store_place_find(jobfile, "wjobs.db", &place, &err) ||
	    !store_place_make(&place, &err) ||
	    store_open(place.store, STORE_WRITE, limits, &store, NULL, &err) !=
		STORE_OPENED) {
		fprintf(stderr, "%s\n", err.msg);
		exit(1);
	}
	for (i = 0; i < RUNS; i += BATCH) {
		for (j = 0; j < BATCH; j++)
			op[j] = startup_run(i + j);
		if (!store_apply(store, op, BATCH, &err))
			exit(1);
		for (j = 0; j < BATCH; j++)
			store_op_free(op[j]);
	}
	store_close(store);
	store_place_release(&place);
}

/* The promise is one of the build with the libraries' archives. */
static const char *
startup_target(const char *wjobs, const char *target)
{
	return strstr(wjobs, "/static/") != NULL ? target : "-";
}

static void
startup_print(const struct subject *subject, const struct subject *limit,
    const char *target)
{
	printf("start-up: %s|%.2f ms|%.2f ms %s|%.2f|%s\n", subject->name,
	    subject->median_ms, limit->median_ms, limit->name,
	    subject->median_ms / limit->median_ms, target);
}

static void
startup_print_over(const struct subject *subject, const struct subject *limit)
{
	printf("start-up: %s, over it|%.2f ms|%.2f ms %s|-|<= 1\n",
	    subject->name, subject->median_ms - limit->median_ms,
	    limit->median_ms, limit->name);
}

int
main(void)
{
	const char *wjobs = getenv("WJOBS"), *dir = getenv("BENCH_DIR");
	char *jobfile = mem_printf("%s/startup.yaml", dir != NULL ? dir : ".");
	struct subject subject[] = {
		{ .name = "/bin/true", .argv = { "/bin/true" } },
		{ .name = "--version", .argv = { wjobs, "--version" } },
		{ .name = "next EXPR",
		    .argv = { wjobs, "next", "0 3 * * 1-5" } },
		{ .name = "next, 100 jobs",
		    .argv = { wjobs, "-f", jobfile, "next" } },
		{ .name = "history JOB",
		    .argv = { wjobs, "-f", jobfile, "history", "job7" } },
		{ .name = "logs JOB",
		    .argv = { wjobs, "-f", jobfile, "logs", "job7" } },
	};

	if (wjobs == NULL)
		return 2;
	startup_write_jobfile(jobfile);
	startup_fill(jobfile);
	startup_measure(subject, sizeof subject / sizeof subject[0]);
	startup_print(
	    &subject[1], &subject[0], startup_target(wjobs, "<= 1.5"));
	startup_print(
	    &subject[2], &subject[0], startup_target(wjobs, "<= 1.5"));
	startup_print(&subject[3], &subject[0], "-");
	startup_print_over(&subject[4], &subject[1]);
	startup_print_over(&subject[5], &subject[1]);
	free(jobfile);
	return 0;
}
