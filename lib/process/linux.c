#include "lib/process/linux.h"

#ifdef WJOBS_PORTABLE

bool
linux_become_subreaper(void)
{
	return false;
}

int
linux_cores(void)
{
	return 0;
}

bool
linux_read_process(pid_t pid, struct linux_process *process)
{
	(void)pid;
	(void)process;
	return false;
}

bool
linux_list_processes(struct linux_process **list, size_t *n)
{
	(void)list;
	(void)n;
	return false;
}

char *
linux_read_environ(pid_t pid, const char *const *names)
{
	(void)pid;
	(void)names;
	return NULL;
}

pid_t
linux_last_pid(int *fd)
{
	(void)fd;
	return 0;
}

uint64_t
linux_ticks(void)
{
	return 0;
}

bool
linux_signal(const struct linux_process *process, int signal)
{
	(void)process;
	(void)signal;
	return false;
}

void
linux_boot_id(char *id, size_t size)
{
	if (size > 0)
		id[0] = '\0';
}

bool
linux_cloexec_from(int from)
{
	(void)from;
	return false;
}

int
linux_memory_file(const void *data, size_t n)
{
	(void)data;
	(void)n;
	return -1;
}

void
linux_die_with_parent(int signal)
{
	(void)signal;
}

void
linux_default_signal(int signal)
{
	(void)signal;
}

#else

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif
/* An environment beyond this is not looked through. */
#define ENVIRON_MAX (4u << 20)

bool
linux_become_subreaper(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0;
}

int
linux_cores(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) != 0)
		return 0; /* there may be more than fit */
	return CPU_COUNT(&set);
}

/* A small file of /proc in one read, NUL-terminated. */
static bool
read_small(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	return true;
}

/*
 * "PID (name) S PPID PGRP SESSION ...", where the name may hold anything, also
 * brackets and blanks; the start is field 22 (proc(5)).
 */
static bool
parse_stat(const char *text, struct linux_process *process)
{
	const char *p = strrchr(text, ')');
	int parent, group, session;
	uint64_t start;
	char state;

	if (p == NULL ||
	    sscanf(p + 1,
		" %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d"
		" %*d %*d %*d %*d %" SCNu64,
		&state, &parent, &group, &session, &start) != 5)
		return false;
	process->state = state;
	process->parent = parent;
	process->group = group;
	process->session = session;
	process->start_ticks = start;
	return true;
}

bool
linux_read_process(pid_t pid, struct linux_process *process)
{
	char path[64], text[1024];

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	process->pid = pid;
	return read_small(path, text, sizeof text) && parse_stat(text, process);
}

bool
linux_list_processes(struct linux_process **list, size_t *n)
{
	struct linux_process one, *all = NULL;
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	size_t len = 0;

	if (dir == NULL)
		return false;
	while ((entry = readdir(dir)) != NULL) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    !linux_read_process(
			(pid_t)strtol(entry->d_name, NULL, 10), &one))
			continue;
		all = mem_grow(all, len + 1, sizeof *all);
		all[len++] = one;
	}
	closedir(dir);
	if (len == 0)
		return false;
	*list = all;
	*n = len;
	return true;
}

static void
read_all(const char *path, struct str *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buf[4096];
	ssize_t n;

	if (fd < 0)
		return;
	while (text->len < ENVIRON_MAX && (n = read(fd, buf, sizeof buf)) > 0)
		str_addn(text, buf, (size_t)n);
	close(fd);
}

/* NULL where it is not there, or empty. */
static const char *
find_value(const struct str *text, const char *name)
{
	size_t len = strlen(name);
	const char *p = str_text(text), *end = p + text->len;

	for (; p < end; p += strlen(p) + 1)
		if (strncmp(p, name, len) == 0 && p[len] == '=')
			return p[len + 1] != '\0' ? p + len + 1 : NULL;
	return NULL;
}

char *
linux_read_environ(pid_t pid, const char *const *names)
{
	struct str text = { 0 };
	const char *value = NULL;
	char path[64], *copy;

	snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
	read_all(path, &text);
	for (; *names != NULL && value == NULL; names++)
		value = find_value(&text, *names);
	copy = mem_strdup(value);
	str_release(&text);
	return copy;
}

pid_t
linux_last_pid(int *fd)
{
	char text[256];
	const char *p;
	ssize_t n;

	if (*fd < 0)
		*fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
	n = *fd >= 0 ? pread(*fd, text, sizeof text - 1, 0) : 0;
	if (n <= 0)
		return 0;
	text[n] = '\0';
	p = strrchr(text, ' ');
	return p != NULL ? (pid_t)strtol(p, NULL, 10) : 0;
}

static bool
is_still(const struct linux_process *process)
{
	struct linux_process now;

	return linux_read_process(process->pid, &now) &&
	    now.start_ticks == process->start_ticks && now.state != 'Z' &&
	    now.state != 'X';
}

uint64_t
linux_ticks(void)
{
	struct timespec ts;
	uint64_t ns;

	if (clock_gettime(CLOCK_BOOTTIME, &ts) != 0)
		return 0;
	ns = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	return ns / (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK));
}

bool
linux_signal(const struct linux_process *process, int signal)
{
	bool is_same;
	int fd;

	if (signal == 0)
		return is_still(process);
	fd = (int)syscall(SYS_pidfd_open, process->pid, 0);
	is_same = is_still(process);
	if (is_same && fd >= 0)
		syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0);
	else if (is_same) /* before Linux 5.3 there is none */
		kill(process->pid, signal);
	if (fd >= 0)
		close(fd);
	return is_same;
}

void
linux_boot_id(char *id, size_t size)
{
	if (!read_small("/proc/sys/kernel/random/boot_id", id, size))
		id[0] = '\0';
	id[strcspn(id, "\n")] = '\0';
}

bool
linux_cloexec_from(int from)
{
	return syscall(SYS_close_range, (unsigned)from, ~0U,
		   CLOSE_RANGE_CLOEXEC) == 0;
}

int
linux_memory_file(const void *data, size_t n)
{
	int fd = memfd_create("wjobs", MFD_CLOEXEC);
	const char *p = data;
	ssize_t done;

	if (fd < 0)
		return -1;
	while (n > 0) {
		done = write(fd, p, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			close(fd);
			return -1;
		}
		p += done;
		n -= (size_t)done;
	}
	if (lseek(fd, 0, SEEK_SET) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

void
linux_die_with_parent(int signal)
{
	prctl(PR_SET_PDEATHSIG, (unsigned long)signal);
}

void
linux_default_signal(int signal)
{
	/* The kernel's struct sigaction, larger than any; all 0 is SIG_DFL. */
	static const unsigned long action[8];

	syscall(SYS_rt_sigaction, signal, action, NULL, 8);
}

#endif
