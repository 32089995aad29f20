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

/* At most one part in so many of the time is spent on reading all of /proc. */
#define READ_SHARE 200
/* Beyond so many new numbers it is cheaper to read all. */
#define RANGE_MAX 300
/* More of ours than this are not refreshed each time, but for so much of it. */
#define REFRESH_MAX   32
#define REFRESH_SHARE 20
/*
 * How long a number may be given before its process is seen: a fork that is
 * interrupted on a busy machine.
 */
#define ABSENT_US  50000
#define ABSENT_MAX 4096
/* Before an orphan counts as nobody's. */
#define ORPHAN_US 100000

/* The first that is there, and not empty. */
static const char *const id_name[] = { "WJOBS_HOOK_ID", "WJOBS_RUN_ID", NULL };

struct orphan {
	char *run_id;    /* NULL: whose it is cannot be told */
	bool is_settled; /* it can, or never will */
	int64_t seen_us;
};

static int64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static const char *
find_value(const char *const *envp, const char *name)
{
	size_t len = strlen(name);

	for (; *envp != NULL; envp++)
		if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
			return (*envp)[len + 1] != '\0' ? *envp + len + 1
							: NULL;
	return NULL;
}

const char *
kin_id(const char *const *envp)
{
	const char *value = NULL;
	size_t i;

	for (i = 0; id_name[i] != NULL && value == NULL; i++)
		value = find_value(envp, id_name[i]);
	return value;
}

void
kin_init(struct kin *kin, const struct pids *leaders)
{
	*kin = (struct kin){ .leaders = leaders,
		.last_pid_fd = -1,
		.is_subreaper = linux_become_subreaper() };
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
	free(kin->absent);
	if (kin->last_pid_fd >= 0)
		close(kin->last_pid_fd);
	*kin = (struct kin){ 0 };
}

void
kin_reaped(struct kin *kin, pid_t pid)
{
	orphan_free(pids_remove(&kin->orphans, pid));
	kin->reaped[kin->reaped_at++ % KIN_REAPED] = pid;
}

/* A number that we reaped a moment ago is no process any more. */
static bool
is_reaped(const struct kin *kin, pid_t pid)
{
	int i;

	for (i = 0; i < KIN_REAPED; i++)
		if (kin->reaped[i] == pid)
			return true;
	return false;
}

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

	return n == 0 ? NULL
		      : bsearch(&key, list, n, sizeof *list, compare_pids);
}

/*
 * Keep only our descendants, leaders apart. A process whose parents do not
 * lead to us, or lead to one that has just ended, is none of ours for now.
 */
static size_t
keep_descendants(const struct kin *kin, struct linux_process *list, size_t n)
{
	bool *is_ours = mem_zalloc(n, sizeof *is_ours), has_more = true;
	pid_t self = getpid(), parent;
	struct linux_process *found;
	size_t i, len = 0;

	while (has_more) {
		has_more = false;
		for (i = 0; i < n; i++) {
			if (is_ours[i])
				continue;
			parent = list[i].parent;
			found = find_process(list, n, parent);
			if (parent == self ||
			    pids_find(kin->leaders, parent) != NULL ||
			    (found != NULL && is_ours[found - list]))
				has_more = is_ours[i] = true;
		}
	}
	for (i = 0; i < n; i++)
		if (is_ours[i] && pids_find(kin->leaders, list[i].pid) == NULL)
			list[len++] = list[i];
	free(is_ours);
	return len;
}

/*
 * In the midst of an exec a process shows no environment, so one look is not
 * enough to say that it has no run.
 */
static void
orphan_settle(struct orphan *orphan, pid_t pid)
{
	int64_t age_us = now_us() - orphan->seen_us;

	if (orphan->is_settled)
		return;
	orphan->run_id = linux_read_environ(pid, id_name);
	orphan->is_settled = orphan->run_id != NULL || age_us > ORPHAN_US;
}

static void
kin_adopt(struct kin *kin, pid_t pid)
{
	struct orphan *orphan = pids_find(&kin->orphans, pid);

	if (orphan == NULL) {
		orphan = mem_zalloc(1, sizeof *orphan);
		orphan->seen_us = now_us();
		pids_put(&kin->orphans, pid, orphan);
	}
	orphan_settle(orphan, pid);
}

