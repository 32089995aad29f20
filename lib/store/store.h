#ifndef WJOBS_STORE_H
#define WJOBS_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/store/record.h"
#include "lib/store/work.h"

/*
 * The store: history, the state of jobs and the queue, behind one seam. Backends are
 * plain synchronous code; a struct store is used by one thread at a time. The
 * scheduler's loop never calls it, but posts to a writer (writer.h); reading
 * commands call it straight.
 */
struct split;
struct store;
struct store_start;

enum store_mode {
	STORE_READ,  /* never creates anything */
	STORE_WRITE, /* creates what is missing */
	/*
	 * The scheduler's, once it owns the store (owner.h): as
	 * STORE_WRITE, and the whole file is checked first.
	 */
	STORE_OWN,
};

enum store_opened {
	STORE_OPENED,
	STORE_ABSENT, /* STORE_READ, and nothing was ever written there */
	STORE_FAILED
};

/* What history keeps of each job; see SPEC "history.keep". */
struct store_limits {
	int keep;           /* runs a job; skips have 100 of their own */
	int64_t max_age_ms; /* or -1 */
	int min_replicas;   /* of Redis, that must have a claim; 0: none */
};

/*
 * where: "memory", the path of an SQLite file, or a Redis URL. Refused with
 * ERR_CONFIG are a newer schema and a database that is not wjobs';
 * ERR_UNREACHABLE is a store that does not answer, which `memory` never does
 * for STORE_READ: it lives in its scheduler alone.
 *
 * A file that is corrupt or no database, and that no other process has open,
 * is moved aside to NAME.corrupt-DATE (with its -wal and -shm) and begun anew
 * unless the mode is STORE_READ. A file that is merely locked, full or not
 * permitted never is. `note` (may be NULL) then says so, for the caller to log
 * and free; it is NULL where there is nothing to say.
 */
enum store_opened
store_open(const char *where, enum store_mode mode, struct store_limits limits,
    struct store **store, char **note, struct err *err);
void store_close(struct store *store);

/*
 * What is written, as values: an operation is made by the engine, carried to
 * the store's thread, applied with all others that wait in one transaction,
 * and answered. Each may be repeated at once with the effect of once.
 */
enum store_op_kind {
	/*
	 * Claim record.scheduled_ms for record.job and write the record as
	 * running. CLAIM_LOST if the watermark is already there or later, and
	 * was not taken by this very record.id; nothing is written then. No
	 * claim is made where there is no scheduled_ms, and none for triggers
	 * other than schedule, catch_up and reboot: those are granted always.
	 * A grant sets record.fence, which is greater than all before of the
	 * job.
	 *
	 * So whoever moves a watermark past an instant (STORE_SKIP of a later
	 * one, say) can no longer claim it.
	 *
	 * Where is_shared, against all instances of a shared store: CLAIM_EARLY
	 * while the instant lies ahead of the store's clock; and what lies
	 * between the old watermark and before_ms is kept as a gap, which each
	 * grant hands out until a STORE_SKIP with that gap has recorded it.
	 */
	STORE_BEGIN,
	/*
	 * The record's new state: leader, attempt, pending with retry_at and
	 * the output of the attempt before.
	 */
	STORE_UPDATE,
	/*
	 * The record's end: with output; counts once; prunes. The record need
	 * not have begun. Nothing happens to one that has ended already; but
	 * of one that is lost, or died with its workers, it is answered what
	 * there is to tell of that.
	 *
	 * Where is_shared, and its BEGIN never came, its instant is settled:
	 * nobody can claim it any more, nor that BEGIN when it comes late.
	 */
	STORE_END,
	/*
	 * An instant, or several, not run: `record` with its count. Successive
	 * skips of one job for one reason become one record: the first one's
	 * id and scheduled_ms, the last one's completed_ms and error, the sum
	 * of counts; a run that begins between them ends that. Moves the
	 * watermark forward to watermark_ms, unless that is CLOCK_NONE.
	 *
	 * Where is_shared, as a claim: nothing happens where the watermark is
	 * at scheduled_ms already, for another instance has settled it, or
	 * where that lies ahead of the store's clock. With a gap: only where
	 * nobody has recorded it yet; a count of 0 just forgets it. CLAIM_LOST
	 * where nothing happened, as of an END of what is skipped.
	 */
	STORE_SKIP,
	/*
	 * Only record.job's watermark, to watermark_ms; may move it back.
	 * Where is_shared it sets a first one and moves none; CLOCK_NONE says
	 * that the job is off, and what passes from now on is not missed.
	 */
	STORE_WATERMARK,
	/*
	 * The first of a batch that must not be applied again even much later:
	 * where record.id was the last one given so, the whole batch is left
	 * out and this op answers CLAIM_LOST. For what comes from a file.
	 */
	STORE_ONCE,
	/* What op->work says, to the queue: see work.h. */
	STORE_WORK,
	/*
	 * Is record.job late? It is where its last success, or with by_start
	 * its newest start, was before late.before_ms; a run under way counts
	 * as begun whenever an instant was settled last. Who was never there
	 * was so at first_ms. Answers last_ms, and is_telling where people are
	 * to be told: once until the next success, whose END then has a
	 * recovery to tell. A question: where the store does not answer, it is
	 * CLAIM_FAILED at once.
	 */
	STORE_LATE,
};

