#ifndef WJOBS_SESSION_H
#define WJOBS_SESSION_H

#include <ev.h>

#include "lib/base/clock.h"
#include "lib/base/ulid.h"
#include "lib/store/store.h"

/*
 * An instance's life on a shared store: one session, however many runs. A
 * thread with a connection of its own opens it and renews it; whatever runs
 * under a session that was not renewed in time counts as dead for all others.
 * So that no run outlives its session, time is counted on the clock that also
 * passes while the machine sleeps, from before a renewal was sent: after
 * doubt_ms without one the loop is told to stop what may not run alone, after
 * loss_ms to kill it, and both come from the loop's own clock, even while the
 * thread hangs. A session that expired is never revived: there is a new one,
 * under a new id.
 */
struct session;

struct session_times {
	int64_t ttl_ms;   /* how long others take it for alive */
	int64_t renew_ms; /* between renewals, less some jitter */
	int64_t doubt_ms, loss_ms;
	int64_t retry_ms; /* the longest pause between attempts */
};
extern const struct session_times session_times;

/* What others read of an instance. */
enum session_kind {
	SESSION_SCHEDULER,
	SESSION_FILTER, /* a command, by hand */
	SESSION_WORKER, /* of a queue, with no scheduler */
};
struct session_self {
	enum session_kind kind;
	const char *worker; /* borrowed for as long as the session lives */
	struct identity process;
	int64_t since_ms;
	const char *version;
};

struct session_reply {
	int others; /* of open: other schedulers that live */
	int64_t store_ms;
};

enum session_answer {
	SESSION_ALIVE,
	SESSION_GONE, /* it has expired */
	SESSION_FAILED
};

/*
 * How a store keeps sessions. All is called by one thread at a time, and each
 * call ends within some seconds unless a name server hangs.
 */
struct session_store;
struct session_store_ops {
	/*
	 * A new one; may come again with the same id. `old`, where there was
	 * one, is over for certain.
	 */
	bool (*open)(struct session_store *store,
	    const struct session_self *self, const struct ulid *id,
	    const struct ulid *old, int64_t ttl_ms, struct session_reply *reply,
	    struct err *err);
	enum session_answer (*renew)(struct session_store *store,
	    const struct ulid *id, int64_t ttl_ms, struct session_reply *reply,
	    struct err *err);
	/* The instance's clock, for others to read. */
	bool (*note)(struct session_store *store, const struct ulid *id,
	    int64_t offset_ms, struct err *err);
	/* What dead instances left: store_reap. */
	bool (*reap)(struct session_store *store, struct session *session,
	    struct store_start *found, struct err *err);
	void (*close)(struct session_store *store, const struct ulid *id);
	void (*free)(struct session_store *store);
};
struct session_store {
	const struct session_store_ops *ops;
};

/* Called on the loop; each may be NULL. */
struct session_events {
	void (*changed)(void *data); /* session_state says more now */
	/* Not empty. To copy what is kept of it. */
	void (*found)(void *data, struct store_start *found);
	void (*doubtful)(void *data);
	void (*lost)(void *data); /* at most once for each renewal */
	void *data;
};

struct session_state {
	bool is_open;
	bool is_first; /* no other scheduler lived when the first one opened */
	bool is_away;  /* the store does not answer just now */
	bool is_refused;  /* ... until somebody changes something: ERR_CONFIG */
	char reason[512]; /* its last error; "" while well */
	/* The store's clock less ours; false: not measured yet. */
	bool has_offset;
	int64_t offset_ms, uncertainty_ms;
};

/* Owns the store from here on. clock, loop, times and self.worker outlive it. */
struct session *session_new(struct ev_loop *loop, struct clock *clock,
    struct session_store *store, const struct session_self *self,
    const struct session_times *times, const struct session_events *events);
/*
 * Open it, on the caller's thread; once, and before session_start. False is no
 * end: the thread tries again.
 */
bool session_open(struct session *session, struct err *err) MUST_CHECK;
/* False where there can be no thread. */
bool session_start(struct session *session, struct err *err) MUST_CHECK;
void session_state(struct session *session, struct session_state *state);
/* For store_bind, from any thread; data is the session. */
bool session_current(void *data, struct ulid *id);
/*
 * Close it, so that others know at once: after the last record was written.
 * Takes NULL, and one that was never started. No event comes any more. False
 * where the thread hangs (a name server does not answer): the loop and the
 * clock must then outlive this call, to the end of the process.
 */
bool session_free(struct session *session);

#endif
