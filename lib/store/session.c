#include "lib/store/session.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/mem.h"
#include "lib/store/session_guard.h"

/*
 * The thread makes sessions and renews them; the loop's guard judges how old
 * the last renewal is. A loss is published before the session that follows it:
 * a loop that sees claims of the new one has heard of the loss. What both sides
 * use beside that is under the lock.
 */
#define RETRY_MIN_MS 50
/* A stop does not wait for a name server. */
#define CLOSE_MS 3000
/* Offsets nearer to each other than this are one. */
#define OFFSET_GRAIN_MS 20
/* A measurement worse than this is no news. */
#define UNCERTAIN_MS 250

struct found {
	struct store_start start;
	struct found *next;
};

struct session {
	struct ev_loop *loop;
	struct clock *clock;
	struct session_store *store;
	struct session_self self;
	struct session_times times;
	struct session_events events;

	/* The loop's. */
	ev_async async;
	struct session_guard guard; /* and the thread's, as it says */

	/* The thread's alone. */
	pthread_t thread;
	bool has_thread, was_open, has_id, has_draft;
	struct ulid id; /* while has_id: open, or lost and not yet followed */
	struct ulid draft; /* asked for; the answer may have been lost */
	int64_t pause_ms, period_ms, next_ms;
	int64_t reap_from_ms; /* not just after an outage */
	int64_t noted_ms;     /* the offset that others read */
	bool is_noted;

	pthread_mutex_t lock;
	pthread_cond_t wake, ended;
	/* Under the lock, as all below. */
	struct session_state state;
	struct found *found, **found_end;
	bool is_stopping, is_woken, has_ended, is_left;
};

/* The thread: with the lock held, where nothing else is said. */

static void
publish(struct session *s)
{
	ev_async_send(s->loop, &s->async);
}

static void
set_trouble(struct session *s, const struct err *err)
{
	struct session_state *state = &s->state;
	const char *reason = err != NULL ? err->msg : "";

	if (state->is_away == (err != NULL) &&
	    strcmp(state->reason, reason) == 0)
		return;
	state->is_away = err != NULL;
	state->is_refused = err != NULL && err->code == ERR_CONFIG;
	snprintf(state->reason, sizeof state->reason, "%s", reason);
	publish(s);
}

static void
set_offset(struct session *s, int64_t before, int64_t after, int64_t store_ms)
{
	struct session_state *state = &s->state;
	int64_t uncertainty = (after - before + 1) / 2 + 1;
	int64_t offset = store_ms - (before + (after - before) / 2);
	int64_t change = llabs(offset - state->offset_ms);

	if (after < before) /* the clock was stepped meanwhile */
		return;
	if (state->has_offset &&
	    (uncertainty > UNCERTAIN_MS ||
		change <= OFFSET_GRAIN_MS + uncertainty))
		return;
	state->has_offset = true;
	state->offset_ms = offset;
	state->uncertainty_ms = uncertainty;
	publish(s);
}

/* Without the lock. */
static void
lose(struct session *s)
{
	session_guard_lose(&s->guard);
	pthread_mutex_lock(&s->lock);
	s->state.is_open = false;
	s->is_noted = false;
	publish(s);
	pthread_mutex_unlock(&s->lock);
}

/* Without the lock; `sent` is from before. */
static bool
open_new(struct session *s, int64_t sent, struct session_reply *reply,
    struct err *err)
{
	if (!s->has_draft)
		s->draft = ulid_make(clock_wall_ms(s->clock));
	s->has_draft = true;
	if (!s->store->ops->open(s->store, &s->self, &s->draft,
		s->has_id ? &s->id : NULL, s->times.ttl_ms, reply, err))
		return false;
	if (clock_mono_ms(s->clock) - sent >= s->times.loss_ms)
		return err_set(err, ERR_UNREACHABLE,
		    "the store took too long to open a session");
	s->has_id = true;
	s->has_draft = false;
	session_guard_renewed(&s->guard, sent);
	pthread_mutex_lock(&s->lock);
	s->id = s->draft;
	s->state.is_open = true;
	if (!s->was_open)
		s->state.is_first = reply->others == 0;
	publish(s);
	pthread_mutex_unlock(&s->lock);
	s->was_open = true;
	return true;
}

/* Only what the thread alone changes, so it needs no lock. */
static bool
is_open(const struct session *s)
{
	return s->state.is_open;
}

