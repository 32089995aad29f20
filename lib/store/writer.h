#ifndef WJOBS_WRITER_H
#define WJOBS_WRITER_H

#include <ev.h>

#include "lib/store/store.h"

/*
 * The store's own thread, so that the loop never waits for a disk. It takes
 * all operations that wait at once and applies them in one transaction; the
 * answers come back to the loop by an ev_async. Where the store fails, they
 * wait in order in a bounded spool and are tried again, with growing pauses of
 * at most WRITER_RETRY_MAX_MS; a claim is then answered CLAIM_FAILED at once
 * and its record written later, unless it is_sure: that one waits as well. What
 * the queue is asked (WORK_TAKE, WORK_PUT) is CLAIM_FAILED, too, and not tried
 * again. What no longer fits is dropped, oldest first but for the ends of work,
 * and counted. What is left at the end
 * goes to a file beside the store, which the next writer takes in first; but
 * not a claim that waited, for its run has not begun.
 */
#define WRITER_SPOOL_OPS    100000
#define WRITER_SPOOL_BYTES  (16 << 20)
#define WRITER_RETRY_MAX_MS 5000

struct writer {
	struct store_port port; /* what the engine posts to */
};

struct writer_state {
	bool is_degraded;
	bool is_refused;  /* ... until somebody changes something: ERR_CONFIG */
	char reason[512]; /* the store's last error, "" while well */
	size_t waiting;   /* operations not yet written */
	uint64_t dropped; /* since the start */
	/* A spool file that had to be moved aside: told once, else "". */
	char note[512];
};

/* Called on the loop; each may be NULL. */
struct writer_events {
	/*
	 * The state turns degraded or well, for another reason, or has a new
	 * note.
	 */
	void (*changed)(void *data);
	/* A store that is late has come, with what there is to take over. */
	void (*found)(void *data, struct store_start *found);
	void *data;
};

/*
 * Takes the store, which the thread closes at its end; the loop goes on while
 * the writer lives. spool_path NULL: no spool file. NULL with err where there
 * can be no thread; the store is then still the caller's.
 */
struct writer *
writer_start(struct ev_loop *loop, struct store *store, const char *spool_path,
    const struct writer_events *events, struct err *err);
void writer_state(struct writer *writer, struct writer_state *state);
/* The store is known to be back: what waits is tried at once. */
void writer_hurry(struct writer *writer);
/*
 * Write what waits, for at most patience_ms, then end the thread; what could
 * not be written is saved in the spool file. Answers no `done` any more. False
 * where records were lost because that failed too.
 */
bool writer_stop(struct writer *writer, int64_t patience_ms, struct err *err);

#endif
