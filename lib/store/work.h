#ifndef WJOBS_WORK_H
#define WJOBS_WORK_H

#include "lib/base/err.h"
#include "lib/store/record.h"

/*
 * Work: what the queue holds for its handlers. Each piece is done at least
 * once: it is put in, taken by a worker for one attempt, and then ended,
 * returned for another attempt, or released as if it had not been taken. What
 * a worker had when it died is returned by the others, and buried when that
 * has happened WORK_CRASHES times, as is work whose retries are used up.
 *
 * A handler's work is taken by score: the instant at which it was ready less
 * what its priority is worth, so that whatever waits comes first one day; of
 * the same score, what came first.
 */
#define WORK_PAYLOAD_MAX (1 << 20)
#define WORK_KEY_MAX     256
#define WORK_CRASHES     3
/* What has ended is kept for a day, the last so many; their output of fewer. */
#define WORK_KEPT_MS      (INT64_C(24) * 60 * 60 * 1000)
#define WORK_KEPT         10000
#define WORK_KEPT_OUTPUTS 1000
/* What is buried is kept for longer, with its payload. */
#define WORK_BURIED_MS   (INT64_C(90) * 24 * 60 * 60 * 1000)
#define WORK_BURIED_KEPT 10000
/* No worker has asked for its handler for so long: it is buried. */
#define WORK_UNKNOWN_MS (INT64_C(24) * 60 * 60 * 1000)
/* The errors of work that was buried by the store. */
#define WORK_DIED    "its worker died"
#define WORK_UNKNOWN "no worker knows its handler"
/* `aging: none`: a step of priority outweighs any wait. */
#define WORK_STRICT_MS INT64_C(10000000000)

enum work_state {
	WORK_READY,
	WORK_DELAYED, /* until due_ms: as asked for, or before a retry */
	WORK_RUNNING,
	WORK_BURIED,    /* failed for good; may be retried by hand */
	WORK_DONE,      /* a success */
	WORK_CANCELLED, /* by the user */
	WORK_STATES
};

/* Of `timeout_ms`: the handler's own. */
#define WORK_TIMEOUT_UNSET INT64_C(-2)

struct work {
	struct ulid id; /* what its user holds */
	char *key;      /* --id; owned, as all here; NULL: none */
	enum work_state state;
	int priority;
	int64_t lead_ms; /* what the priority is worth: see work_lead_ms */
	int64_t created_ms, due_ms; /* due: ready since, or will be */
	int attempts;               /* taken so often, crashes included */
	int crashes;
	/* Its own, where they differ from its handler's; -1: the handler's. */
	int retry_max;
	int64_t retry_delay_ms;
	int64_t timeout_ms;  /* JOB_NO_LIMIT: none; or WORK_TIMEOUT_UNSET */
	bool is_told_to_end; /* cancelled while it runs */
	struct ulid take;    /* by which it was taken last: see WORK_TAKE */
	char *payload;       /* bytes; of PUT and TAKE alone */
	size_t payload_len;
	/*
	 * Its record in history, once it has ended: with the id of the run,
	 * which is the work's until it is taken out of its grave; job is the
	 * handler, kind "handler", trigger RECORD_QUEUE. Meanwhile what is
	 * known: pending or running, the last attempt's result, all attempts,
	 * worker and fence. scheduled_ms is the instant of the job that put it.
	 */
	struct record record;
};

void work_init(struct work *work); /* all "none" */
void work_release(struct work *work);
void work_copy(struct work *to, const struct work *from);

const char *work_state_name(enum work_state state);
/* False where there is no state of that name. */
bool work_state_find(const char *name, enum work_state *state);
static inline bool
work_state_is_final(enum work_state state)
{
	return state == WORK_BURIED || state == WORK_DONE ||
	    state == WORK_CANCELLED;
}

/* aging_ms: what a step of priority is worth; below 0: more than any wait. */
int64_t work_lead_ms(int priority, int64_t aging_ms);

