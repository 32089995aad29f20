/*
 * How late jobs start, and what firing them costs: `wjobs run` beside a bare
 * loop of timerfd, vfork and waitpid that fires the same commands, turn by
 * turn. Each job notes the time at which it began (stamp.c), so that a start
 * that is lost, doubled or early is seen too.
 */
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "test/bench/lib/daemon.h"

#define FLIGHT     64
#define ROUNDS_MAX 5
#define PATIENCE_S 40
/* One job: so many seconds, each fourth for one of the contestants. */
#define ONE_S 32

static char *stamp;

/* ---- what was started */

struct starts {
	int n, doubled, early;
	double first, median, p99, max; /* ms after the due instant */
};

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Read what was stamped on a file, by jobs 0 to n-1 that were due then. */
static struct starts
read_starts(const char *path, int n, double due_s)
{
	double *late = mem_zalloc((size_t)n * 2, sizeof *late), at;
	bool *seen = mem_zalloc((size_t)n, sizeof *seen);
	struct starts starts = { 0 };
	FILE *in = fopen(path, "r");
	int id, lines = 0;
	long long s;
	long ns;

	while (in != NULL && lines < n * 2 &&
	    fscanf(in, "%lld.%ld %d", &s, &ns, &id) == 3 && id < n) {
		at = ((double)s - due_s) * 1e3 + (double)ns / 1e6;
		starts.early += at < 0;
		starts.doubled += seen[id];
		starts.n += !seen[id];
		seen[id] = true;
		late[lines++] = at;
	}
	if (in != NULL)
		fclose(in);
	qsort(late, (size_t)lines, sizeof *late, compare);
	if (lines > 0) {
		starts.first = late[0];
		starts.median = late[lines / 2];
		starts.p99 = late[lines * 99 / 100];
		starts.max = late[lines - 1];
	}
	free(late);
	free(seen);
	return starts;
}

static int
count_lines(const char *path)
{
	FILE *in = fopen(path, "r");
	char buf[65536];
	size_t len, i;
	int n = 0;

	if (in == NULL)
		return 0;
	while ((len = fread(buf, 1, sizeof buf, in)) > 0)
		for (i = 0; i < len; i++)
			n += buf[i] == '\n';
	fclose(in);
	return n;
}

static void
wait_for_lines(const char *path, int n)
{
	double limit = bench_now_s() + PATIENCE_S;

	while (count_lines(path) < n && bench_now_s() < limit)
		usleep(n < 5000 ? 20000 : 100000);
}

/* ---- the floor */

struct fire {
	int n;
	bool by_shell;
	const char *path; /* where it is stamped */
	double due_s;
};

/* Quotes are for the shell, which then has nothing else to do than exec. */
static void
make_command(char *buf, size_t size, const struct fire *fire, int id)
{
	snprintf(buf, size, fire->by_shell ? "%s \"%s\" %d" : "%s %s %d", stamp,
	    fire->path, id);
}

static pid_t
floor_start(const struct fire *fire, int id)
{
	char text[1024], number[16];
	pid_t pid;

	make_command(text, sizeof text, fire, id);
	snprintf(number, sizeof number, "%d", id);
	pid = vfork();
	if (pid == 0) {
		if (fire->by_shell)
			execl("/bin/sh", "sh", "-c", text, (char *)NULL);
		else
			execl(stamp, stamp, fire->path, number, (char *)NULL);
		_exit(127);
	}
	if (pid < 0)
		bench_die("cannot vfork");
	return pid;
}

static void
floor_wait(double due_s)
{
	struct itimerspec when = { .it_value.tv_sec = (time_t)due_s };
	int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC);
	uint64_t n;

	if (fd < 0 ||
	    timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL) != 0 ||
	    read(fd, &n, sizeof n) != (ssize_t)sizeof n)
		bench_die("no timer");
	close(fd);
}

static void
floor_fire(const struct fire *fire)
{
	int started = 0, live = 0;

	floor_wait(fire->due_s);
	while (started < fire->n || live > 0) {
		for (; started < fire->n && live < FLIGHT; live++)
			floor_start(fire, started++);
		if (waitpid(-1, NULL, 0) > 0)
			live--;
	}
}

