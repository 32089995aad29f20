#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/store/history.h"

/*
 * The store beside bare SQLite, turn by turn: one write at a time against one
 * row of like content committed to a table with an index, bursts, and what
 * reading costs with a million runs kept. $BENCH_DIR is where it writes.
 */
#define ROUNDS     7
#define TURNS      61
#define WRITES     150
#define BURST_RUNS 10000
#define BURST_OPS  4096
#define BURST_JOBS 1000
#define RUNS       1000000
#define JOBS       100
#define MANY_JOBS  1000
#define EPOCH_MS   INT64_C(1750000000000)

static const char *dir;
static struct identity self;

static void
fail(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

static double
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *list, size_t n)
{
	qsort(list, n, sizeof *list, by_size);
	return list[n / 2];
}

static void
remove_store(const char *path)
{
	static const char *const suffix[] = { "", "-wal", "-shm" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(suffix); i++) {
		char *name = mem_printf("%s%s", path, suffix[i]);

		unlink(name);
		free(name);
	}
}

/* Bare SQLite */

struct bare {
	sqlite3 *db;
	sqlite3_stmt *insert;
	int64_t n;
};

static void
bare_do(struct bare *bare, const char *text)
{
	if (sqlite3_exec(bare->db, text, NULL, NULL, NULL) != SQLITE_OK)
		fail(sqlite3_errmsg(bare->db));
}

static void
bare_open(struct bare *bare, const char *path)
{
	*bare = (struct bare){ 0 };
	if (sqlite3_open(path, &bare->db) != SQLITE_OK)
		fail("cannot open a database");
	bare_do(bare,
	    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
	    "CREATE TABLE run(id INTEGER PRIMARY KEY, ulid BLOB, job TEXT,"
	    " due INTEGER, started INTEGER, ended INTEGER, status INTEGER,"
	    " code INTEGER, attempt INTEGER, worker TEXT, rss INTEGER);"
	    "CREATE INDEX run_job ON run(job, id)");
	if (sqlite3_prepare_v2(bare->db,
		"INSERT INTO run(ulid, job, due, started, ended, status, code,"
		" attempt, worker, rss) VALUES(?,?,?,?,?,?,?,?,?,?)",
		-1, &bare->insert, NULL) != SQLITE_OK)
		fail(sqlite3_errmsg(bare->db));
}

static void
bare_insert(struct bare *bare, int jobs)
{
	sqlite3_stmt *s = bare->insert;
	int64_t due = EPOCH_MS + bare->n++ * 1000;
	struct ulid id = ulid_make(due);
	char job[32];

	snprintf(job, sizeof job, "job_%02d", (int)(bare->n % jobs));
	sqlite3_bind_blob(s, 1, id.b, sizeof id.b, SQLITE_STATIC);
	sqlite3_bind_text(s, 2, job, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 3, due);
	sqlite3_bind_int64(s, 4, due + 2);
	sqlite3_bind_int64(s, 5, due + 350);
	sqlite3_bind_int(s, 6, 2);
	sqlite3_bind_int(s, 7, 0);
	sqlite3_bind_int(s, 8, 1);
	sqlite3_bind_text(s, 9, "host-7f3a", -1, SQLITE_STATIC);
	sqlite3_bind_int(s, 10, 3500);
	if (sqlite3_step(s) != SQLITE_DONE)
		fail(sqlite3_errmsg(bare->db));
	sqlite3_reset(s);
}

static void
bare_close(struct bare *bare)
{
	sqlite3_finalize(bare->insert);
	sqlite3_close(bare->db);
}

/* The store */

static struct store *
open_store(const char *path, int keep)
{
	struct store_limits limits = { keep, -1, 0 };
	struct store *store;
	struct err err;

	if (store_open(path, STORE_WRITE, limits, &store, NULL, &err) !=
	    STORE_OPENED)
		fail(err.msg);
	return store;
}

/* The n-th run, of one of `jobs` jobs, as it begins. */
static void
make_run(struct record *r, int64_t n, int jobs)
{
	record_init(r);
	r->scheduled_ms = EPOCH_MS + n / jobs * 1000;
	r->started_ms = r->scheduled_ms + 2 + n % 7;
	r->id = ulid_make(r->started_ms);
	r->job = mem_printf("job_%02d", (int)(n % jobs));
	r->kind = mem_strdup("cron");
	r->worker = mem_strdup("host-7f3a");
	r->status = RECORD_RUNNING;
	r->attempt = 1;
	r->owner = self;
}

static void
finish_run(struct record *r, int64_t n)
{
	r->status = n % 20 == 7 ? RECORD_FAILED : RECORD_COMPLETED;
	r->exit_code = r->status == RECORD_FAILED ? 1 : 0;
	if (r->status == RECORD_FAILED) {
		r->reason = RECORD_EXIT;
		r->error = mem_strdup("exit status 1");
	}
	r->duration_ms = 50 + n * 7919 % 9000;
	r->completed_ms = r->started_ms + r->duration_ms;
	r->user_us = 1200 + n % 9000;
	r->system_us = 800 + n % 5000;
	r->max_rss_kb = 3500;
	r->output_bytes = n % 300;
}

