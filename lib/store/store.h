#ifndef WJOBS_STORE_H
#define WJOBS_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/store/record.h"

/*
 * The store: history and the state of jobs, behind one seam. Backends are
 * plain synchronous code; a struct store is used by one thread at a time. The
 * scheduler's loop never calls it, but posts to a writer (writer.h); reading
 * commands call it straight.
 */
struct store;

enum store_mode {
	STORE_READ,  /* never creates anything */
	STORE_WRITE, /* creates what is missing */
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
};

/*
 * where: "memory", or the path of an SQLite file. A newer schema is refused
 * (STORE_FAILED, ERR_CONFIG); a file that is corrupt or no database is, in
 * STORE_WRITE, moved aside to NAME.corrupt-DATE and begun anew, with a note
 * for the caller to log in `note` (NULL-safe, the caller's to free).
 */
enum store_opened
store_open(const char *where, enum store_mode mode, struct store_limits limits,
    struct store **store, char **note, struct err *err);
void store_close(struct store *store);

/*
 * What is written, as values: an operation is made by the engine, carried to
 * the store's thread, applied with all others that wait in one transaction,
 * and answered. Each may be applied twice with the effect of once.
 */
enum store_op_kind {
	/*
	 * Claim `record.scheduled_ms` for `record.job` (none: no claim) and
	 * write the record as running. CLAIM_LOST if the watermark is already
	 * there or later, and was not taken by this very record.id.
	 */
	STORE_BEGIN,
	/* The record's new state: leader, attempt, pending with retry_at. */
	STORE_UPDATE,
	/* The record's end: with output; counts once; prunes. */
	STORE_END,
	/*
	 * An instant, or several, not run: `record` with its count. Successive
	 * skips of one job for one reason become one record: the first one's
	 * id and scheduled_ms, the last one's completed_ms, the sum of counts.
	 * Moves the watermark to watermark_ms.
	 */
	STORE_SKIP,
	/* Only the job's watermark, to watermark_ms; may move it back. */
	STORE_WATERMARK,
};

enum claim {
	CLAIM_GRANTED,
	CLAIM_LOST,
	CLAIM_FAILED /* the store did not answer: unknown */
};

struct store_op {
	enum store_op_kind kind;
	struct record record; /* owned by the op */
	int64_t watermark_ms;
	/* The answer, for `done`. */
	enum claim result;
	struct err err;
	/* Called on the loop; the op is freed after it. NULL: no answer. */
	void (*done)(struct store_op *op);
	void *data;
	struct store_op *next; /* the writer's queue */
};

struct store_op *store_op_new(
    enum store_op_kind kind, const struct record *record); /* copies record */
void store_op_free(struct store_op *op);

/*
 * Apply n operations in one transaction, each answered in its op. False where
 * the store did not take them (busy, full, gone): none is then applied, and
 * all may be applied again.
 */
bool store_apply(struct store *store, struct store_op **ops, size_t n,
    struct err *err) MUST_CHECK;

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

struct store_start {
	struct store_job *job;
	size_t jobs;
	struct record *pending; /* retries that wait for retry_at_ms */
	size_t n_pending;
	struct record *alive; /* runs whose leader outlived its scheduler */
	size_t n_alive;
	size_t lost; /* runs found dead and marked so */
};

/*
 * Take over from schedulers that are gone: runs of dead owners become `lost`,
 * save those whose leader still lives. `self` is this process. Pending retries
 * of dead owners become this one's.
 */
bool store_take_over(struct store *store, const struct identity *self,
    int64_t now_ms, struct store_start *start, struct err *err) MUST_CHECK;
void store_start_release(struct store_start *start);

#endif
