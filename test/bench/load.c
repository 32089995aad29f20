/*
 * How long a jobfile takes to be read, checked and asked for each job's next
 * fire, beside libyaml's bare events of the same file, turn by turn; and the
 * memory of it. An entry has five keys, one a map of two variables.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <yaml.h>

#include "lib/base/mem.h"
#include "lib/jobfile/jobfile.h"

#define ROUNDS_MAX 9

/* The process's own time: nothing here waits, and others may run beside it. */
static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void
die(const char *what)
{
	fprintf(stderr, "load: %s\n", what);
	exit(1);
}

static void
write_jobs(const char *path, int n)
{
	FILE *out = fopen(path, "w");
	int i;

	if (out == NULL)
		die("cannot write a jobfile");
	fprintf(out, "timezone: UTC\njobs:\n");
	for (i = 0; i < n; i++)
		fprintf(out,
		    "  job-%d:\n"
		    "    cron: \"%d %d * * 1-5\"\n"
		    "    command: /usr/local/bin/report --id %d --out "
		    "\"/var/lib/x/%d.txt\"\n"
		    "    timeout: 30s\n"
		    "    retry: 3\n"
		    "    env: {LEVEL: info, ID: \"%d\"}\n",
		    i, i % 60, i % 24, i, i, i);
	if (fclose(out) != 0)
		die("cannot write a jobfile");
}

static double
time_events(const char *path)
{
	double start = now_ms();
	yaml_parser_t parser;
	yaml_event_t event;
	bool done = false;
	FILE *in = fopen(path, "rb");

	if (in == NULL || yaml_parser_initialize(&parser) == 0)
		die("cannot read the jobfile");
	yaml_parser_set_input_file(&parser, in);
	while (!done) {
		if (yaml_parser_parse(&parser, &event) == 0)
			die("the jobfile is not YAML");
		done = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	fclose(in);
	return now_ms() - start;
}

static void
load(const char *path, struct jobfile *file)
{
	struct errlist errors = { 0 }, warnings = { 0 };
	size_t i;

	if (!jobfile_load(path, JOBFILE_TRUST_FILE, file, &errors, &warnings))
		die(errors.item[0].msg);
	for (i = 0; i < file->n; i++)
		if (when_next(&file->job[i].when, INT64_C(1767225600000)) ==
		    WHEN_NEVER)
			die("a job is never due");
	errlist_release(&warnings);
}

static double
time_load(const char *path, struct jobfile *file)
{
	double start = now_ms();

	load(path, file);
	return now_ms() - start;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *list, int n)
{
	qsort(list, (size_t)n, sizeof *list, compare);
	return list[n / 2];
}

/* VmRSS or VmHWM of this process, in kB. */
static long
memory_kb(const char *what)
{
	FILE *in = fopen("/proc/self/status", "r");
	char line[256];
	long kb = 0;

	while (in != NULL && fgets(line, sizeof line, in) != NULL)
		if (strncmp(line, what, strlen(what)) == 0)
			kb = strtol(line + strlen(what) + 1, NULL, 10);
	if (in != NULL)
		fclose(in);
	return kb;
}

struct cost {
	double ms;
	long kept_kb, peak_kb;
};

static struct cost
cost_of_events(const char *path)
{
	return (struct cost){ .ms = time_events(path) };
}

static struct cost
cost_of_load(const char *path)
{
	long before = memory_kb("VmRSS");
	struct jobfile file;
	struct cost cost;

	cost.ms = time_load(path, &file);
	cost.kept_kb = memory_kb("VmRSS") - before;
	cost.peak_kb = memory_kb("VmHWM") - before;
	return cost;
}

/* In a process that has done nothing else: as wjobs does it, once. */
static struct cost
measure_apart(struct cost (*measure)(const char *path), const char *path)
{
	struct cost cost = { 0 };
	int fd[2], status;
	pid_t pid;

	if (pipe(fd) != 0 || (pid = fork()) < 0)
		die("cannot fork");
	if (pid == 0) {
		cost = measure(path);
		_exit(write(fd[1], &cost, sizeof cost) != (ssize_t)sizeof cost);
	}
	close(fd[1]);
	if (read(fd[0], &cost, sizeof cost) != (ssize_t)sizeof cost ||
	    waitpid(pid, &status, 0) != pid || status != 0)
		die("the measurement failed");
	close(fd[0]);
	return cost;
}

static void
print_time(int n, double load_ms, double events_ms)
{
	printf("load, check and first next of %d jobs|%.2f ms|%.2f ms libyaml "
	       "events|%.2f|%s\n",
	    n, load_ms, events_ms, load_ms / events_ms,
	    n >= 10000 ? "<= 1.6" : "-");
}

static void
print_memory(int n, struct cost cost)
{
	double bytes = (double)cost.kept_kb * 1024 / n;

	printf("memory kept a job, of %d|%.0f bytes|%.1f MB in all|-|%s\n", n,
	    bytes, (double)cost.kept_kb / 1024, n >= 10000 ? "<= 800" : "-");
	if (n >= 10000)
		printf("peak while loading %d jobs|%.1f MB|%.1f MB kept|%.2f"
		       "|<= 1.5\n",
		    n, (double)cost.peak_kb / 1024, (double)cost.kept_kb / 1024,
		    (double)cost.peak_kb / (double)cost.kept_kb);
}

static void
measure(const char *path, int n, int rounds)
{
	double ours[ROUNDS_MAX], bare[ROUNDS_MAX];
	struct cost cost = { 0 };
	int i;

	write_jobs(path, n);
	for (i = 0; i < rounds; i++) {
		bare[i] = measure_apart(cost_of_events, path).ms;
		cost = measure_apart(cost_of_load, path);
		ours[i] = cost.ms;
	}
	print_time(n, median(ours, rounds), median(bare, rounds));
	print_memory(n, cost);
	unlink(path);
}

int
main(void)
{
	const char *dir = getenv("BENCH_DIR");
	char *path = mem_printf("%s/load.yaml", dir != NULL ? dir : "/tmp");

	measure(path, 10, ROUNDS_MAX);
	measure(path, 10000, ROUNDS_MAX);
	measure(path, 100000, 7);
	free(path);
	return 0;
}