static void
apply(struct store *store, struct store_op **ops, size_t n)
{
	struct err err;

	if (!store_apply(store, ops, n, &err))
		fail(err.msg);
}

/* WRITES runs, begun and ended one at a time: microseconds for each. */
static void
time_writes(struct store *store, int64_t from, double *begin, double *end)
{
	struct store_op **ops = mem_zalloc(2 * WRITES, sizeof(void *));
	struct record r;
	double t;
	int i;

	for (i = 0; i < WRITES; i++) {
		make_run(&r, from + i, JOBS);
		ops[i] = store_op_new(STORE_BEGIN, &r);
		finish_run(&r, from + i);
		ops[WRITES + i] = store_op_new(STORE_END, &r);
		record_release(&r);
	}
	t = now_us();
	for (i = 0; i < WRITES; i++)
		apply(store, &ops[i], 1);
	*begin = (now_us() - t) / WRITES;
	t = now_us();
	for (i = WRITES; i < 2 * WRITES; i++)
		apply(store, &ops[i], 1);
	*end = (now_us() - t) / WRITES;
	for (i = 0; i < 2 * WRITES; i++)
		store_op_free(ops[i]);
	free(ops);
}

static double
time_bare(struct bare *bare)
{
	double t = now_us();
	int i;

	for (i = 0; i < WRITES; i++)
		bare_insert(bare, JOBS);
	return (now_us() - t) / WRITES;
}

static void
say_writes(const char *what, double *us, double *limit, const char *target)
{
	double ratio[TURNS];
	int i;

	for (i = 0; i < TURNS; i++)
		ratio[i] = us[i] / limit[i];
	printf("store, %s|%.1f us|%.1f us bare commit|%.2f|%s\n", what,
	    median(us, TURNS), median(limit, TURNS), median(ratio, TURNS),
	    target);
}

/* Short turns, and the median of their ratios: others use the machine too. */
static void
bench_writes(void)
{
	char *path = mem_printf("%s/store.db", dir);
	char *bare_path = mem_printf("%s/bare.db", dir);
	double begin[TURNS], end[TURNS], limit[TURNS], same[TURNS];
	struct store *store;
	struct bare bare;
	int i;

	remove_store(path);
	remove_store(bare_path);
	store = open_store(path, 1000000);
	bare_open(&bare, bare_path);
	for (i = 0; i < TURNS; i++) {
		limit[i] = time_bare(&bare);
		time_writes(store, (int64_t)i * WRITES, &begin[i], &end[i]);
	}
	memcpy(same, limit, sizeof same);
	say_writes("a start with its claim", begin, limit, "<= 1.3");
	say_writes("an end", end, same, "-");
	store_close(store);
	bare_close(&bare);
	remove_store(path);
	remove_store(bare_path);
	free(path);
	free(bare_path);
}

/* Runs per second, in batches as the writer has them. */
static double
time_batches(struct store *store, struct store_op **ops)
{
	double t = now_us();
	size_t i, n;

	for (i = 0; i < BURST_RUNS; i += n) {
		n = BURST_RUNS - i < BURST_OPS ? BURST_RUNS - i : BURST_OPS;
		apply(store, ops + i, n);
	}
	return BURST_RUNS / (now_us() - t) * 1e6;
}

static void
time_burst(struct store *store, int64_t from, double *starts, double *ends)
{
	struct store_op **ops = mem_zalloc(2 * BURST_RUNS, sizeof(void *));
	struct record r;
	size_t i;

	for (i = 0; i < BURST_RUNS; i++) {
		make_run(&r, from + (int64_t)i, BURST_JOBS);
		ops[i] = store_op_new(STORE_BEGIN, &r);
		finish_run(&r, from + (int64_t)i);
		ops[BURST_RUNS + i] = store_op_new(STORE_END, &r);
		record_release(&r);
	}
	*starts = time_batches(store, ops);
	*ends = time_batches(store, ops + BURST_RUNS);
	for (i = 0; i < 2 * BURST_RUNS; i++)
		store_op_free(ops[i]);
	free(ops);
}

static double
time_bare_burst(struct bare *bare)
{
	double t = now_us();
	int i;

	for (i = 0; i < BURST_RUNS; i++) {
		if (i % BURST_OPS == 0)
			bare_do(bare, "BEGIN");
		bare_insert(bare, BURST_JOBS);
		if (i % BURST_OPS == BURST_OPS - 1 || i == BURST_RUNS - 1)
			bare_do(bare, "COMMIT");
	}
	return BURST_RUNS / (now_us() - t) * 1e6;
}

static void
say_burst(const char *what, double rate, double limit)
{
	printf("store, a burst of %s|%.0f/s|%.0f/s bare rows|-|>= 100000\n",
	    what, rate, limit);
}