/* One attempt, without the lock. */
static bool
renew(struct session *s, struct session_reply *reply, struct err *err)
{
	int64_t sent = clock_mono_ms(s->clock);

	if (is_open(s) && session_guard_age_ms(&s->guard) >= s->times.ttl_ms)
		lose(s);
	if (!is_open(s))
		return open_new(s, sent, reply, err);
	switch (s->store->ops->renew(
	    s->store, &s->id, s->times.ttl_ms, reply, err)) {
	case SESSION_ALIVE:
		session_guard_renewed(&s->guard, sent);
		return true;
	case SESSION_GONE:
		lose(s);
		return open_new(s, clock_mono_ms(s->clock), reply, err);
	case SESSION_FAILED:
		break;
	}
	return false;
}

/* For others to read. */
static void
note_offset(struct session *s)
{
	int64_t offset = s->state.offset_ms;
	struct err err;

	if (!s->state.has_offset || (s->is_noted && s->noted_ms == offset))
		return;
	s->is_noted = s->store->ops->note(s->store, &s->id, offset, &err);
	s->noted_ms = offset;
}

static void
reap(struct session *s)
{
	struct store_start start = { 0 };
	struct found *found;
	struct err err;

	if (!s->store->ops->reap(s->store, s, &start, &err))
		return;
	if (start.jobs == 0 && start.n_pending == 0 && start.n_alive == 0 &&
	    start.lost == 0 && start.n_again == 0)
		return;
	found = mem_zalloc(1, sizeof *found);
	found->start = start;
	pthread_mutex_lock(&s->lock);
	*s->found_end = found;
	s->found_end = &found->next;
	publish(s);
	pthread_mutex_unlock(&s->lock);
}

/*
 * What nobody waits for: it may fail, and is tried again with the next renewal.
 * When the store was away for everybody, many a session has expired whose
 * instance lives and has yet to write how its runs ended; so it has until then.
 */
static void
look_after(struct session *s)
{
	note_offset(s);
	if (clock_mono_ms(s->clock) >= s->reap_from_ms)
		reap(s);
}

static bool
attempt(struct session *s, struct err *err)
{
	struct session_reply reply = { 0 };
	int64_t before = clock_wall_ms(s->clock), now;
	bool is_good = renew(s, &reply, err);

	now = clock_mono_ms(s->clock);
	if (s->state.is_away)
		s->reap_from_ms = now + s->period_ms / 2;
	pthread_mutex_lock(&s->lock);
	set_trouble(s, is_good ? NULL : err);
	if (is_good)
		set_offset(s, before, clock_wall_ms(s->clock), reply.store_ms);
	pthread_mutex_unlock(&s->lock);
	if (is_good) {
		s->pause_ms = RETRY_MIN_MS;
		s->next_ms = now - session_guard_age_ms(&s->guard) +
		    s->period_ms;
		return true;
	}
	s->next_ms = now +
	    (int64_t)((double)s->pause_ms * (1. - random_fraction() / 4));
	s->pause_ms = s->pause_ms * 2 < s->times.retry_ms ? s->pause_ms * 2
							  : s->times.retry_ms;
	return false;
}

/* With the lock held. */
static void
sleep_until_next(struct session *s)
{
	int64_t span;
	struct timespec ts;

	while (!s->is_stopping && !s->is_woken &&
	    (span = s->next_ms - clock_mono_ms(s->clock)) > 0) {
		clock_gettime(CLOCK_MONOTONIC, &ts);
		ts.tv_sec += (time_t)(span / 1000);
		ts.tv_nsec += (long)(span % 1000) * 1000000;
		if (ts.tv_nsec >= 1000000000) {
			ts.tv_sec++;
			ts.tv_nsec -= 1000000000;
		}
		pthread_cond_timedwait(&s->wake, &s->lock, &ts);
	}
	s->is_woken = false;
}