static void
kin_take_orphans(struct kin *kin)
{
	pid_t self = getpid();
	size_t i;

	for (i = 0; i < kin->len; i++)
		if (kin->seen[i].parent == self)
			kin_adopt(kin, kin->seen[i].pid);
}

/* list is kin's from here. */
static void
kin_take(struct kin *kin, struct linux_process *list, size_t n)
{
	if (n > 0)
		qsort(list, n, sizeof *list, compare_pids);
	free(kin->seen);
	kin->seen = list;
	kin->len = keep_descendants(kin, list, n);
	kin_take_orphans(kin);
}

/* Its parent is neither us, nor a leader, nor in the list: it has changed. */
static bool
is_cut_off(const struct kin *kin, const struct linux_process *process,
    struct linux_process *list, size_t n)
{
	return process->parent != getpid() &&
	    pids_find(kin->leaders, process->parent) == NULL &&
	    find_process(list, n, process->parent) == NULL;
}

/* Read anew those whose parent has gone, until none has. */
static size_t
read_cut_off(const struct kin *kin, struct linux_process *list, size_t n)
{
	size_t i, len, before;

	do {
		before = n;
		for (i = len = 0; i < n; i++) {
			list[len] = list[i];
			if (!is_cut_off(kin, &list[len], list, n) ||
			    linux_read_process(list[len].pid, &list[len]))
				len++;
		}
		n = len;
	} while (n < before);
	return n;
}

/*
 * Need it be read again? An orphan stays one until we reap it, and the child
 * of a leader stays that until the leader has ended.
 */
static bool
may_have_changed(const struct kin *kin, const struct linux_process *process)
{
	return pids_find(&kin->orphans, process->pid) == NULL &&
	    pids_find(kin->leaders, process->parent) == NULL;
}

/* Those seen before, as they are now. */
static size_t
kin_refresh(struct kin *kin, struct linux_process *list)
{
	int64_t began_us = now_us();
	bool is_due = kin->len <= REFRESH_MAX ||
	    began_us - kin->refresh_us >= kin->refresh_cost_us * REFRESH_SHARE;
	size_t i, n = 0;

	for (i = 0; i < kin->len; i++) {
		list[n] = kin->seen[i];
		if (!is_due || !may_have_changed(kin, &list[n]) ||
		    linux_read_process(list[n].pid, &list[n]))
			n++;
	}
	if (is_due) {
		kin->refresh_us = now_us();
		kin->refresh_cost_us = kin->refresh_us - began_us;
	}
	return read_cut_off(kin, list, n);
}

static void
push_absent(struct kin *kin, struct kin_absent absent)
{
	kin->absent = mem_grow(
	    kin->absent, kin->absent_len + 1, sizeof *kin->absent);
	kin->absent[kin->absent_len++] = absent;
}

/*
 * A number is given a moment before its process can be seen, so one that is
 * not there is asked for again: after a while, after twice the while, and so
 * on, since most of them have long come and gone.
 */
static void
expect_number(struct kin *kin, pid_t pid, int64_t since_us)
{
	int64_t age_us = now_us() - since_us;

	if (kin->absent_len == ABSENT_MAX || age_us >= ABSENT_US)
		return;
	push_absent(
	    kin, (struct kin_absent){ pid, since_us, since_us + 2 * age_us });
}

/* Add the process to the list, if there is one of this number. */
static size_t
read_number(struct kin *kin, pid_t pid, int64_t since_us,
    struct linux_process *list, size_t n)
{
	if (linux_read_process(pid, &list[n]))
		return n + 1;
	expect_number(kin, pid, since_us);
	return n;
}

static size_t
read_absent(
    struct kin *kin, bool is_urgent, struct linux_process *list, size_t n)
{
	struct kin_absent *absent = kin->absent, *a;
	size_t len = kin->absent_len;
	int64_t us = now_us();

	kin->absent = NULL;
	kin->absent_len = 0;
	for (a = absent; a < absent + len; a++) {
		if (!is_urgent && a->again_us > us)
			push_absent(kin, *a);
		else if (!is_reaped(kin, a->pid))
			n = read_number(kin, a->pid, a->since_us, list, n);
	}
	free(absent);
	return n;
}

