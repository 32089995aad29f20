/*
 * What it costs to put one piece of work in: the process beside one that only
 * writes a row, while a daemon holds the store; and how long after its call the
 * work begins. Beside nq and task-spooler where they are installed. All take
 * turns.
 */
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "test/bench/lib/daemon.h"
#include "test/bench/lib/queue.h"
#include "test/bench/lib/redis.h"
#include "test/bench/lib/turns.h"

#define CALLS  300
#define STARTS 200

struct caller {
	const char *what;
	const char *argv[12];
	bool is_there;
	double ms[CALLS], start_ms[STARTS];
};

enum {
	NOTHING,
	FLOOR_FILE,
	FLOOR_REDIS,
	FILE_STORE,
	STATIC_FILE_STORE,
	REDIS_STORE,
	NQ,
	TSP,
	CALLERS
};

static struct caller caller[CALLERS];
static const char *wjobs;

/* A table as small as may be; held open from here until the end. */
static char *
hold_database(void)
{
	char *path = bench_path("floor.db");
	sqlite3 *db;

	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    sqlite3_exec(db,
		"PRAGMA journal_mode = WAL;"
		"CREATE TABLE work(id INTEGER PRIMARY KEY, handler TEXT,"
		" due INTEGER, state INTEGER, payload BLOB);"
		"CREATE INDEX work_state ON work(state, id)",
		NULL, NULL, NULL) != SQLITE_OK)
		bench_die("cannot make '%s'", path);
	return path;
}

static void
caller_set(int who, const char *what, const char *program, const char *a,
    const char *b, const char *c, const char *d)
{
	const char *const argv[] = { program, a, b, c, d };

	caller[who].what = what;
	caller[who].is_there = program != NULL;
	memcpy(caller[who].argv, argv, sizeof argv);
}

static bool
is_installed(const char *name)
{
	bool is_there = turns_script("command -v %s >/dev/null", name) >= 0;

	if (!is_there)
		fprintf(stderr, "no %s here\n", name);
	return is_there;
}

static void
callers_make(const struct bench_queue *file, const struct bench_queue *redis,
    const char *url)
{
	const char *static_wjobs = getenv("WJOBS_STATIC");
	char *floor = bench_program("floor");
	const char *socket = url + strlen("redis+unix://");

	if (static_wjobs != NULL && access(static_wjobs, X_OK) != 0)
		static_wjobs = NULL;
	caller_set(NOTHING, "/bin/true", "/bin/true", NULL, NULL, NULL, NULL);
	caller_set(FLOOR_FILE, "bare insert", floor, "sqlite", hold_database(),
	    NULL, NULL);
	caller_set(
	    FLOOR_REDIS, "bare LPUSH", floor, "redis", socket, NULL, NULL);
	caller_set(FILE_STORE, "enqueue", wjobs, "-f", file->jobfile, "enqueue",
	    "noop");
	caller_set(STATIC_FILE_STORE, "enqueue, static", static_wjobs, "-f",
	    file->jobfile, "enqueue", "noop");
	caller_set(REDIS_STORE, "enqueue, Redis", wjobs, "-f", redis->jobfile,
	    "enqueue", "noop");
	if (is_installed("nq"))
		caller_set(NQ, "nq", "nq", "/bin/true", NULL, NULL, NULL);
	if (is_installed("tsp"))
		caller_set(
		    TSP, "task-spooler", "tsp", "-n", "/bin/true", NULL, NULL);
}

/* ---- a call */

/* Work that is begun while others are measured would be in their way. */
#define REST_US 3000

static void
calls_measure(void)
{
	int i, k, who;

	for (i = 0; i < CALLS; i++) {
		for (k = 0; k < CALLERS; k++) {
			who = (k + i * 3) % CALLERS;
			if (!caller[who].is_there)
				continue;
			caller[who].ms[i] = bench_call_ms(caller[who].argv);
			usleep(REST_US);
		}
	}
}

static double
call_ms(int who)
{
	return bench_median(caller[who].ms, CALLS);
}

static void
calls_print(int ours, int limit, const char *target)
{
	if (!caller[ours].is_there || !caller[limit].is_there)
		return;
	printf("%s: the call|%.2f ms|%.2f ms %s|%.2f|%s\n", caller[ours].what,
	    call_ms(ours), call_ms(limit), caller[limit].what,
	    call_ms(ours) / call_ms(limit), target);
}

/* ---- from the call to the start */

