#ifndef WJOBS_ATTEMPT_H
#define WJOBS_ATTEMPT_H

#include "lib/engine/run.h"

/*
 * The inside of a run, once it is seated or has asked the store: for run.c,
 * which makes attempts, and claim.c, which asks.
 *
 * The claim's operation belongs to the store's port until it is answered;
 * `claim` points at it so that a run that is gone by then can say so.
 */
struct attempt {
	struct record record;
	struct proc proc;
	struct clock_timer timer; /* the claim's patience, or a wait */
	struct store_op *claim;   /* NULL: not in the store's hands */
	/*
	 * The instant is ours to run: granted, or taken without an answer. And
	 * the store may hold it for ours: so it is to be told how that ends.
	 */
	bool is_claimed, may_be_held;
	int64_t asked_ms;   /* monotonic: the claim under way */
	int64_t give_up_ms; /* monotonic: the store's silence; 0: not begun */
	struct err launch_err; /* of a launch that failed before proc_start */
	enum proc_stop stop;   /* asked for before the command began */
	int64_t began_ms;      /* the attempt under way */
	int exec_errno;
	/* Of a job with a handler: what it puts in, once that has an id. */
	bool has_work;
	struct ulid work_id;
};

/* What run.c does for claim.c. */
void run_set_state(struct run *run, enum run_state state);
struct attempt *run_attempt(struct run *run); /* made where there is none */
bool run_is_too_late(const struct run *run);
/* How long until it is; CLOCK_NEVER: it has no start_deadline. */
int64_t run_time_left_ms(const struct run *run);
/* The claim is ours: launch it, or ask for the slot that it gave back. */
void run_go(struct run *run);
/* Its work is in the queue: it has ended, and the store knows. */
void run_put(struct run *run);
/* It ends before any attempt, for a reason that a record tells. */
void run_end_unstarted(struct run *run, enum record_status status,
    enum record_reason reason, const char *error);
/* It ends, and there is nothing to tell: another one has the instant. */
void run_vanish(struct run *run);

#endif
