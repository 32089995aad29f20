#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/store/history.h"
#include "lib/store/late.h"
#include "lib/store/place.h"

/*
 * What can befall a store:
 *
 *   storm fill DB RUNS JOBS [KEEP]   that many runs, ended
 *   storm hold DB                    hold the write lock until input ends
 *   storm read DB                    hold a reader's snapshot until then
 *   storm kills DB TIMES SEED        a writer that is killed, again and again
 *   storm flips DB TIMES SEED        a file that is damaged, again and again
 *   storm mix DB RUNS SEED           a random life; prints what it did
 *   storm fork DB                    a child of fork that uses the handle
 *   storm late DB                    a store that is opened by writing
 *   storm place JOBFILE [STORE]      where things lie ("-": no jobfile)
 *   storm make JOBFILE [STORE]       make the directories
 *   storm lock JOBFILE [STORE]       hold the scheduler's lock until input ends
 */

#define EPOCH_MS INT64_C(1700000000000)

static uint64_t seed;

static unsigned
draw(unsigned below)
{
	seed = seed * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % below;
}

static void
fail(const char *what)
{
	printf("failed: %s\n", what);
	exit(1);
}

static struct store *
open_store(const char *path, enum store_mode mode, int keep)
{
	struct store_limits limits = { keep, -1, 0 };
	struct store *store;
	struct err err;

	if (store_open(path, mode, limits, &store, NULL, &err) != STORE_OPENED)
		fail(err.msg);
	return store;
}

static void
make_run(struct record *r, int64_t n, int jobs)
{
	record_init(r);
	r->scheduled_ms = EPOCH_MS + n * 1000;
	r->started_ms = r->scheduled_ms + 3;
	r->id = ulid_make(r->started_ms);
	r->job = mem_printf("job_%d", (int)(n % jobs));
	r->kind = mem_strdup("cron");
	r->worker = mem_strdup("host-1");
	r->status = RECORD_RUNNING;
	r->attempt = 1;
}

static void
finish_run(struct record *r)
{
	r->status = RECORD_COMPLETED;
	r->duration_ms = 7;
	r->completed_ms = r->started_ms + 8;
	r->exit_code = 0;
}

static bool
apply(struct store *store, enum store_op_kind kind, const struct record *r,
    struct err *err)
{
	struct store_op *op = store_op_new(kind, r);
	bool is_good = store_apply(store, &op, 1, err);

	store_op_free(op);
	return is_good;
}

static void
fill(const char *path, long runs, int jobs, int keep)
{
	struct store *store = open_store(path, STORE_OWN, keep);
	struct store_op *ops[1000];
	struct record r;
	struct err err;
	size_t n = 0, k;
	long i;

	for (i = 0; i < runs; i++) {
		make_run(&r, i, jobs);
		finish_run(&r);
		r.head = mem_printf("output of run %ld\n", i);
		r.head_len = strlen(r.head);
		ops[n++] = store_op_new(STORE_END, &r);
		record_release(&r);
		if (n < ARRAY_LEN(ops) && i < runs - 1)
			continue;
		if (!store_apply(store, ops, n, &err))
			fail(err.msg);
		for (k = 0; k < n; k++)
			store_op_free(ops[k]);
		n = 0;
	}
	store_close(store);
}

static void
wait_for_end(void)
{
	char c;

	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		continue;
}

static int
hold(const char *path, const char *begin)
{
	sqlite3 *db;

	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    sqlite3_busy_timeout(db, 5000) != SQLITE_OK ||
	    sqlite3_exec(db, begin, NULL, NULL, NULL) != SQLITE_OK)
		fail(sqlite3_errmsg(db));
	printf("held\n");
	wait_for_end();
	sqlite3_close(db);
	return 0;
}

/* Killed writers */

/* Begins and ends runs, and tells of each what is written, until killed. */
static void
write_for_ever(const char *path, int fd, int64_t from)
{
	struct store *store = open_store(path, STORE_OWN, 1000000);
	struct record r;
	struct err err;
	int64_t n;

	for (n = from;; n++) {
		make_run(&r, n, 3);
		identity_self(&r.owner);
		if (!apply(store, STORE_BEGIN, &r, &err))
			fail(err.msg);
		finish_run(&r);
		if (!apply(store, STORE_END, &r, &err))
			fail(err.msg);
		if (write(fd, r.id.b, sizeof r.id.b) != sizeof r.id.b)
			_exit(1);
		record_release(&r);
	}
}