/* The time in the last line of the file, once it has grown past `size`. */
static double
stamp_wait(const char *path, off_t size)
{
	double limit = bench_now_s() + 10, at = 0;
	struct stat st;
	char line[64] = "";
	FILE *f;

	while (stat(path, &st) != 0 || st.st_size <= size) {
		if (bench_now_s() > limit)
			bench_die("work does not begin: %s", path);
		usleep(200);
	}
	f = fopen(path, "r");
	if (f == NULL || fseek(f, size, SEEK_SET) != 0 ||
	    fgets(line, sizeof line, f) == NULL)
		bench_die("cannot read '%s'", path);
	at = strtod(line, NULL);
	fclose(f);
	return at;
}

static double
start_ms(const char *const *argv, const char *stamps)
{
	struct stat st = { 0 };
	double began;

	if (stat(stamps, &st) != 0)
		st.st_size = 0;
	began = bench_now_s();
	bench_call_ms(argv);
	return (stamp_wait(stamps, st.st_size) - began) * 1e3;
}

static void
starts_measure(const struct bench_queue *file, const struct bench_queue *redis)
{
	char *stamp = bench_program("stamp"), *theirs = bench_path("stamps");
	char *ours = mem_printf("%s.stamps", file->jobfile);
	char *on_redis = mem_printf("%s.stamps", redis->jobfile);
	const struct {
		int who;
		const char *argv[8];
		const char *stamps;
	} start[] = {
		{ FILE_STORE,
		    { wjobs, "-f", file->jobfile, "enqueue", "stamp" }, ours },
		{ REDIS_STORE,
		    { wjobs, "-f", redis->jobfile, "enqueue", "stamp" },
		    on_redis },
		{ NQ, { "nq", stamp, theirs, "x" }, theirs },
		{ TSP, { "tsp", "-n", stamp, theirs, "x" }, theirs },
	};
	size_t k;
	int i;

	for (i = 0; i < STARTS; i++) {
		for (k = 0; k < ARRAY_LEN(start); k++) {
			if (!caller[start[k].who].is_there)
				continue;
			caller[start[k].who].start_ms[i] = start_ms(
			    start[k].argv, start[k].stamps);
			usleep(REST_US);
		}
	}
	free(ours);
	free(on_redis);
	free(theirs);
	free(stamp);
}

static void
starts_print(int who, bool is_ours)
{
	double *list = caller[who].start_ms, median;

	if (!caller[who].is_there)
		return;
	median = bench_median(list, STARTS);
	if (is_ours)
		printf("%s: from the call to the start, less the call|%.2f ms|"
		       "%.2f ms the call|-|<= 2\n",
		    caller[who].what, median - call_ms(who), call_ms(who));
	printf("%s: from the call to the start, p99|%.2f ms|%.2f ms its "
	       "median|-|%s\n",
	    caller[who].what, list[STARTS * 99 / 100], median,
	    is_ours ? "<= 6" : "-");
}

static void
others_end(void)
{
	if (caller[TSP].is_there)
		turns_script("tsp -K");
	if (caller[NQ].is_there)
		turns_script("nq -w");
}

int
main(void)
{
	char *url = bench_redis(), *nq = bench_path("nq"),
	     *tsp = bench_path("tsp.sock");
	struct daemon on_file, on_redis;
	struct bench_queue file, redis;

	wjobs = getenv("WJOBS") != NULL ? getenv("WJOBS") : "build/wjobs";
	setenv("NQDIR", nq, 1);
	setenv("TS_SOCKET", tsp, 1);
	mkdir(nq, 0700);
	bench_queue_make(&file, "enqueue", NULL);
	bench_queue_make(&redis, "enqueue_redis", url);
	callers_make(&file, &redis, url);
	daemon_start(&on_file, file.jobfile);
	daemon_start(&on_redis, redis.jobfile);
	calls_measure();
	starts_measure(&file, &redis);
	daemon_stop(&on_file);
	daemon_stop(&on_redis);
	others_end();
	calls_print(FILE_STORE, FLOOR_FILE, "<= 1.25");
	calls_print(STATIC_FILE_STORE, FLOOR_FILE, "<= 1.25");
	calls_print(REDIS_STORE, FLOOR_REDIS, "-");
	calls_print(FILE_STORE, NOTHING, "-");
	calls_print(NQ, NOTHING, "-");
	calls_print(TSP, NOTHING, "-");
	starts_print(FILE_STORE, true);
	starts_print(REDIS_STORE, true);
	starts_print(NQ, false);
	starts_print(TSP, false);
	return 0;
}