static void
release(struct session *s)
{
	struct found *found, *next;

	for (found = s->found; found != NULL; found = next) {
		next = found->next;
		store_start_release(&found->start);
		free(found);
	}
	s->store->ops->free(s->store);
	pthread_cond_destroy(&s->ended);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static void
close_session(struct session *s)
{
	if (!s->has_id)
		return;
	pthread_mutex_lock(&s->lock);
	s->state.is_open = false;
	pthread_mutex_unlock(&s->lock);
	s->store->ops->close(s->store, &s->id);
	s->has_id = false;
}

static void *
session_main(void *arg)
{
	struct session *s = arg;
	struct err err;
	bool is_left;

	if (is_open(s))
		look_after(s);
	pthread_mutex_lock(&s->lock);
	for (;;) {
		sleep_until_next(s);
		if (s->is_stopping)
			break;
		pthread_mutex_unlock(&s->lock);
		if (attempt(s, &err))
			look_after(s);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	close_session(s);
	pthread_mutex_lock(&s->lock);
	s->has_ended = true;
	is_left = s->is_left;
	pthread_cond_signal(&s->ended);
	pthread_mutex_unlock(&s->lock);
	if (is_left)
		release(s);
	return NULL;
}

/* The loop's side */

/* A thread that slept with the machine is late, and does not know it. */
static void
wake_thread(struct session *s)
{
	pthread_mutex_lock(&s->lock);
	s->is_woken = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

static void
on_stage(void *data, enum session_stage stage)
{
	struct session *s = data;

	wake_thread(s);
	if (stage == SESSION_LOST && s->events.lost != NULL)
		s->events.lost(s->events.data);
	if (stage == SESSION_DOUBTFUL && s->events.doubtful != NULL)
		s->events.doubtful(s->events.data);
}

static void
on_async(struct ev_loop *loop, ev_async *w, int revents)
{
	struct session *s = w->data;
	struct found *found, *next;

	(void)loop;
	(void)revents;
	pthread_mutex_lock(&s->lock);
	found = s->found;
	s->found = NULL;
	s->found_end = &s->found;
	pthread_mutex_unlock(&s->lock);
	session_guard_look(&s->guard);
	if (s->events.changed != NULL)
		s->events.changed(s->events.data);
	for (; found != NULL; found = next) {
		next = found->next;
		if (s->events.found != NULL)
			s->events.found(s->events.data, &found->start);
		store_start_release(&found->start);
		free(found);
	}
}

static void
watch(struct session *s)
{
	ev_async_init(&s->async, on_async);
	s->async.data = s;
	ev_async_start(s->loop, &s->async);
	s->guard.loop = s->loop;
	s->guard.clock = s->clock;
	s->guard.doubt_ms = s->times.doubt_ms;
	s->guard.loss_ms = s->times.loss_ms;
	s->guard.tell = on_stage;
	s->guard.data = s;
	session_guard_start(&s->guard);
}

static void
init_locks(struct session *s)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_cond_init(&s->ended, &attr);
	pthread_condattr_destroy(&attr);
}

struct session *
session_new(struct ev_loop *loop, struct clock *clock,
    struct session_store *store, const struct session_self *self,
    const struct session_times *times, const struct session_events *events)
{
	struct session *s = mem_zalloc(1, sizeof *s);

	s->loop = loop;
	s->clock = clock;
	s->store = store;
	s->self = *self;
	s->times = *times;
	s->events = *events;
	s->found_end = &s->found;
	s->pause_ms = RETRY_MIN_MS;
	/* two of them end before the guard's span: it wakes the loop seldom */
	s->period_ms = (int64_t)((double)times->renew_ms *
	    (0.9 + random_fraction() * 0.09));
	init_locks(s);
	watch(s);
	return s;
}

bool
session_open(struct session *session, struct err *err)
{
	return attempt(session, err);
}

/* No signal may come to this thread: they are the loop's. */
bool
session_start(struct session *s, struct err *err)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&s->thread, NULL, session_main, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0)
		return err_sys(err, rc, "cannot start the session's thread");
	s->has_thread = true;
	return true;
}

void
session_state(struct session *session, struct session_state *state)
{
	pthread_mutex_lock(&session->lock);
	*state = session->state;
	pthread_mutex_unlock(&session->lock);
}

/* Who asks too late for the loop to stop what would begin is told of none. */
bool
session_current(void *data, struct ulid *id)
{
	struct session *s = data;
	int64_t age = session_guard_age_ms(&s->guard);
	bool is_good;

	pthread_mutex_lock(&s->lock);
	is_good = s->state.is_open && age < s->times.loss_ms;
	if (is_good)
		*id = s->id;
	pthread_mutex_unlock(&s->lock);
	return is_good;
}

/* True once the thread has ended; else it frees the session when it does. */
static bool
await_end(struct session *s)
{
	pthread_t thread = s->thread;
	struct timespec ts;
	bool has_ended;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += CLOSE_MS / 1000;
	pthread_mutex_lock(&s->lock);
	s->is_stopping = true;
	pthread_cond_signal(&s->wake);
	while (!s->has_ended && rc == 0)
		rc = pthread_cond_timedwait(&s->ended, &s->lock, &ts);
	has_ended = s->has_ended;
	s->is_left = !has_ended;
	pthread_mutex_unlock(&s->lock);
	if (has_ended)
		pthread_join(thread, NULL);
	else
		pthread_detach(thread);
	return has_ended;
}

bool
session_free(struct session *s)
{
	if (s == NULL)
		return true;
	session_guard_stop(&s->guard);
	ev_async_stop(s->loop, &s->async);
	if (s->has_thread && !await_end(s))
		return false;
	if (!s->has_thread)
		close_session(s);
	release(s);
	return true;
}