enum claim {
	CLAIM_GRANTED,
	CLAIM_LOST,
	CLAIM_BLOCKED, /* is_alone, and another run of the job is alive */
	CLAIM_LOCKED,  /* somebody holds `lock` */
	CLAIM_EARLY,   /* not due by the store's clock: ask again in wait_ms */
	CLAIM_FULL,    /* the queue has no room for its work */
	CLAIM_FAILED   /* the store did not answer: unknown */
};

/* Instants that nobody accounted for: those after `from`, before `to`. */
struct store_gap {
	int64_t from_ms, to_ms;
};
#define STORE_GAPS 8

struct store_op {
	enum store_op_kind kind;
	struct record record; /* owned by the op */
	int64_t watermark_ms;
	/*
	 * Of STORE_BEGIN: not beside another run of the job that is alive, of
	 * whatever process. Then nothing is written, and `blocker` is its id.
	 * Of STORE_UPDATE, in a shared store: likewise, where a run goes on
	 * that was pending; CLAIM_LOST where it has ended, or is another
	 * instance's by now. (What is pending is in the way of a rerun alone.)
	 */
	bool is_alone;
	struct ulid blocker;
	/*
	 * Of BEGIN, END, SKIP and WATERMARK: the instants of this job are those
	 * of all instances of a shared store. Elsewhere it means nothing.
	 */
	bool is_shared;
	/*
	 * Of BEGIN: nothing is known until the store has answered. The writer
	 * then holds it back, and tries again, for as long as the store does
	 * not answer; without it the claim is CLAIM_FAILED at once and its
	 * record is written later.
	 */
	bool is_sure;
	/* Of what is_shared: the job's instant before, or CLOCK_NONE. */
	int64_t before_ms;
	/* A hash of the job's schedule; 0: none. */
	uint64_t schedule;
	/*
	 * Of BEGIN: the lock that the run holds until its END; owned. NULL:
	 * none. Where it is held, `holder` says by whom, owned as well.
	 */
	char *lock;
	char *holder;
	/*
	 * Of a shared BEGIN, `on_lost: rerun`: the run may be begun again when
	 * its instance dies; and the lost run that this one does again.
	 */
	bool may_rerun, is_rerun;
	struct ulid rerun_of;
	struct store_gap gap; /* of SKIP; from_ms CLOCK_NONE: none */
	/*
	 * Of STORE_WORK; owned. And of a BEGIN whose run is only to put work in
	 * the queue, a WORK_PUT: the grant puts it, all at once, and the run
	 * has ended with that, completed; CLAIM_FULL writes nothing.
	 */
	struct work_op *work;
	/*
	 * Of END and of WORK_END: should people be told of a failure, if it is
	 * one? STORE_TELL_ONCE an incident, which is failures with no success
	 * between them; with 0 each time; else not more often than that; and
	 * never with STORE_TELL_NOBODY, by which it is counted alone.
	 * Answers: is_telling says that they should, or of a success that they
	 * were told of the failures before it; `failures` is how many there
	 * are in a row, with this one, or before this success; -1 where that
	 * is not known, as of an end that had been written before.
	 */
	int64_t tell_again_ms;
	struct {
		bool by_start;
		int64_t before_ms, first_ms, last_ms;
	} late; /* of LATE */
	bool is_telling;
	int64_t failures;
	/* Answers of a shared BEGIN. */
	int64_t wait_ms;        /* of CLAIM_EARLY */
	int64_t store_ms;       /* the store's clock, or CLOCK_NONE */
	struct store_gap *gaps; /* owned */
	int n_gaps;             /* at most STORE_GAPS */
	bool differs;  /* a living instance has another schedule for the job */
	bool is_reset; /* the watermark lay hours ahead of the store's clock */
	enum claim result; /* the answer, for `done` */
	/* Called on the loop; the op is freed after it. NULL: no answer. */
	void (*done)(struct store_op *op);
	void *data;
	/* The writer's. */
	struct store_op *next;
	size_t bytes;
	/* Of a claim that goes through a split port (split.h). */
	struct split *split;
	void (*split_done)(struct store_op *op);
};

