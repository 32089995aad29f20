#include "lib/process/kin.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/process/linux.h"

/* At most one part in so many of the time is spent on looking. */
#define SHARE_COUNTING 20
#define SHARE_STOPPING 5

struct orphan {
	char *run_id; /* NULL: whose it is cannot be told */
};

static int64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void
kin_init(struct kin *kin, const struct pids *leaders)
{
	*kin = (struct kin){ .leaders = leaders };
	linux_become_subreaper();
}

static void
orphan_free(struct orphan *orphan)
{
	if (orphan == NULL)
		return;
	free(orphan->run_id);
	free(orphan);
}

void
kin_release(struct kin *kin)
{
	size_t i;

	for (i = 0; i < kin->orphans.room; i++)
		orphan_free(kin->orphans.entry[i].value);
	pids_release(&kin->orphans);
	free(kin->seen);
	*kin = (struct kin){ 0 };
}

void
kin_spawned(struct kin *kin)
{
	kin->spawned++;
}

void
kin_reaped(struct kin *kin, pid_t pid)
{
	orphan_free(pids_remove(&kin->orphans, pid));
}

/* The list is in order of pid, as /proc gives it, or near enough. */
static int
compare_pids(const void *a, const void *b)
{
	pid_t x = ((const struct linux_process *)a)->pid;
	pid_t y = ((const struct linux_process *)b)->pid;

	return x < y ? -1 : x > y;
}

static struct linux_process *
find_process(struct linux_process *list, size_t n, pid_t pid)
{
	struct linux_process key = { .pid = pid };

	return bsearch(&key, list, n, sizeof *list, compare_pids);
}

/*
 * Keep only what descends from `root`, itself apart. A process whose chain of
 * parents does not end there, or is broken by one that has just ended, is none
 * of ours for now.
 */
static size_t
keep_descendants(struct linux_process *list, size_t n, pid_t root)
{
	bool *is_ours = mem_zalloc(n, sizeof *is_ours), has_more = true;
	struct linux_process *parent;
	size_t i, len = 0;

	while (has_more) {
		has_more = false;
		for (i = 0; i < n; i++) {
			if (is_ours[i])
				continue;
			parent = find_process(list, n, list[i].parent);
			if (list[i].parent == root ||
			    (parent != NULL && is_ours[parent - list]))
				has_more = is_ours[i] = true;
		}
	}
	for (i = 0; i < n; i++)
		if (is_ours[i])
			list[len++] = list[i];
	free(is_ours);
	return len;
}

static void
kin_adopt(struct kin *kin, pid_t pid)
{
	struct orphan *orphan = mem_zalloc(1, sizeof *orphan);

	orphan->run_id = linux_read_environ(pid, "WJOBS_RUN_ID");
	pids_put(&kin->orphans, pid, orphan);
}

/*
 * Take up the orphans among our children. True where there is nothing else:
 * then only a new process can change what we know.
 */
static bool
kin_take_orphans(struct kin *kin)
{
	pid_t self = getpid();
	bool is_all = true;
	size_t i;

	for (i = 0; i < kin->len; i++) {
		pid_t pid = kin->seen[i].pid;

		if (pids_find(kin->leaders, pid) != NULL)
			continue;
		if (kin->seen[i].parent != self)
			is_all = false;
		else if (pids_find(&kin->orphans, pid) == NULL)
			kin_adopt(kin, pid);
	}
	return is_all;
}

static bool
kin_may_look(const struct kin *kin, int share)
{
	return now_us() - kin->looked_us >= kin->cost_us * share;
}

/* False where the system has nothing to look at. */
static bool
kin_look(struct kin *kin)
{
	int64_t began_us = now_us();
	pid_t last = linux_last_pid();
	struct linux_process *list;
	size_t n;

	if (!linux_list_processes(&list, &n))
		return false;
	qsort(list, n, sizeof *list, compare_pids);
	free(kin->seen);
	kin->seen = list;
	kin->len = keep_descendants(list, n, getpid());
	kin->looks++;
	kin->known_pid = kin_take_orphans(kin) ? last : 0;
	kin->spawned = 0;
	kin->looked_us = now_us();
	kin->cost_us = kin->looked_us - began_us;
	return true;
}

