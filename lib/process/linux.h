#ifndef WJOBS_LINUX_H
#define WJOBS_LINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What lib/process takes from Linux beyond POSIX: /proc, the subreaper, pidfds,
 * files in memory and close_range. Built with WJOBS_PORTABLE each of them answers that the
 * system cannot tell, and their callers make do with process groups.
 */
struct linux_process {
	pid_t pid, parent, group, session;
	char state; /* of /proc/PID/stat: Z is a zombie */
	uint64_t start_ticks;
};

/* Orphans below us become our children, as they would PID 1's. */
bool linux_become_subreaper(void);

/* How many cores this process may use; 0: the system cannot tell. */
int linux_cores(void);

/* False where there is no such process, or no way to look. */
bool linux_read_process(pid_t pid, struct linux_process *process);
/*
 * All processes there are. *list is the caller's to free(3); false (and
 * nothing) where there is no way to look.
 */
bool linux_list_processes(struct linux_process **list, size_t *n);
/*
 * The value that the first of `names` has, of those that the environment of a
 * process had at its exec, and not empty; NULL-terminated. The caller's to
 * free(3), NULL where it had none or it may not be read.
 */
char *linux_read_environ(pid_t pid, const char *const *names);
/*
 * The number given to a process last; 0 where there is no way to look. *fd is
 * -1 at first, and the caller's to close: it is asked often.
 */
pid_t linux_last_pid(int *fd);
/*
 * Now, as start_ticks has it: a process that is started between two calls with
 * the same answer has that one. 0 where there is no such clock.
 */
uint64_t linux_ticks(void);
/*
 * A signal (0: none) to a process that is still the one which started at
 * start_ticks, no matter how fast numbers are used again. False if it is gone.
 */
bool linux_signal(const struct linux_process *process, int signal);
/* "" where there is none. */
void linux_boot_id(char *id, size_t size);
/*
 * Mark descriptors from `from` on close-on-exec. Async-signal-safe. False
 * where there is no way but one by one.
 */
bool linux_cloexec_from(int from);
/*
 * A file of nobody's file system that holds these bytes, to be read from its
 * begin; close-on-exec. -1 where there is none to be had.
 */
int linux_memory_file(const void *data, size_t n);
/*
 * That signal when our parent dies, until we run what is set-user-ID.
 * Async-signal-safe.
 */
void linux_die_with_parent(int signal);
/*
 * The disposition of a signal that the C library keeps for itself (32 and 33)
 * back to its default: a posix_spawn of our parent's may have left it ignored.
 * Async-signal-safe.
 */
void linux_default_signal(int signal);

#endif
