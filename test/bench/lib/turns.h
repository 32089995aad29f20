#ifndef WJOBS_BENCH_TURNS_H
#define WJOBS_BENCH_TURNS_H

#include <sys/types.h>

/*
 * Programs and loops that do the same work, turn by turn: what the machine is
 * about just then befalls them all, and a ratio is the median of its rounds.
 */
#define TURNS_ROUNDS_MAX 32

struct turn {
	/* Does n pieces of the work: the seconds taken, or -1: not there. */
	double (*run)(int n);
	int n, every;                  /* so many, in each so manieth round */
	double rate[TURNS_ROUNDS_MAX]; /* 0: not in this round */
};

/* Each round begins with another one, so that none is always behind. */
void turns_run(struct turn *turn, int turns, int rounds);
/* A line of the table: ours beside theirs, over the rounds that both had. */
void turns_print(const char *what, const struct turn *ours, const char *limit,
    const struct turn *theirs, const char *target);
/* Ratios mean little where there is other work; a note where there is. */
void turns_warn_if_busy(const char *who);

/* ---- who else starts /bin/true n times, four at a time */

double turns_vfork(int n);
double turns_posix_spawn(int n);
double turns_xargs(int n);
double turns_xargs_shell(int n); /* through sh -c */
double turns_make(int n);
double turns_parallel(int n);  /* GNU's */
double turns_moreutils(int n); /* moreutils' parallel */

/* A line of sh: the seconds taken, or -1 where it failed. */
double turns_script(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
