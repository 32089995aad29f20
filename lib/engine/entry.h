#ifndef WJOBS_ENTRY_H
#define WJOBS_ENTRY_H

#include "lib/engine/engine.h"
#include "lib/engine/run.h"

/*
 * One job in the scheduler: its timer, its watermark, its runs, and the
 * instants that wait for a run in their way. There may be a hundred thousand,
 * so an entry is small.
 */
struct entry {
	struct engine *engine;
	const struct job *job;
	struct clock_timer timer;
	int64_t watermark_ms;    /* the last instant that was looked at */
	int64_t next_ms;         /* the one the timer stands for */
	struct run *runs;        /* in the order made */
	struct backlog *backlog; /* NULL while empty */
	struct orphan *orphans;  /* runs whose scheduler died before them */
	struct skips *skips;     /* to be recorded later; NULL: none */
	int64_t blind_ms;        /* began then, with no watermark known */
	int64_t overdue_ms; /* to here the store's watermark says nothing */
	bool is_behind;     /* the store's watermark is not yet at ours */
	bool has_differed;  /* from other instances' schedules: told */
	bool is_holding;    /* the backlog begins nothing just now */
	bool is_stopping;
	bool killed_any; /* by stopping */
	/* Called when the last run is gone while it stops. */
	void (*emptied)(struct entry *entry);
	void *owner;
};

void
entry_init(struct entry *entry, struct engine *engine, const struct job *job);
void entry_release(struct entry *entry);

/*
 * Begin at now_ms with the watermark that the store has (CLOCK_NONE: none):
 * settle what was missed, arm the timer.
 */
void entry_start(struct entry *entry, int64_t watermark_ms, int64_t now_ms);
/* Is that one of its runs, or of those that outlived their scheduler? */
bool entry_has_run(const struct entry *entry, const struct record *record);
/* A retry that rested when its scheduler ended. */
void entry_resume(struct entry *entry, const struct record *record);

/*
 * What a store says that was reached only now: what was missed before we began
 * is settled, once.
 */
void entry_found(struct entry *entry, int64_t watermark_ms);
/* Another instance died with that run, which may be done again: if it can. */
void entry_rerun(struct entry *entry, int64_t due_ms, const struct ulid *lost);
/* Is a pending retry's job due anew by now? */
bool entry_is_past(const struct entry *entry, const struct record *record);

/* Others will soon take us for dead, or do (now); see scheduler.h. */
void entry_lease_lost(struct entry *entry, bool now);
/* The store's clock is known anew: the timer stands by it. */
void entry_look_again(struct entry *entry);

/* The clock was stepped: starts afresh where it went back too far. */
enum entry_step { ENTRY_UNTOUCHED, ENTRY_SILENT, ENTRY_AFRESH };
enum entry_step entry_stepped(struct entry *entry, int64_t now_ms);

/* No new runs; what only waits is dropped, for the next start to find. */
void entry_stop(struct entry *entry);
/* Stop what runs: politely, then with `now` by KILL. */
void entry_kill(struct entry *entry, bool now);
bool entry_is_empty(const struct entry *entry);

/* For `due`: what is in the way of a new run, a live one that does not rest. */
bool entry_find_blocker(const struct entry *entry, struct ulid *id);
/* And a new run joins the others. */
void entry_add_run(struct entry *entry, struct run *run);

#endif