#define STORE_TELL_ONCE   INT64_C(-1)
#define STORE_TELL_NOBODY INT64_C(-2)

/*
 * Copies record (NULL: an empty one). Instants are CLOCK_NONE, and nobody is
 * told of failures.
 */
struct store_op *
store_op_new(enum store_op_kind kind, const struct record *record);
void store_op_free(struct store_op *op);

/*
 * Apply n operations in order, each answered in its op; a file takes them in
 * one transaction. False where the store did not take them (busy, full, gone):
 * all may then be applied again.
 */
bool store_apply(struct store *store, struct store_op **ops, size_t n,
    struct err *err) MUST_CHECK;

/*
 * Of a store that could not be opened when its scheduler began (late.h): open
 * it now. True once it is, with what there was to take over; nothing can be
 * applied before. Others are open from the start.
 */
bool store_is_late(const struct store *store);
bool store_come(
    struct store *store, struct store_start *found, struct err *err) MUST_CHECK;

/* There is nothing to do for a while: memory kept for speed is given back. */
void store_rest(struct store *store);

/* Where the engine posts to: the writer, or a fake in tests. */
struct store_port {
	/* Takes the op. */
	void (*post)(struct store_port *port, struct store_op *op);
};

/* What a scheduler finds at its start. */
struct store_job {
	char *name;
	int64_t watermark_ms; /* CLOCK_NONE: never due yet */
};

/* A lost run that may be begun again: by a BEGIN with is_rerun. */
struct store_again {
	char *job;
	struct ulid id;
	int64_t scheduled_ms;
};

struct store_start {
	struct store_job *job;
	size_t jobs;
	struct record *pending; /* retries that wait for retry_at_ms */
	size_t n_pending;
	struct record *alive; /* runs whose leader outlived its scheduler */
	size_t n_alive;
	size_t lost; /* runs found dead and marked so */
	/* The newest of these of each job, for those who are to be told. */
	struct record *gone;
	size_t n_gone;
	/* Of a shared store: all that nobody has begun again yet. */
	struct store_again *again;
	size_t n_again;
};

/*
 * Take over from schedulers that are gone: runs of dead owners become `lost`
 * (reason crash, completed at now_ms), save those whose leader still lives,
 * which are this one's from here on, as are pending retries of dead owners.
 * `self` is this process; NULL, for a one-shot command, only marks the lost.
 *
 * A store that can be read but not written just now (locked, full) is success:
 * what is to be written goes with the next operations that are applied.
 */
bool store_take_over(struct store *store, const struct identity *self,
    int64_t now_ms, struct store_start *start, struct err *err) MUST_CHECK;
void store_start_release(struct store_start *start);

/*
 * Of a shared store, now and then: what other instances leave behind as they
 * die. As store_take_over, but that start->job stays empty. A pending run is
 * handed over once, and told of until it has been: to this handle no more than
 * once. Elsewhere there is nothing to find.
 */
bool store_reap(struct store *store, int64_t now_ms, struct store_start *start,
    struct err *err) MUST_CHECK;

/*
 * The session in whose name an instance writes to a shared store. `current` is
 * asked at each batch, by the thread that uses the store: false where there is
 * none just now, as after one has expired. Claims then are what the store did
 * not answer (ERR_UNREACHABLE), as they are when the session turns out to have
 * expired; ends are written all the same.
 *
 * A store that is bound to none writes in nobody's name: its runs are in
 * nobody's way, and nobody finds them lost. *session is copied.
 */
struct store_session {
	bool (*current)(void *data, struct ulid *id);
	void *data;
};
void store_bind(struct store *store, const struct store_session *session);

#endif