/*
 * What is done to the queue: op->work of a STORE_WORK. Each may be repeated
 * with the effect of once. All times are the store's own clock's.
 */
enum work_op_kind {
	/*
	 * Put `work` in: with its id, handler, payload and what is asked for
	 * it. Ready at once or in delay_ms, or at work.due_ms where that is
	 * not CLOCK_NONE. Answers `put`; work.id is then the one that is
	 * there. With is_running it is no worker's: the process that puts it
	 * has it, under work.take, and nobody else ever begins it.
	 */
	WORK_PUT,
	/*
	 * Take what is to be done next, up to `most` pieces, for an attempt
	 * each; and see to what is due, and with is_reaping to what the dead
	 * left and to what nobody knows. All taken carry `take`, a new id each
	 * time; the same again gets the same again. Who takes is in
	 * work.record: worker, and owner. What is wanted names all handlers
	 * that the worker knows, those that it has no room for with an n of 0.
	 */
	WORK_TAKE,
	/*
	 * These three only where work.take is still the one by which it was
	 * taken last, else CLAIM_LOST.
	 *
	 * The attempt was the last: work.record says how it ended, with
	 * output. Completed is done, cancelled is cancelled, failed is buried.
	 */
	WORK_END,
	/* It failed, and is ready again in delay_ms; the record, as for END. */
	WORK_AGAIN,
	/* As if it had not been taken. */
	WORK_RELEASE,
	/*
	 * work.id by its user: what waits ends as cancelled, what runs is told
	 * to (its worker hears of it with the next TAKE). CLAIM_LOST where it
	 * has ended, or is not known; work.state is what it was.
	 */
	WORK_CANCEL,
	/*
	 * What is buried becomes ready, with all attempts anew: work.id, or
	 * all. A run of it has a new id, work.record.id; of all, ids are made
	 * by the store. Answers n. CLAIM_LOST where work.id is not buried.
	 */
	WORK_REVIVE,
	/*
	 * All work in work.state, which is not running: what waits ends as
	 * cancelled, what has ended is forgotten. Answers n; some at a time,
	 * with is_more where there was more.
	 */
	WORK_PURGE,
};

enum work_put {
	WORK_ADDED,
	WORK_KNOWN,   /* work.key was there: same handler, same payload */
	WORK_DIFFERS, /* work.key was there, for something else */
	WORK_FULL
};

/* So many pieces at most of a handler: as its worker has room. */
struct work_want {
	const char *handler; /* borrowed */
	int n;
};

struct work_op {
	enum work_op_kind kind;
	struct work work;
	/* The store keeps history as well: ends are written there too. */
	bool has_history;
	int64_t delay_ms; /* PUT, AGAIN */
	/* PUT */
	int size; /* how many may wait; 0: no bound */
	bool is_running;
	enum work_put put;
	/* TAKE */
	struct ulid take;
	struct work_want *want; /* owned; its handlers are not */
	size_t n_want;
	int most;
	bool is_reaping;
	int64_t unknown_ms; /* WORK_UNKNOWN_MS; less in tests */
	struct work *taken; /* owned, with payloads */
	size_t n_taken;
	/* Buried by this: it died with its workers, or nobody knows it. */
	struct work *buried;
	size_t n_buried;
	size_t n_returned; /* of dead workers, to be tried again */
	struct ulid *told; /* what this instance runs and is told to end */
	size_t n_told;
	int64_t next_due_ms; /* until some delayed work is due; -1: none */
	/* REVIVE, PURGE; is_more of TAKE too: there was more to be had. */
	bool is_all, is_more;
	size_t n;
};

struct work_op *work_op_new(enum work_op_kind kind);
void work_op_free(struct work_op *op); /* takes NULL */
/* The answers of a TAKE, for one that is to be done again. */
void work_op_forget(struct work_op *op);

/* ERR_USAGE where it cannot be the key of a piece of work. */
bool work_check_key(const char *key, struct err *err) MUST_CHECK;

#endif
