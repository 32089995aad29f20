#include "lib/store/renew.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"

/* After an extension that failed, the next try. */
#define RETRY_MAX_MS INT64_C(1000)

struct renew {
	struct lock *lock; /* the thread's */
	char *key, *token;
	int64_t ttl_ms;
	void (*lost)(void *data);
	void *data;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	/* Under the mutex. */
	int64_t until_ms;
	bool is_lost, is_stopped;
};

/* Until then, or until it is told to stop; false where it is. */
static bool
renew_sleep(struct renew *renew, int64_t ms)
{
	struct timespec ts;
	bool is_stopped;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += (time_t)(ms / 1000);
	ts.tv_nsec += (long)(ms % 1000) * 1000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&renew->mutex);
	while (!renew->is_stopped && rc == 0)
		rc = pthread_cond_timedwait(&renew->wake, &renew->mutex, &ts);
	is_stopped = renew->is_stopped;
	pthread_mutex_unlock(&renew->mutex);
	return !is_stopped;
}

static void
renew_note(struct renew *renew, int64_t until_ms, bool is_lost)
{
	pthread_mutex_lock(&renew->mutex);
	if (is_lost)
		renew->is_lost = true;
	else
		renew->until_ms = until_ms;
	pthread_mutex_unlock(&renew->mutex);
	if (is_lost)
		renew->lost(renew->data);
}

/* How long until the next one; below 0: there is none. */
static int64_t
renew_once(struct renew *renew, bool *has_failed)
{
	int64_t third_ms = renew->ttl_ms / 3 > 0 ? renew->ttl_ms / 3 : 1;
	int64_t sent_ms = clock_boot_ms(), left_ms;
	struct err err;
	bool is_ours;

	*has_failed = !lock_extend(renew->lock, renew->key, renew->token,
	    renew->ttl_ms, &is_ours, &err);
	if (*has_failed) {
		left_ms = third_ms / 4 + 1;
		return left_ms < RETRY_MAX_MS ? left_ms : RETRY_MAX_MS;
	}
	renew_note(renew, sent_ms + renew->ttl_ms, !is_ours);
	if (!is_ours)
		return -1;
	left_ms = sent_ms + third_ms - clock_boot_ms();
	return left_ms > 0 ? left_ms : 0;
}

static void *
renew_main(void *data)
{
	struct renew *renew = data;
	int64_t pause_ms = renew->ttl_ms / 3;
	bool has_failed = false, is_ours;
	struct err err;

	while (pause_ms >= 0 && renew_sleep(renew, pause_ms))
		pause_ms = renew_once(renew, &has_failed);
	/* where the store is away, its time ends the lock */
	if (pause_ms >= 0 && !has_failed)
		(void)!lock_release(
		    renew->lock, renew->key, renew->token, &is_ours, &err);
	return NULL;
}

static void
renew_free(struct renew *renew)
{
	pthread_cond_destroy(&renew->wake);
	pthread_mutex_destroy(&renew->mutex);
	lock_close(renew->lock);
	free(renew->key);
	free(renew->token);
	free(renew);
}

/* No signal is the thread's. */
static int
renew_spawn(struct renew *renew)
{
	sigset_t all, old;
	int sys;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	sys = pthread_create(&renew->thread, NULL, renew_main, renew);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return sys;
}

bool
renew_start(const struct renew_ask *ask, struct renew **renew, struct err *err)
{
	pthread_condattr_t attr;
	struct renew *r;
	struct lock *lock;
	int sys;

	if (!lock_open(ask->where, &lock, err))
		return false;
	r = mem_zalloc(1, sizeof *r);
	r->lock = lock;
	r->key = mem_strdup(ask->key);
	r->token = mem_strdup(ask->token);
	r->ttl_ms = ask->ttl_ms;
	r->lost = ask->lost;
	r->data = ask->data;
	r->until_ms = ask->asked_ms + ask->ttl_ms;
	pthread_mutex_init(&r->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &attr);
	pthread_condattr_destroy(&attr);
	sys = renew_spawn(r);
	if (sys == 0) {
		*renew = r;
		return true;
	}
	renew_free(r);
	return err_sys(err, sys, "cannot start a thread");
}

int64_t
renew_until_ms(struct renew *renew)
{
	int64_t ms;

	pthread_mutex_lock(&renew->mutex);
	ms = renew->until_ms;
	pthread_mutex_unlock(&renew->mutex);
	return ms;
}

bool
renew_is_lost(struct renew *renew)
{
	bool is_lost;

	pthread_mutex_lock(&renew->mutex);
	is_lost = renew->is_lost;
	pthread_mutex_unlock(&renew->mutex);
	return is_lost;
}

void
renew_stop(struct renew *renew)
{
	if (renew == NULL)
		return;
	pthread_mutex_lock(&renew->mutex);
	renew->is_stopped = true;
	pthread_cond_signal(&renew->wake);
	pthread_mutex_unlock(&renew->mutex);
	pthread_join(renew->thread, NULL);
	renew_free(renew);
}
