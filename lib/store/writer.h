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
 * and its record written later. What no longer fits is dropped, oldest first,
 * and counted. What is left at the end goes to a file beside the store, which
 * the next writer takes in first.
 */
#define WRITER_SPOOL_OPS    100000
#define WRITER_SPOOL_BYTES  (16 << 20)
#define WRITER_RETRY_MAX_MS 5000

struct writer {
	struct store_port port; /* what the engine sees; must be first */
};

struct writer_state {
	bool is_degraded;
	char reason[256]; /* the store's last error, "" while well */
	size_t waiting;   /* operations in the spool */
	uint64_t dropped; /* since the start */
};

/*
 * Takes the store, which is closed by the thread's end. `changed` (may be
 * NULL) is called on the loop when the state turns degraded or well.
 */
struct writer *writer_start(struct ev_loop *loop, struct store *store,
    const char *spool_path, void (*changed)(void *data), void *data);
void writer_state(struct writer *writer, struct writer_state *state);
/*
 * Write what waits, for at most patience_ms, then end the thread; what could
 * not be written is saved in the spool file. Answers no `done` any more.
 */
void writer_stop(struct writer *writer, int64_t patience_ms);

#endif
