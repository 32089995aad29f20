#ifndef WJOBS_RUN_H
#define WJOBS_RUN_H

#include "lib/engine/engine.h"
#include "lib/jobfile/job.h"

/*
 * One run of a job, from its due instant to its record: it waits for a slot,
 * claims its instant, makes an attempt, rests, makes another, ends. A run that
 * only waits is small, for ten thousand may be due at once; the rest of it
 * (struct attempt) comes with the slot.
 */
enum run_state {
	RUN_NEW,
	RUN_WAITING,  /* for a slot, or to ask the store again */
	RUN_CLAIMING, /* the store has been asked */
	RUN_RUNNING,  /* an attempt is under way */
	RUN_RESTING,  /* until its next attempt, with no slot */
	RUN_ENDED     /* its record says how */
};

struct run {
	struct engine *engine;
	const struct job *job;
	struct ulid id;
	int64_t due_ms; /* its identity; CLOCK_NONE for manual runs */
	enum record_trigger trigger;
	enum run_state state;
	bool has_waited; /* for a slot: recorded as late */
	bool is_sure;    /* not run before the store has answered */
	/* Another instance's run, a lock, or a full queue, is in its way. */
	bool is_queued;
	bool was_blocked; /* one to catch up, and another instance does so */
	bool was_early;   /* not due for a while, by the store's clock */
	bool is_recorded; /* ended before any attempt, and the store knows */
	bool differs;     /* a living instance has another schedule */
	bool lost_lease;  /* it went on all the same */
	/* A catch-up that is ours whatever the watermark says by now. */
	bool is_overdue;
	/* Another instance's lost run that this one does again; not an instant. */
	bool is_rerun;
	struct ulid rerun_of;
	struct pool_seat seat;
	struct attempt *attempt; /* NULL until seated */
	/*
	 * Called after each change of state but the first; from RUN_ENDED's
	 * the owner may free the run.
	 */
	void (*changed)(struct run *run);
	void *owner;
	struct run *next; /* the owner's list */
};

/* How long a claim may take before the run starts without its answer. */
#define RUN_CLAIM_MS 100

struct run *run_new(struct engine *engine, const struct job *job,
    int64_t due_ms, enum record_trigger trigger);
/* One that rested when its scheduler ended; goes on at record->retry_at_ms. */
struct run *run_resume(
    struct engine *engine, const struct job *job, const struct record *record);
/* Takes NULL. A run whose attempt is under way must not be freed. */
void run_free(struct run *run);

/* Ask for a slot. `changed` may be called before this returns. */
void run_begin(struct run *run);
/*
 * Stop it, whatever it does: an attempt as proc_stop, a wait or a rest at
 * once. RUN_ENDED follows. Between PROC_SHUTDOWN and a rest nothing happens to
 * the record: the next scheduler takes it up.
 */
void run_stop(struct run *run, enum proc_stop why, bool now);
/*
 * End a rest because the job is due anew: failed, superseded. Only while
 * RUN_RESTING.
 */
void run_supersede(struct run *run, const struct ulid *by);
/* A rest is left to the next scheduler: its record says so. */
void run_shelve(struct run *run);
/* Pass a signal on to the command, as it is. */
void run_signal(struct run *run, int signal);

/* Its instant waits for it: neither claimed, nor ended, nor a rerun. */
bool run_is_unsettled(const struct run *run);
/* It only waits, and the store knows nothing of it: it may be freed. */
bool run_is_idle(const struct run *run);
/* It counts as alive in a store that others share, and may be told to end. */
bool run_is_leased(const struct run *run);

/* NULL before a slot. While RUN_ENDED it is what history has. */
const struct record *run_record(const struct run *run);
/* errno of a program that could not be executed, else 0. */
int run_exec_errno(const struct run *run);

#endif
