#include "lib/store/wake_redis.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/store/redis_greet.h"
#include "lib/store/redis_link.h"
#include "lib/store/redis_reply.h"
#include "lib/store/redis_wire.h"

/*
 * The thread sleeps for a message or for the end of the pipe that says stop;
 * nothing it does takes longer than the wire's own limits, a name server's
 * answer apart. Who is left behind by its owner frees all when it is done.
 */
#define CLOSE_MS 3000
/* After so much silence the server is asked whether it is still there. */
#define PING_MS 30000

struct wake_redis {
	struct ev_loop *loop;
	ev_async async; /* the loop's alone but for the sending */
	void (*rang)(void *data);
	void *data;
	int stop[2]; /* the thread reads */

	/* The thread's. */
	pthread_t thread;
	struct redis_url url;
	struct redis_wire wire;

	pthread_mutex_t lock;
	pthread_cond_t ended;
	/* Under the lock. */
	bool is_stopping, has_ended, is_left;
};

static void
release(struct wake_redis *wake)
{
	redis_wire_close(&wake->wire);
	redis_url_release(&wake->url);
	if (wake->stop[0] >= 0)
		close(wake->stop[0]);
	if (wake->stop[1] >= 0)
		close(wake->stop[1]);
	pthread_cond_destroy(&wake->ended);
	pthread_mutex_destroy(&wake->lock);
	free(wake);
}

/* ---- the thread */

/* Who is stopping has no loop any more. */
static void
ring(struct wake_redis *wake)
{
	pthread_mutex_lock(&wake->lock);
	if (!wake->is_stopping)
		ev_async_send(wake->loop, &wake->async);
	pthread_mutex_unlock(&wake->lock);
}

static bool
is_stopping(struct wake_redis *wake)
{
	bool is;

	pthread_mutex_lock(&wake->lock);
	is = wake->is_stopping;
	pthread_mutex_unlock(&wake->lock);
	return is;
}

/* Is there something to read from fd, -1 for none? False where it is late. */
static bool
await(struct wake_redis *wake, int fd, int64_t most_ms)
{
	struct pollfd poller[] = { { wake->stop[0], POLLIN, 0 },
		{ fd, POLLIN, 0 } };

	return poll(poller, 2, (int)most_ms) > 0 && poller[1].revents != 0;
}

static bool
say(struct redis_wire *wire, const char *command, redisReply **reply)
{
	struct err err;

	redis_wire_put(wire, command, strlen(command));
	return redis_wire_get(wire, reply, &err);
}

/* A channel is the whole server's, so that its name has the prefix. */
static bool
subscribe(struct wake_redis *wake)
{
	size_t len = strlen(wake->url.prefix) + strlen("{}wake");
	redisReply *reply;
	struct err err;
	char *command;
	bool is_good;

	if (!redis_wire_open(&wake->wire, &wake->url, &err) ||
	    !redis_greet(&wake->wire, &wake->url, "wjobs-wake", &err))
		return false;
	command = mem_printf("*2\r\n$9\r\nSUBSCRIBE\r\n$%zu\r\n{%s}wake\r\n",
	    len, wake->url.prefix);
	is_good = say(&wake->wire, command, &reply);
	free(command);
	if (!is_good)
		return false;
	is_good = reply->type == REDIS_REPLY_ARRAY;
	freeReplyObject(reply);
	return is_good;
}

/* What came is a message, or the answer to a ping: neither has to be read. */
static bool
take(struct wake_redis *wake)
{
	redisReply *reply;
	struct err err;

	if (!redis_wire_get(&wake->wire, &reply, &err))
		return false;
	freeReplyObject(reply);
	ring(wake);
	return true;
}

static bool
ping(struct wake_redis *wake)
{
	redisReply *reply;

	if (!say(&wake->wire, "*1\r\n$4\r\nPING\r\n", &reply))
		return false;
	freeReplyObject(reply);
	return true;
}

/* Until the connection fails, or until it is to stop. */
static void
listen_on(struct wake_redis *wake)
{
	bool is_good = true;

	ring(wake);
	while (is_good && !is_stopping(wake))
		if (await(wake, wake->wire.context->fd, PING_MS))
			is_good = take(wake);
		else if (!is_stopping(wake))
			is_good = ping(wake);
}

static void *
wake_main(void *arg)
{
	struct wake_redis *wake = arg;
	unsigned failed = 0;
	bool is_left;

	while (!is_stopping(wake)) {
		if (subscribe(wake)) {
			failed = 0;
			listen_on(wake);
		}
		redis_wire_close(&wake->wire);
		(void)await(wake, -1, redis_backoff_ms(failed++));
	}
	pthread_mutex_lock(&wake->lock);
	wake->has_ended = true;
	is_left = wake->is_left;
	pthread_cond_signal(&wake->ended);
	pthread_mutex_unlock(&wake->lock);
	if (is_left)
		release(wake);
	return NULL;
}

/* ---- the loop's side */

static void
on_async(struct ev_loop *loop, ev_async *async, int revents)
{
	struct wake_redis *wake = async->data;

	(void)loop;
	(void)revents;
	wake->rang(wake->data);
}

static bool
make_pipe(struct wake_redis *wake, struct err *err)
{
	if (pipe2(wake->stop, O_CLOEXEC) == 0)
		return true;
	wake->stop[0] = wake->stop[1] = -1;
	return err_sys(err, errno, "cannot make a pipe");
}

/* No signal is the thread's. */
static bool
start_thread(struct wake_redis *wake, struct err *err)
{
	sigset_t all, old;
	int sys;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	sys = pthread_create(&wake->thread, NULL, wake_main, wake);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return sys == 0 || err_sys(err, sys, "cannot start a thread");
}

struct wake_redis *
wake_redis_open(struct ev_loop *loop, const char *where,
    void (*rang)(void *data), void *data, struct err *err)
{
	struct wake_redis *wake = mem_zalloc(1, sizeof *wake);
	pthread_condattr_t attr;

	wake->loop = loop;
	wake->rang = rang;
	wake->data = data;
	wake->stop[0] = wake->stop[1] = -1;
	pthread_mutex_init(&wake->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&wake->ended, &attr);
	pthread_condattr_destroy(&attr);
	ev_async_init(&wake->async, on_async);
	wake->async.data = wake;
	ev_async_start(loop, &wake->async);
	if (redis_url_parse(where, &wake->url, err) && make_pipe(wake, err) &&
	    start_thread(wake, err))
		return wake;
	ev_async_stop(loop, &wake->async);
	release(wake);
	return NULL;
}

/* True once the thread has ended; else it frees all when it does. */
static bool
await_end(struct wake_redis *wake)
{
	pthread_t thread = wake->thread;
	struct timespec ts;
	bool has_ended;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += CLOSE_MS / 1000;
	pthread_mutex_lock(&wake->lock);
	wake->is_stopping = true;
	close(wake->stop[1]);
	wake->stop[1] = -1;
	while (!wake->has_ended && rc == 0)
		rc = pthread_cond_timedwait(&wake->ended, &wake->lock, &ts);
	has_ended = wake->has_ended;
	wake->is_left = !has_ended;
	pthread_mutex_unlock(&wake->lock);
	if (has_ended)
		pthread_join(thread, NULL);
	else
		pthread_detach(thread);
	return has_ended;
}

void
wake_redis_close(struct wake_redis *wake)
{
	if (wake == NULL)
		return;
	ev_async_stop(wake->loop, &wake->async);
	if (await_end(wake))
		release(wake);
}