/* No process was made since all was known, save our own leaders. */
static bool
kin_is_quiet(const struct kin *kin)
{
	pid_t last;

	if (kin->known_pid == 0)
		return false;
	last = linux_last_pid();
	return last >= kin->known_pid &&
	    (uint32_t)(last - kin->known_pid) == kin->spawned;
}

/* Not for an unreaped leader: its group always has a member. */
static bool
group_lives(pid_t group)
{
	return kill(-group, 0) == 0 || errno == EPERM;
}

/* Not a child: neither a leader nor an orphan. */
static bool
has_no_child(const struct kin *kin)
{
	siginfo_t info;

	return kin->leaders->len == 0 &&
	    waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 &&
	    errno == ECHILD;
}

static bool
is_orphan_of(const struct kin *kin, pid_t pid, const struct kin_run *run)
{
	const struct orphan *orphan = pids_find(&kin->orphans, pid);

	return orphan != NULL && orphan->run_id != NULL && run->id != NULL &&
	    strcmp(orphan->run_id, run->id) == 0;
}

/*
 * While a process of a group or session lives, its number is not used again.
 * So where a process has the number of a leader that is gone, none is left.
 */
static bool
is_number_used_again(const struct kin *kin, const struct kin_run *run)
{
	return run->is_reaped &&
	    (pids_find(kin->leaders, run->leader) != NULL ||
		(kin->looks > run->looks &&
		    find_process(kin->seen, kin->len, run->leader) != NULL));
}

static bool
is_kin(const struct kin *kin, const struct linux_process *process,
    const struct kin_run *run, bool is_reused)
{
	if (is_orphan_of(kin, process->pid, run))
		return true;
	return !is_reused &&
	    (process->session == run->leader || process->group == run->leader ||
		(process->pid == run->leader && !run->is_reaped));
}

/* Mark in `is_of` which of those seen belong to the run, with descendants. */
static void
mark_kin(struct kin *kin, const struct kin_run *run, bool *is_of)
{
	bool is_reused = is_number_used_again(kin, run), has_more = true;
	struct linux_process *parent;
	size_t i;

	for (i = 0; i < kin->len; i++)
		is_of[i] = is_kin(kin, &kin->seen[i], run, is_reused);
	while (has_more) {
		has_more = false;
		for (i = 0; i < kin->len; i++) {
			if (is_of[i])
				continue;
			parent = find_process(
			    kin->seen, kin->len, kin->seen[i].parent);
			if (parent != NULL && is_of[parent - kin->seen])
				has_more = is_of[i] = true;
		}
	}
}

static int
signal_kin(struct kin *kin, const struct kin_run *run, int signal)
{
	bool *is_of = mem_zalloc(kin->len, sizeof *is_of);
	int found = 0;
	size_t i;

	mark_kin(kin, run, is_of);
	for (i = 0; i < kin->len; i++) {
		const struct linux_process *process = &kin->seen[i];

		if (!is_of[i] || process->pid == run->leader ||
		    (process->group == run->leader && !run->is_reaped))
			continue;
		if (linux_signal(process, signal))
			found++;
	}
	free(is_of);
	return found;
}

int
kin_signal(struct kin *kin, const struct kin_run *run, int signal)
{
	if ((kin->looks > 0 && !kin_may_look(kin, SHARE_STOPPING)) ||
	    kin_look(kin))
		return signal_kin(kin, run, signal);
	if (!run->is_reaped || !group_lives(run->leader))
		return 0;
	if (signal != 0)
		kill(-run->leader, signal);
	return 1; /* or more: the system does not tell */
}

bool
kin_survives(struct kin *kin, const struct kin_run *run, bool is_exact)
{
	bool is_fresh;

	if (run->is_reaped && group_lives(run->leader))
		return true;
	if (has_no_child(kin))
		return false;
	is_fresh = kin->looks > run->looks || kin_is_quiet(kin);
	if (!is_fresh &&
	    kin_may_look(kin, is_exact ? SHARE_STOPPING : SHARE_COUNTING)) {
		if (!kin_look(kin))
			return false;
		is_fresh = true;
	}
	if (!is_fresh && is_exact)
		return true;
	return kin->looks > 0 && signal_kin(kin, run, 0) > 0;
}