/* In a process of its own, whose processor seconds are returned. */
static double
run_floor(const struct fire *fire)
{
	struct rusage usage;
	double cpu = 0;
	int fd[2];
	pid_t pid;

	if (pipe(fd) != 0 || (pid = fork()) < 0)
		bench_die("cannot fork");
	if (pid == 0) {
		floor_fire(fire);
		getrusage(RUSAGE_SELF, &usage);
		cpu = (double)usage.ru_utime.tv_sec +
		    (double)usage.ru_stime.tv_sec +
		    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) /
			1e6;
		_exit(write(fd[1], &cpu, sizeof cpu) != (ssize_t)sizeof cpu);
	}
	close(fd[1]);
	if (read(fd[0], &cpu, sizeof cpu) != (ssize_t)sizeof cpu)
		bench_die("the floor failed");
	close(fd[0]);
	waitpid(pid, NULL, 0);
	return cpu;
}

/* ---- wjobs */

static void
write_jobs(const char *jobfile, const struct fire *fire)
{
	FILE *out = fopen(jobfile, "w");
	time_t due = (time_t)fire->due_s;
	char text[1024];
	struct tm tm;
	int i;

	if (out == NULL)
		bench_die("cannot write a jobfile");
	gmtime_r(&due, &tm);
	fprintf(out, "timezone: UTC\njobs:\n");
	for (i = 0; i < fire->n; i++) {
		make_command(text, sizeof text, fire, i);
		fprintf(out,
		    "  j%d:\n    cron: \"%d %d %d * * *\"\n"
		    "    command: '%s'\n",
		    i, tm.tm_sec, tm.tm_min, tm.tm_hour, text);
	}
	if (fclose(out) != 0)
		bench_die("cannot write a jobfile");
}

struct cost {
	double cpu_s;
	long peak_kb;
};

static struct cost
run_wjobs(const struct fire *fire)
{
	char *jobfile = bench_path("fire.yaml");
	struct daemon daemon;
	struct cost cost;

	write_jobs(jobfile, fire);
	daemon_start(&daemon, jobfile);
	bench_sleep_until(fire->due_s - 0.2);
	cost.cpu_s = process_cpu_s(daemon.pid);
	wait_for_lines(fire->path, fire->n);
	daemon_settle(&daemon);
	cost.cpu_s = process_cpu_s(daemon.pid) - cost.cpu_s;
	cost.peak_kb = process_kb(daemon.pid, "VmHWM");
	daemon_stop(&daemon);
	unlink(jobfile);
	free(jobfile);
	return cost;
}

/* ---- many at once */

/* The next whole second with at least so many seconds before it. */
static double
due_in(double lead_s)
{
	return (double)(long long)(bench_now_s() + lead_s) + 1;
}

static struct starts
take_starts(const struct fire *fire)
{
	struct starts starts = read_starts(fire->path, fire->n, fire->due_s);

	unlink(fire->path);
	return starts;
}

struct turn {
	struct starts ours, floor;
	double ratio, cpu_s, floor_cpu_s;
	long peak_kb;
};

static struct turn
run_turn(int n, bool by_shell)
{
	char *path = bench_path("stamps");
	struct fire fire = { .n = n, .by_shell = by_shell, .path = path };
	struct turn turn;
	struct cost cost;

	fire.due_s = due_in(0.1);
	turn.floor_cpu_s = run_floor(&fire);
	turn.floor = take_starts(&fire);
	fire.due_s = due_in(n < 5000 ? 0.8 : 2.5);
	cost = run_wjobs(&fire);
	turn.cpu_s = cost.cpu_s;
	turn.peak_kb = cost.peak_kb;
	turn.ours = take_starts(&fire);
	turn.ratio = n < 5000 ? turn.ours.p99 / turn.floor.p99
			      : turn.ours.max / turn.floor.max;
	free(path);
	return turn;
}

static int early, wrong;

