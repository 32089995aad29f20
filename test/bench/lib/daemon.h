#ifndef WJOBS_BENCH_DAEMON_H
#define WJOBS_BENCH_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The wjobs under test as a process of its own, with what it uses; for bench
 * programs alone: all of them end the program with a message when they fail.
 */
struct daemon {
	pid_t pid;
	char *log; /* its standard error */
};

/* `$WJOBS run` on the jobfile; returns when it has started. */
void daemon_start(struct daemon *daemon, const char *jobfile);
/* TERM, and wait for its end. */
void daemon_stop(struct daemon *daemon);
/* Until it has used no processor time for a while: all is written. */
void daemon_settle(const struct daemon *daemon);

/* From /proc. */
double process_cpu_s(pid_t pid);
long process_kb(pid_t pid, const char *what); /* "VmRSS", "VmHWM" */
/* How often its threads went to sleep and woke up again. */
long process_wakes(pid_t pid);

_Noreturn void
bench_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A path in $BENCH_DIR; the caller's to free(3). */
char *bench_path(const char *name);
/* The program that a Makefile built beside this one. */
char *bench_program(const char *name);
double bench_now_s(void); /* CLOCK_REALTIME */
void bench_sleep_until(double s);
double bench_median(double *list, int n);

#endif