static void
kin_read_new(struct kin *kin, pid_t last, bool is_urgent)
{
	size_t room = kin->len + kin->absent_len +
	    (size_t)(last - kin->known_pid) + 1;
	struct linux_process *list = mem_alloc(room * sizeof *list);
	size_t n = read_absent(kin, is_urgent, list, kin_refresh(kin, list));
	int64_t since_us = now_us();
	pid_t pid;

	for (pid = kin->known_pid + 1; pid <= last; pid++)
		if (!is_reaped(kin, pid) &&
		    pids_find(kin->leaders, pid) == NULL &&
		    find_process(kin->seen, kin->len, pid) == NULL)
			n = read_number(kin, pid, since_us, list, n);
	kin_take(kin, list, n);
}

/* Of the numbers given since the last look, those not in the list of all. */
static void
note_absent(struct kin *kin, pid_t last, struct linux_process *list, size_t n)
{
	pid_t pid = last > kin->known_pid ? kin->known_pid + 1 : 1;
	int64_t since_us = now_us();
	size_t i, len = 0;

	for (i = 0; i < kin->absent_len; i++)
		if (find_process(list, n, kin->absent[i].pid) == NULL)
			kin->absent[len++] = kin->absent[i];
	kin->absent_len = len;
	if (pid <= last - ABSENT_MAX)
		pid = last - ABSENT_MAX + 1;
	for (; kin->known_pid != 0 && pid <= last; pid++)
		if (!is_reaped(kin, pid) && find_process(list, n, pid) == NULL)
			expect_number(kin, pid, since_us);
}

/* False where the system has nothing to look at. */
static bool
kin_read_all(struct kin *kin, pid_t last)
{
	int64_t began_us = now_us();
	struct linux_process *list;
	size_t n;

	if (!linux_list_processes(&list, &n))
		return false;
	qsort(list, n, sizeof *list, compare_pids);
	note_absent(kin, last, list, n);
	kin_take(kin, list, n);
	kin->read_us = now_us();
	kin->read_cost_us = kin->read_us - began_us;
	return true;
}

/* Where it is urgent, no process that may be there is left for later. */
static bool
kin_look(struct kin *kin, bool is_urgent)
{
	pid_t last = linux_last_pid(&kin->last_pid_fd);
	bool has_all = kin->known_pid != 0 && last >= kin->known_pid &&
	    last - kin->known_pid <= RANGE_MAX &&
	    now_us() - kin->read_us < kin->read_cost_us * READ_SHARE;

	if (has_all)
		kin_read_new(kin, last, is_urgent);
	else if (!kin_read_all(kin, last))
		return false;
	kin->known_pid = last;
	return true;
}

/* Not for an unreaped leader: its group always has a member. */
static bool
group_lives(pid_t group)
{
	return kill(-group, 0) == 0 || errno == EPERM;
}

/* Neither a leader nor an orphan, which would be ours. */
static bool
has_no_child(const struct kin *kin)
{
	siginfo_t info;

	return kin->is_subreaper && kin->leaders->len == 0 &&
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
		find_process(kin->seen, kin->len, run->leader) != NULL);
}

static bool
is_kin(const struct kin *kin, const struct linux_process *process,
    const struct kin_run *run, bool is_reused)
{
	if (is_orphan_of(kin, process->pid, run))
		return true;
	return !is_reused &&
	    (process->session == run->leader || process->group == run->leader ||
		(process->parent == run->leader && !run->is_reaped));
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

/* One of which it is not known yet may be a run's: a stop waits for it. */
static bool
may_be_kin(const struct kin *kin, pid_t pid, const struct kin_run *run)
{
	const struct orphan *orphan = pids_find(&kin->orphans, pid);

	return run->is_stopped && orphan != NULL && !orphan->is_settled;
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

		if (!is_of[i] && may_be_kin(kin, process->pid, run))
			found++;
		if (!is_of[i] ||
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
	if (has_no_child(kin))
		return 0;
	if (kin_look(kin, run->is_stopped))
		return signal_kin(kin, run, signal);
	if (!run->is_reaped || !group_lives(run->leader))
		return 0;
	if (signal != 0)
		kill(-run->leader, signal);
	return 1; /* or more: the system does not tell */
}