static int
compare_turns(const void *a, const void *b)
{
	return compare(
	    &((const struct turn *)a)->ratio, &((const struct turn *)b)->ratio);
}

static void
print_late(int n, bool by_shell, const struct turn *turn, const char *target)
{
	const struct starts *o = &turn->ours, *f = &turn->floor;
	bool is_p99 = n < 5000;

	printf("%d at once %s, %s|%.0f ms (first %.1f, median %.0f)|%.0f ms "
	       "floor (%.1f, %.0f)|%.2f|%s\n",
	    n, by_shell ? "by sh" : "direct", is_p99 ? "p99" : "last",
	    is_p99 ? o->p99 : o->max, o->first, o->median,
	    is_p99 ? f->p99 : f->max, f->first, f->median, turn->ratio, target);
}

static struct turn
measure(int n, bool by_shell, int rounds, const char *target)
{
	struct turn turn[ROUNDS_MAX];
	int i;

	for (i = 0; i < rounds; i++) {
		turn[i] = run_turn(n, by_shell);
		early += turn[i].ours.early;
		wrong += n - turn[i].ours.n + turn[i].ours.doubled;
	}
	qsort(turn, (size_t)rounds, sizeof *turn, compare_turns);
	print_late(n, by_shell, &turn[rounds / 2], target);
	return turn[rounds / 2];
}

static void
print_cost(const char *how, const struct turn *turn, const char *target)
{
	printf("processor time to fire 10000 %s|%.2f s|%.2f s floor|%.2f|%s\n",
	    how, turn->cpu_s, turn->floor_cpu_s,
	    turn->cpu_s / turn->floor_cpu_s, target);
	printf("most memory while 10000 %s run|%.1f MB|-|-|<= 12\n", how,
	    (double)turn->peak_kb / 1024);
}

/* ---- one job, each second another contestant */

enum { FLOOR_SHELL, OURS_SHELL, FLOOR_DIRECT, OURS_DIRECT, CONTESTANTS };

static void
write_one(const char *jobfile, char *const *path)
{
	struct fire fire = { .n = 1 };
	FILE *out = fopen(jobfile, "w");
	char text[1024];
	int who;

	if (out == NULL)
		bench_die("cannot write a jobfile");
	fprintf(out, "timezone: UTC\njobs:\n");
	for (who = OURS_SHELL; who < CONTESTANTS; who += 2) {
		fire.by_shell = who == OURS_SHELL;
		fire.path = path[who];
		make_command(text, sizeof text, &fire, 0);
		fprintf(out,
		    "  j%d:\n    cron: \"%d-59/4 * * * * *\"\n"
		    "    command: '%s'\n",
		    who, who, text);
	}
	if (fclose(out) != 0)
		bench_die("cannot write a jobfile");
}

/* How late within the second, in ms; the median. */
static double
median_late(const char *path)
{
	double list[ONE_S], median;
	FILE *in = fopen(path, "r");
	int n = 0;
	long ns;

	while (in != NULL && n < ONE_S && fscanf(in, "%*d.%ld %*d", &ns) == 1)
		list[n++] = (double)ns / 1e6;
	if (in != NULL)
		fclose(in);
	if (n < ONE_S / CONTESTANTS - 2)
		bench_die("only %d starts on %s", n, path);
	median = bench_median(list, n);
	early += list[n - 1] > 900;
	unlink(path);
	return median;
}

static void
print_one(const char *how, double ours, double floor)
{
	printf("one job %s starts, beyond the floor|%.1f ms (at %.1f)|at %.1f "
	       "ms floor|-|<= 2\n",
	    how, ours - floor, ours, floor);
}