static void
check_all_there(struct store *store, int fd, long *told)
{
	char text[ULID_LEN + 1];
	struct record r;
	struct ulid id;
	struct err err;
	bool found;

	while (read(fd, id.b, sizeof id.b) == sizeof id.b) {
		ulid_format(&id, text);
		if (!history_find(store, text, false, &r, &found, &err))
			fail(err.msg);
		if (!found || r.status != RECORD_COMPLETED)
			fail("a run that was written is gone");
		record_release(&r);
		++*told;
	}
}

static void
check_integrity(const char *path)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;

	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL) !=
		SQLITE_OK ||
	    sqlite3_step(stmt) != SQLITE_ROW ||
	    strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") != 0)
		fail("the file is not whole");
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

static void
check_nothing_lives(struct store *store)
{
	struct history_job *jobs;
	struct err err;
	size_t n, i;

	if (!history_jobs(store, NULL, &jobs, &n, &err))
		fail(err.msg);
	for (i = 0; i < n; i++)
		if (jobs[i].running != 0 || jobs[i].pending != 0)
			fail("a run of a dead owner still runs");
	history_jobs_release(jobs, n);
}

static int
kills(const char *path, long times)
{
	struct store_start start;
	struct identity self;
	struct err err;
	long i, told = 0, lost = 0;

	identity_self(&self);
	for (i = 0; i < times; i++) {
		struct store *store;
		int fd[2];
		pid_t pid;

		if (pipe(fd) != 0 || (pid = fork()) < 0)
			fail("no child");
		if (pid == 0)
			write_for_ever(path, fd[1], i * 1000000);
		close(fd[1]);
		usleep(2000 + draw(20000));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		store = open_store(path, STORE_OWN, 1000000);
		if (!store_take_over(store, &self, EPOCH_MS, &start, &err))
			fail(err.msg);
		lost += (long)start.lost;
		store_start_release(&start);
		check_all_there(store, fd[0], &told);
		check_nothing_lives(store);
		store_close(store);
		close(fd[0]);
		check_integrity(path);
	}
	printf("killed %ld times: %ld runs, %ld lost\n", times, told, lost);
	return 0;
}

/* Damaged files */

static char *
read_all(const char *path, size_t *n)
{
	struct stat st;
	int fd = open(path, O_RDONLY);
	char *bytes;

	if (fd < 0 || fstat(fd, &st) != 0)
		fail("no file to damage");
	bytes = mem_alloc((size_t)st.st_size);
	if (read(fd, bytes, (size_t)st.st_size) != st.st_size)
		fail("a short read");
	close(fd);
	*n = (size_t)st.st_size;
	return bytes;
}

static void
write_damaged(const char *path, const char *bytes, size_t n)
{
	char *copy = mem_dup(bytes, n);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	unsigned how = draw(8), i;
	size_t len = n;

	if (how == 0)
		len = draw((unsigned)n);
	else if (how == 1)
		memset(copy + draw((unsigned)n) / 4096 * 4096, 0, 4096);
	else if (how == 2)
		for (i = 0; i < 100; i++)
			copy[i] = (char)draw(256);
	else
		for (i = 0; i < 1u << (how - 3); i++)
			copy[draw(draw(2) ? (unsigned)n : 8192)] = (char)draw(
			    256);
	if (write(fd, copy, len) != (ssize_t)len)
		fail("a short write");
	close(fd);
	free(copy);
}

static bool
look(void *data, const struct record *record)
{
	*(int64_t *)data += record->duration_ms + record_instant_ms(record);
	return true;
}