static void
bench_burst(void)
{
	char *path = mem_printf("%s/store.db", dir);
	char *bare_path = mem_printf("%s/bare.db", dir);
	double starts[ROUNDS], ends[ROUNDS], limit[ROUNDS], l;
	struct store *store;
	struct bare bare;
	int i;

	remove_store(path);
	remove_store(bare_path);
	store = open_store(path, 1000000);
	bare_open(&bare, bare_path);
	for (i = 0; i < ROUNDS; i++) {
		limit[i] = time_bare_burst(&bare);
		time_burst(
		    store, (int64_t)i * BURST_RUNS, &starts[i], &ends[i]);
	}
	l = median(limit, ROUNDS);
	say_burst("starts, with claims", median(starts, ROUNDS), l);
	say_burst("ends", median(ends, ROUNDS), l);
	store_close(store);
	bare_close(&bare);
	remove_store(path);
	remove_store(bare_path);
	free(path);
	free(bare_path);
}

/* A million runs */

static void
fill(struct store *store, int64_t runs, int jobs)
{
	struct store_op **ops = mem_zalloc(BURST_OPS, sizeof(void *));
	struct record r;
	int64_t i;
	size_t n = 0, k;

	for (i = 0; i < runs; i++) {
		make_run(&r, i, jobs);
		finish_run(&r, i);
		ops[n++] = store_op_new(STORE_END, &r);
		record_release(&r);
		if (n < BURST_OPS && i < runs - 1)
			continue;
		apply(store, ops, n);
		for (k = 0; k < n; k++)
			store_op_free(ops[k]);
		n = 0;
	}
	free(ops);
}

static bool
count_row(void *data, const struct record *record)
{
	(void)record;
	++*(int *)data;
	return true;
}

static double
time_list(struct store *store, bool is_of_job)
{
	struct history_filter filter = {
		.since_ms = CLOCK_NONE, .until_ms = CLOCK_NEVER, .limit = 20
	};
	double us[2001], t;
	struct err err;
	char job[32];
	int i, n;

	for (i = 0; i < 2001; i++) {
		snprintf(job, sizeof job, "job_%02d", i * 7 % JOBS);
		filter.job = is_of_job ? job : NULL;
		n = 0;
		t = now_us();
		if (!history_list(store, &filter, count_row, &n, &err))
			fail(err.msg);
		us[i] = now_us() - t;
		if (n != 20)
			fail("a listing has not 20 rows");
	}
	return median(us, 2001);
}

static double
time_sample(struct store *store)
{
	struct history_sample sample;
	double us[41], t;
	struct err err;
	char job[32];
	int i;

	for (i = 0; i < 41; i++) {
		snprintf(job, sizeof job, "job_%02d", i % 10);
		t = now_us();
		if (!history_sample(store, job, CLOCK_NONE, &sample, &err))
			fail(err.msg);
		us[i] = now_us() - t;
		if (sample.n != RUNS / JOBS)
			fail("a sample has not all runs");
		history_sample_release(&sample);
	}
	return median(us, 41);
}

static double
time_jobs(struct store *store, const char *job, size_t want)
{
	struct history_job *jobs;
	double us[101], t;
	struct err err;
	size_t n;
	int i;

	for (i = 0; i < 101; i++) {
		t = now_us();
		if (!history_jobs(store, job, &jobs, &n, &err))
			fail(err.msg);
		us[i] = now_us() - t;
		if (n != want)
			fail("a listing of jobs has not all");
		history_jobs_release(jobs, n);
	}
	return median(us, 101);
}

static void
bench_reading(void)
{
	char *path = mem_printf("%s/big.db", dir);
	struct store *store;
	struct stat st;

	remove_store(path);
	store = open_store(path, 10000000);
	fill(store, RUNS, JOBS);
	store_close(store);
	if (stat(path, &st) != 0)
		fail("no store");
	printf("store, size of 1,000,000 runs|%.0f bytes a run|"
	       "145 bytes, a plain table|-|<= 160\n",
	    (double)st.st_size / RUNS);
	store = open_store(path, 10000000);
	printf("store, last 20 of a job, 1,000,000 kept|%.1f us|-|-|<= 50\n",
	    time_list(store, true));
	printf("store, last 20 of all jobs, 1,000,000 kept|%.1f us|-|-|<= 50\n",
	    time_list(store, false));
	printf("store, percentiles over 10,000 runs|%.2f ms|-|-|<= 4\n",
	    time_sample(store) / 1e3);
	printf("store, counters of a job, 10,000 runs|%.3f ms|-|-|<= 1\n",
	    time_jobs(store, "job_07", 1) / 1e3);
	store_close(store);
	remove_store(path);
	store = open_store(path, 10000000);
	fill(store, INT64_C(20) * MANY_JOBS, MANY_JOBS);
	printf("store, state of 1,000 jobs|%.1f ms|-|-|<= 100\n",
	    time_jobs(store, NULL, MANY_JOBS) / 1e3);
	store_close(store);
	remove_store(path);
	free(path);
}

int
main(void)
{
	dir = getenv("BENCH_DIR");
	if (dir == NULL)
		dir = "/tmp";
	identity_self(&self);
	bench_writes();
	bench_burst();
	bench_reading();
	return 0;
}