static void
measure_one(void)
{
	static const char *const name[] = { "one-floor-sh", "one-sh",
		"one-floor", "one" };
	char *jobfile = bench_path("one.yaml"), *path[CONTESTANTS];
	double late[CONTESTANTS], end;
	struct fire fire = { .n = 1 };
	struct daemon daemon;
	int i;

	for (i = 0; i < CONTESTANTS; i++)
		path[i] = bench_path(name[i]);
	write_one(jobfile, path);
	daemon_start(&daemon, jobfile);
	for (end = bench_now_s() + ONE_S; bench_now_s() < end;) {
		fire.due_s = due_in(0.1);
		i = (int)((long long)fire.due_s % CONTESTANTS);
		fire.by_shell = i == FLOOR_SHELL;
		fire.path = path[i];
		if (i == FLOOR_SHELL || i == FLOOR_DIRECT)
			run_floor(&fire);
		bench_sleep_until(fire.due_s + 0.5);
	}
	daemon_stop(&daemon);
	for (i = 0; i < CONTESTANTS; i++) {
		late[i] = median_late(path[i]);
		free(path[i]);
	}
	unlink(jobfile);
	free(jobfile);
	print_one("by sh", late[OURS_SHELL], late[FLOOR_SHELL]);
	print_one("direct", late[OURS_DIRECT], late[FLOOR_DIRECT]);
}

/* ---- a peer, whose jobs are due at the next minute */

#define PEER_JOBS 1000

/* False where the user has no name, or nothing can be written. */
static bool
write_crontab(const char *dir, const struct fire *fire)
{
	const struct passwd *user = getpwuid(geteuid());
	char *path, text[1024];
	FILE *out;
	int i;

	if (user == NULL || mkdir(dir, 0755) != 0)
		return false;
	path = mem_printf("%s/%s", dir, user->pw_name);
	out = fopen(path, "w");
	free(path);
	if (out == NULL)
		return false;
	for (i = 0; i < fire->n; i++) {
		make_command(text, sizeof text, fire, i);
		fprintf(out, "* * * * * %s\n", text);
	}
	return fclose(out) == 0;
}

static struct starts
run_peer(const struct fire *fire, const char *dir)
{
	pid_t pid;

	bench_sleep_until(fire->due_s - 3);
	pid = fork();
	if (pid == 0) {
		execlp("busybox", "busybox", "crond", "-f", "-c", dir, "-L",
		    "/dev/null", (char *)NULL);
		_exit(127);
	}
	bench_sleep_until(fire->due_s - 1);
	if (waitpid(pid, NULL, WNOHANG) == 0) {
		wait_for_lines(fire->path, fire->n);
		kill(pid, SIGTERM);
		waitpid(pid, NULL, 0);
	}
	return take_starts(fire);
}

static void
measure_peer(const struct turn *ours)
{
	char *dir = bench_path("tabs"), *path = bench_path("peer");
	struct fire fire = { .n = PEER_JOBS, .by_shell = true, .path = path };
	long long minute = (((long long)bench_now_s() + 4) / 60 + 1) * 60;
	struct starts starts = { 0 };

	fire.due_s = (double)minute;
	if (system("busybox --list 2>/dev/null | grep -qx crond") == 0 &&
	    write_crontab(dir, &fire))
		starts = run_peer(&fire, dir);
	if (starts.n == PEER_JOBS)
		printf("1000 at once by sh, p99|%.0f ms|%.0f ms busybox crond"
		       "|%.2f|<= 1\n",
		    ours->ours.p99, starts.p99, ours->ours.p99 / starts.p99);
	else
		fprintf(stderr, "no busybox crond that runs jobs\n");
	free(path);
	free(dir);
}

int
main(void)
{
	struct turn by_shell, direct, thousand;

	stamp = bench_program("stamp");
	measure_one();
	measure(100, true, 1, "-");
	measure(100, false, 1, "-");
	thousand = measure(1000, true, 5, "<= 1.2");
	measure(1000, false, 5, "<= 1.25");
	by_shell = measure(10000, true, 1, "<= 1.25");
	direct = measure(10000, false, 1, "<= 1.25");
	print_cost("by sh", &by_shell, "<= 2");
	print_cost("direct", &direct, "<= 2");
	printf("started before they were due|%d|-|-|= 0\n", early);
	printf("lost or started twice, of all these|%d|-|-|= 0\n", wrong);
	measure_peer(&thousand);
	free(stamp);
	return 0;
}