/* Everything that can be asked; answers and errors are as may be. */
static void
use(struct store *store)
{
	struct history_filter filter = { .since_ms = CLOCK_NONE,
		.until_ms = CLOCK_NEVER };
	struct history_job *jobs;
	struct history_sample sample;
	struct store_start start;
	struct identity self;
	struct record r;
	struct err err;
	size_t n;
	bool found;
	uint64_t sum = 0;

	identity_self(&self);
	if (store_take_over(store, &self, EPOCH_MS, &start, &err))
		store_start_release(&start);
	if (!history_list(store, &filter, look, &sum, &err))
		sum = 0;
	filter.job = "job_1";
	if (!history_list(store, &filter, look, &sum, &err))
		sum = 0;
	if (history_jobs(store, NULL, &jobs, &n, &err))
		history_jobs_release(jobs, n);
	if (history_sample(store, "job_2", CLOCK_NONE, &sample, &err))
		history_sample_release(&sample);
	if (history_last(store, "job_0", &r, &found, &err) && found)
		record_release(&r);
	if (history_find(store, "01", true, &r, &found, &err) && found)
		record_release(&r);
	make_run(&r, 5000000, 3);
	if (apply(store, STORE_BEGIN, &r, &err)) {
		finish_run(&r);
		if (!apply(store, STORE_END, &r, &err))
			sum = 0;
	}
	record_release(&r);
}

/* Where it was moved aside, the new one must work. */
static void
check_new_one(struct store *store)
{
	struct record r;
	struct err err;

	make_run(&r, 6000000, 3);
	finish_run(&r);
	if (!apply(store, STORE_END, &r, &err))
		fail(err.msg);
	record_release(&r);
}

static int
flips(const char *path, long times)
{
	size_t n;
	char *bytes = read_all(path, &n);
	char *copy = mem_printf("%s.flip", path);
	char *wal = mem_printf("%s-wal", copy);
	struct store_limits limits = { 50, 1000000, 0 };
	long i, kept = 0, anew = 0, refused = 0;

	for (i = 0; i < times; i++) {
		struct store *store;
		char *note = NULL;
		struct err err;

		unlink(wal);
		write_damaged(copy, bytes, n);
		if (store_open(copy, draw(4) ? STORE_OWN : STORE_WRITE, limits,
			&store, &note, &err) != STORE_OPENED) {
			refused++;
			if (draw(50) == 0)
				printf("refused: %s\n", err.msg);
			continue;
		}
		if (note != NULL) {
			anew++;
			check_new_one(store);
		} else {
			kept++;
		}
		free(note);
		use(store);
		store_close(store);
		if (store_open(copy, STORE_READ, limits, &store, NULL, &err) ==
		    STORE_OPENED) {
			use(store);
			store_close(store);
		}
	}
	printf("damaged %ld times: %ld went on, %ld begun anew, %ld refused\n",
	    times, kept, anew, refused);
	unlink(copy);
	unlink(wal);
	free(bytes);
	free(copy);
	free(wal);
	return 0;
}

/* A random life */

static int
mix(const char *path, long runs)
{
	struct store *store = open_store(path, STORE_OWN, 20);
	struct record r;
	struct err err;
	long i;

	for (i = 0; i < runs; i++) {
		make_run(&r, i, 4);
		if (draw(5) == 0) {
			r.status = RECORD_SKIPPED;
			r.reason = draw(2) ? RECORD_LATE : RECORD_OVERLAP;
			r.completed_ms = r.scheduled_ms;
			r.count = 1 + draw(9);
			if (!apply(store, STORE_SKIP, &r, &err))
				fail(err.msg);
			printf(
			    "%s skipped %lld 0\n", r.job, (long long)r.count);
			record_release(&r);
			continue;
		}
		if (draw(4) != 0 && !apply(store, STORE_BEGIN, &r, &err))
			fail(err.msg);
		finish_run(&r);
		r.status = (enum record_status[]){ RECORD_COMPLETED,
			RECORD_COMPLETED, RECORD_FAILED, RECORD_CANCELLED,
			RECORD_LOST }[draw(5)];
		r.duration_ms = draw(1000);
		if (!apply(store, STORE_END, &r, &err) ||
		    (draw(3) == 0 && !apply(store, STORE_END, &r, &err)))
			fail(err.msg);
		printf("%s %s 1 %lld\n", r.job, record_status_name(r.status),
		    (long long)r.duration_ms);
		record_release(&r);
	}
	store_close(store);
	return 0;
}

static int
use_after_fork(const char *path)
{
	struct store *store = open_store(path, STORE_OWN, 20);
	struct record r;
	struct err err;
	pid_t pid;

	make_run(&r, 1, 1);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (!apply(store, STORE_BEGIN, &r, &err))
			printf("child: refused\n");
		store_close(store);
		fflush(stdout);
		/* what belongs to the parent is left alone, and so leaks */
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	printf("parent: %s\n",
	    apply(store, STORE_BEGIN, &r, &err) ? "written" : err.msg);
	record_release(&r);
	store_close(store);
	return 0;
}

/* A write for each line of input, to a store that was not open before. */
static int
write_late(const char *path)
{
	struct store_place p = { .store = mem_strdup(path),
		.spool = mem_printf("%s-spool", path) };
	struct owner owner = OWNER_NONE;
	struct store_limits limits = { 100, -1, 0 };
	struct identity self;
	struct late_place at = { &p, &owner, limits, &self, NULL };
	struct store *store = late_new(&at);
	struct store_start found;
	struct record r;
	struct err err;
	char line[8];
	int64_t n = 0;
	bool is_open = false;

	identity_self(&self);
	while (fgets(line, sizeof line, stdin) != NULL) {
		make_run(&r, n++, 1);
		finish_run(&r);
		if (!is_open && (is_open = store_come(store, &found, &err)))
			store_start_release(&found);
		printf("%s\n",
		    is_open && apply(store, STORE_END, &r, &err) ? "written"
								 : err.msg);
		fflush(stdout);
		record_release(&r);
	}
	store_close(store);
	owner_give(&owner);
	store_place_release(&p);
	return 0;
}

/* Places and locks */

static int
place(const char *verb, const char *jobfile, const char *store)
{
	struct store_place p;
	struct owner owner = OWNER_NONE;
	struct err err;
	bool is_good;

	if (strcmp(jobfile, "-") == 0)
		jobfile = NULL;
	if (!store_place_find(jobfile, store, &p, &err))
		fail(err.msg);
	is_good = strcmp(verb, "place") == 0 || store_place_make(&p, &err);
	if (is_good && strcmp(verb, "place") == 0)
		printf("%s\n%s\n%s\n%s\n", p.state_dir, p.runtime_dir, p.store,
		    p.spool);
	if (is_good && strcmp(verb, "lock") == 0)
		is_good = owner_take(&p, &owner, &err) &&
		    owner_take_store(&p, &owner, &err);
	if (!is_good)
		printf("error %d: %s\n", (int)err.code, err.msg);
	if (is_good && strcmp(verb, "lock") == 0) {
		printf("locked\n");
		wait_for_end();
	}
	owner_give(&owner);
	store_place_release(&p);
	return is_good ? 0 : 1;
}

static long
number(int argc, char **argv, int i, long otherwise)
{
	return i < argc ? strtol(argv[i], NULL, 10) : otherwise;
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";

	seed = (uint64_t)number(argc, argv, 4, 1);
	if (strcmp(verb, "fill") == 0) {
		fill(argv[2], number(argc, argv, 3, 100),
		    (int)number(argc, argv, 4, 1),
		    (int)number(argc, argv, 5, 1000000));
		return 0;
	}
	if (strcmp(verb, "hold") == 0)
		return hold(argv[2], "BEGIN IMMEDIATE");
	if (strcmp(verb, "read") == 0)
		return hold(argv[2], "BEGIN; SELECT count(*) FROM job");
	if (strcmp(verb, "kills") == 0)
		return kills(argv[2], number(argc, argv, 3, 10));
	if (strcmp(verb, "flips") == 0)
		return flips(argv[2], number(argc, argv, 3, 10));
	if (strcmp(verb, "mix") == 0)
		return mix(argv[2], number(argc, argv, 3, 10));
	if (strcmp(verb, "late") == 0)
		return write_late(argv[2]);
	if (strcmp(verb, "fork") == 0)
		return use_after_fork(argv[2]);
	if (strcmp(verb, "place") == 0 || strcmp(verb, "make") == 0 ||
	    strcmp(verb, "lock") == 0)
		return place(verb, argv[2], argc > 3 ? argv[3] : NULL);
	fprintf(stderr, "storm: no verb '%s'\n", verb);
	return 2;
}
