#include "lib/store/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/ulid.h"
#include "lib/store/op_list.h"
#include "lib/store/spool.h"

/*
 * Two threads share a struct thread, the writer as this file knows it. The lock
 * guards all that is marked so; it is never held over a call into the store. An
 * operation is in exactly one place: what the loop has posted in this turn, the
 * queue, the batch that the thread holds, or the answers.
 *
 * The batch stays the thread's until the store has taken it, so the order is
 * that of posting whatever fails. While degraded, a claim is answered at once
 * and its record goes on as a copy without `done`; but not one that is_sure,
 * which waits for the store as everything else does. Nor does a question to the
 * queue go on: who asked asks again.
 */
#define BATCH_MAX   4096
#define BATCH_BYTES (WRITER_SPOOL_BYTES / 4)
/*
 * What is posted in one turn of the loop is handed over at its end, or so many
 * at a time: to wake the thread for each would cost more than to write it.
 */
#define POSTED_MAX   64
#define RETRY_MIN_MS 20
/* After so many, a quiet moment is the time to give memory back. */
#define REST_OPS 1000
#define REST_MS  200
/* When stopping, there is more to lose by waiting than by asking. */
#define RETRY_STOP_MS 100

struct batch {
	struct store_op **op;
	size_t n;
	bool is_from_spool;
};

struct thread {
	struct writer writer; /* first */
	struct ev_loop *loop;
	ev_async async;
	ev_prepare turn;       /* the loop has done its work, and would sleep */
	struct op_list posted; /* in this turn; the loop's alone */
	pthread_t thread;
	struct writer_events events;
	char *spool_path;

	/* The thread's alone. */
	struct store *store;
	struct batch batch;
	int64_t pause_ms;
	size_t since_rest; /* operations written */
	bool is_coming;    /* the store is late */

	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* Under the lock, as all below. */
	struct op_list queue, answers;
	size_t in_batch;
	size_t batch_bytes; /* of what came from the queue */
	bool is_stopping, is_degraded, is_refused, has_changed, is_hurried;
	int64_t stop_by_ms; /* monotonic */
	char reason[512], note[512];
	uint64_t dropped;
	struct store_start found; /* as the store came */
	bool has_found;
	struct err end; /* of the spool's saving, at the end */
	bool is_lost;
};

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * A claim's record without its question: the run has begun, whatever else runs.
 * Never looks at `data`.
 */
static struct store_op *
op_without_done(const struct store_op *op)
{
	struct store_op *copy = store_op_new(op->kind, &op->record);

	copy->watermark_ms = op->watermark_ms;
	copy->is_shared = op->is_shared;
	copy->before_ms = op->before_ms;
	copy->schedule = op->schedule;
	copy->lock = mem_strdup(op->lock);
	copy->bytes = op->bytes;
	return copy;
}

/* A claim that does not wait for a store that is away. */
static bool
is_claim(const struct store_op *op)
{
	return op->kind == STORE_BEGIN && op->done != NULL && !op->is_sure;
}

/* What the store is asked, and is nothing once nobody hears the answer. */
static bool
is_question(const struct store_op *op)
{
	return op->kind == STORE_LATE ||
	    (op->kind == STORE_WORK && op->done != NULL &&
		(op->work->kind == WORK_TAKE || op->work->kind == WORK_PUT));
}

/* How work ended: the last to be dropped, or it is done once more. */
static bool
is_end_of_work(const struct store_op *op)
{
	return op->kind == STORE_WORK && op->work->kind != WORK_TAKE;
}

/* One whose run has not begun, and that nobody will hear the answer to. */
static bool
is_idle_claim(const struct store_op *op)
{
	return op->kind == STORE_BEGIN && op->done != NULL && op->is_sure;
}

/* From here on: with the lock held. */

static void
answer_failed(struct thread *w, struct store_op *op)
{
	op->result = CLAIM_FAILED;
	op_list_push(&w->answers, op);
}

/* There is no more of these than work was under way, so the look is short. */
static struct store_op *
pop_droppable(struct op_list *queue)
{
	struct op_list kept = { 0 };
	struct store_op *op;

	while ((op = op_list_pop(queue)) != NULL && is_end_of_work(op))
		op_list_push(&kept, op);
	if (op == NULL)
		op = op_list_pop(&kept);
	op_list_prepend(queue, &kept);
	return op;
}

/* Room by count and by bytes; what is dropped is answered all the same. */
static void
drop_oldest(struct thread *w)
{
	while (w->queue.n > 0 &&
	    (w->queue.n > WRITER_SPOOL_OPS ||
		w->queue.bytes + w->batch_bytes > WRITER_SPOOL_BYTES)) {
		struct store_op *op = pop_droppable(&w->queue);

		w->dropped++;
		if (op->done != NULL)
			answer_failed(w, op);
		else
			store_op_free(op);
	}
}

/* NULL: it is well. */
static void
set_degraded(struct thread *w, const struct err *err)
{
	const char *reason = err != NULL ? err->msg : "";
	bool is_degraded = err != NULL;

	if (w->is_degraded != is_degraded || strcmp(w->reason, reason) != 0)
		w->has_changed = true;
	w->is_degraded = is_degraded;
	w->is_refused = err != NULL && err->code == ERR_CONFIG;
	snprintf(w->reason, sizeof w->reason, "%s", reason);
}

/* While the store is away a claim's record goes on, and a question does not. */
static void
push_or_fail(struct thread *w, struct store_op *op)
{
	if (is_claim(op))
		op_list_push(&w->queue, op_without_done(op));
	else if (!is_question(op))
		op_list_push(&w->queue, op);
	if (is_claim(op) || is_question(op))
		answer_failed(w, op);
}

/* Claims and questions that wait anywhere are answered. */
static void
fail_claims(struct thread *w)
{
	struct op_list queue = w->queue;
	struct store_op *op;
	size_t i, kept = 0;

	for (i = 0; i < w->batch.n; i++) {
		op = w->batch.op[i];
		if (!is_question(op))
			w->batch.op[kept++] = is_claim(op) ? op_without_done(op)
							   : op;
		if (is_question(op) || is_claim(op))
			answer_failed(w, op);
	}
	w->batch.n = w->in_batch = kept;
	w->queue = (struct op_list){ 0 };
	while ((op = op_list_pop(&queue)) != NULL)
		push_or_fail(w, op);
}

/* The batch is written: answers to the loop, the rest returned to be freed. */
static struct op_list
finish_batch(struct thread *w)
{
	struct op_list done = { 0 };
	size_t i;

	for (i = 0; i < w->batch.n; i++) {
		struct store_op *op = w->batch.op[i];

		op_list_push(op->done != NULL ? &w->answers : &done, op);
	}
	w->batch.n = 0;
	w->in_batch = w->batch_bytes = 0;
	return done;
}

static void
take_batch(struct thread *w)
{
	struct batch *batch = &w->batch;

	while (w->queue.n > 0 && batch->n < BATCH_MAX &&
	    w->batch_bytes < BATCH_BYTES) {
		batch->op[batch->n] = op_list_pop(&w->queue);
		w->batch_bytes += batch->op[batch->n++]->bytes;
	}
	w->in_batch = batch->n;
}

static void
sleep_until(struct thread *w, int64_t until_ms)
{
	struct timespec ts = { .tv_sec = (time_t)(until_ms / 1000),
		.tv_nsec = (long)(until_ms % 1000) * 1000000 };

	pthread_cond_timedwait(&w->wake, &w->lock, &ts);
}

/*
 * After a failure. What is posted meanwhile wakes it and is left to wait. Not
 * all at once do many instances come back to a server that does.
 */
static void
pause_before_retry(struct thread *w)
{
	double part = 1. - random_fraction() / 4;
	int64_t until = now_ms() + (int64_t)((double)w->pause_ms * part);

	w->pause_ms = w->pause_ms * 2 < WRITER_RETRY_MAX_MS
	    ? w->pause_ms * 2
	    : WRITER_RETRY_MAX_MS;
	while (now_ms() < until && !w->is_hurried) {
		if (w->is_stopping && until > now_ms() + RETRY_STOP_MS)
			until = now_ms() + RETRY_STOP_MS;
		if (w->is_stopping && until > w->stop_by_ms)
			until = w->stop_by_ms;
		sleep_until(w, until);
	}
	w->is_hurried = false;
}

/* The thread */

static void
save_op(struct op_list *rest, struct store_op *op)
{
	if (op->kind == STORE_ONCE || is_idle_claim(op) || is_question(op))
		store_op_free(op);
	else
		op_list_push(rest, op);
}

/* Both lists of what is to be saved become one. */
static void
save_rest(struct thread *w)
{
	struct spool spool = { .id = ulid_make(clock_now_ms()) };
	struct op_list rest = { 0 };
	struct store_op *op;
	size_t i;

	for (i = 0; i < w->batch.n; i++)
		save_op(&rest, w->batch.op[i]);
	w->batch.n = 0;
	while ((op = op_list_pop(&w->queue)) != NULL)
		save_op(&rest, op);
	spool.first = rest.first;
	spool.n = rest.n;
	if (rest.n > 0 && w->spool_path != NULL)
		w->is_lost = !spool_save(w->spool_path, &spool, &w->end);
	else if (rest.n > 0)
		w->is_lost = !err_set(
		    &w->end, ERR_UNREACHABLE, "%s", w->reason);
	if (w->is_lost)
		err_prefix(&w->end, "%zu records are lost", rest.n);
	op_list_release(&rest);
}

/* A file that cannot be read is kept, under another name, for people. */
static void
put_spool_away(struct thread *w, const struct err *err)
{
	char *aside = mem_printf("%s.corrupt", w->spool_path);

	rename(w->spool_path, aside);
	pthread_mutex_lock(&w->lock);
	snprintf(w->note, sizeof w->note, "%.250s; it is now '%.240s'",
	    err->msg, aside);
	w->has_changed = true;
	pthread_mutex_unlock(&w->lock);
	ev_async_send(w->loop, &w->async);
	free(aside);
}

/* What an earlier writer left is the first batch, and is applied only once. */
static void
load_spool(struct thread *w)
{
	struct spool spool;
	struct store_op *op, *next;
	struct batch *batch = &w->batch;
	struct err err;

	if (w->spool_path == NULL)
		return;
	switch (spool_load(w->spool_path, &spool, &err)) {
	case SPOOL_NONE:
		return;
	case SPOOL_DAMAGED:
		put_spool_away(w, &err);
		return;
	case SPOOL_LOADED:
		break;
	}
	free(batch->op);
	batch->op = mem_alloc((spool.n + 1 + BATCH_MAX) * sizeof *batch->op);
	batch->op[batch->n++] = store_op_new(STORE_ONCE, NULL);
	batch->op[0]->record.id = spool.id;
	for (op = spool.first; op != NULL; op = next) {
		next = op->next;
		op->bytes = op_list_bytes(op);
		batch->op[batch->n++] = op;
	}
	batch->is_from_spool = true;
	pthread_mutex_lock(&w->lock);
	w->in_batch = batch->n;
	pthread_mutex_unlock(&w->lock);
}

/* Write the batch; with the lock held before and after. */
static bool
write_batch(struct thread *w)
{
	struct op_list done;
	struct err err;
	bool is_good;

	pthread_mutex_unlock(&w->lock);
	is_good = store_apply(w->store, w->batch.op, w->batch.n, &err);
	w->since_rest += w->batch.n;
	if (is_good && w->batch.is_from_spool) {
		unlink(w->spool_path);
		w->batch.is_from_spool = false;
	}
	pthread_mutex_lock(&w->lock);
	if (is_good) {
		w->pause_ms = RETRY_MIN_MS;
		done = finish_batch(w);
		set_degraded(w, NULL);
	} else {
		set_degraded(w, &err);
		fail_claims(w);
	}
	if (w->answers.n > 0 || w->has_changed)
		ev_async_send(w->loop, &w->async);
	if (is_good) {
		pthread_mutex_unlock(&w->lock);
		op_list_release(&done);
		pthread_mutex_lock(&w->lock);
	}
	return is_good;
}

/* With the lock held before and after. */
static void
thread_rest(struct thread *w)
{
	w->since_rest = 0;
	pthread_mutex_unlock(&w->lock);
	store_rest(w->store);
	mem_trim();
	pthread_mutex_lock(&w->lock);
}

/* Open a store that is late; with the lock held before and after. */
static bool
await_store(struct thread *w)
{
	struct store_start found;
	struct err err;
	bool is_good;

	pthread_mutex_unlock(&w->lock);
	is_good = store_come(w->store, &found, &err);
	pthread_mutex_lock(&w->lock);
	if (is_good) {
		w->is_coming = false;
		w->pause_ms = RETRY_MIN_MS;
		w->found = found;
		w->has_found = true;
		set_degraded(w, NULL);
	} else {
		set_degraded(w, &err);
		fail_claims(w);
	}
	if (w->has_found || w->has_changed || w->answers.n > 0)
		ev_async_send(w->loop, &w->async);
	return is_good;
}

static bool
has_work(const struct thread *w)
{
	return w->batch.n != 0 || w->queue.n != 0 || w->is_stopping ||
	    w->is_coming;
}

static void
wait_for_work(struct thread *w)
{
	if (w->since_rest >= REST_OPS && !has_work(w)) {
		sleep_until(w, now_ms() + REST_MS);
		if (!has_work(w))
			thread_rest(w);
	}
	while (!has_work(w))
		pthread_cond_wait(&w->wake, &w->lock);
}

static void *
thread_main(void *arg)
{
	struct thread *w = arg;

	load_spool(w);
	pthread_mutex_lock(&w->lock);
	for (;;) {
		wait_for_work(w);
		/*
		 * What waits joins a batch that failed: a full Redis takes an
		 * end that stands behind a claim which it refuses.
		 */
		if (!w->batch.is_from_spool)
			take_batch(w);
		if (w->batch.n == 0 && w->is_stopping)
			break;
		if (w->is_coming ? await_store(w) : write_batch(w))
			continue;
		if (w->is_stopping && now_ms() >= w->stop_by_ms)
			break;
		pause_before_retry(w);
	}
	save_rest(w);
	pthread_mutex_unlock(&w->lock);
	store_close(w->store);
	return NULL;
}

/* The loop's side */

/* Hand over what was posted. */
static void
thread_flush(struct thread *w)
{
	struct store_op *op;

	if (w->posted.n == 0)
		return;
	pthread_mutex_lock(&w->lock);
	while ((op = op_list_pop(&w->posted)) != NULL) {
		/* where nothing else waits, it finds out itself */
		if (w->is_degraded &&
		    (!is_question(op) || w->queue.n + w->in_batch != 0))
			push_or_fail(w, op);
		else
			op_list_push(&w->queue, op);
	}
	drop_oldest(w);
	if (w->answers.n > 0)
		ev_async_send(w->loop, &w->async);
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

static void
thread_post(struct store_port *port, struct store_op *op)
{
	struct thread *w = (struct thread *)port;

	op->bytes = op_list_bytes(op);
	op_list_push(&w->posted, op);
	if (w->posted.n >= POSTED_MAX)
		thread_flush(w);
}

static void
on_turn(struct ev_loop *loop, ev_prepare *turn, int revents)
{
	(void)loop;
	(void)revents;
	thread_flush(turn->data);
}

static void
on_async(struct ev_loop *loop, ev_async *async, int revents)
{
	struct thread *w = async->data;
	struct op_list answers;
	struct store_op *op;
	struct store_start found;
	bool has_changed, has_found;

	(void)loop;
	(void)revents;
	pthread_mutex_lock(&w->lock);
	answers = w->answers;
	w->answers = (struct op_list){ 0 };
	has_changed = w->has_changed;
	has_found = w->has_found;
	found = w->found;
	w->has_changed = w->has_found = false;
	pthread_mutex_unlock(&w->lock);
	if (has_changed && w->events.changed != NULL)
		w->events.changed(w->events.data);
	if (has_found && w->events.found != NULL)
		w->events.found(w->events.data, &found);
	if (has_found)
		store_start_release(&found);
	while ((op = op_list_pop(&answers)) != NULL) {
		op->done(op);
		store_op_free(op);
	}
}

/* No signal may come to this thread: they are the loop's. */
static int
thread_start(struct thread *w)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&w->thread, NULL, thread_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

static void
thread_free(struct thread *w)
{
	if (w->has_found)
		store_start_release(&w->found);
	op_list_release(&w->answers);
	op_list_release(&w->queue);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w->batch.op);
	free(w->spool_path);
	free(w);
}

struct writer *
writer_start(struct ev_loop *loop, struct store *store, const char *spool_path,
    const struct writer_events *events, struct err *err)
{
	struct thread *w = mem_zalloc(1, sizeof *w);
	pthread_condattr_t attr;
	int rc;

	w->writer.port.post = thread_post;
	w->loop = loop;
	w->store = store;
	w->events = *events;
	w->is_coming = w->is_degraded = store_is_late(store);
	w->spool_path = mem_strdup(spool_path);
	w->pause_ms = RETRY_MIN_MS;
	w->batch.op = mem_alloc(BATCH_MAX * sizeof *w->batch.op);
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_condattr_destroy(&attr);
	ev_async_init(&w->async, on_async);
	w->async.data = w;
	ev_async_start(loop, &w->async);
	ev_prepare_init(&w->turn, on_turn);
	w->turn.data = w;
	ev_prepare_start(loop, &w->turn);
	rc = thread_start(w);
	if (rc == 0)
		return &w->writer;
	err_sys(err, rc, "cannot start the store's thread");
	ev_prepare_stop(loop, &w->turn);
	ev_async_stop(loop, &w->async);
	thread_free(w);
	return NULL;
}

void
writer_state(struct writer *writer, struct writer_state *state)
{
	struct thread *w = (struct thread *)writer;

	pthread_mutex_lock(&w->lock);
	state->is_degraded = w->is_degraded;
	state->is_refused = w->is_refused;
	state->waiting = w->posted.n + w->queue.n + w->in_batch;
	state->dropped = w->dropped;
	memcpy(state->reason, w->reason, sizeof state->reason);
	memcpy(state->note, w->note, sizeof state->note);
	w->note[0] = '\0';
	pthread_mutex_unlock(&w->lock);
}

void
writer_hurry(struct writer *writer)
{
	struct thread *w = (struct thread *)writer;

	pthread_mutex_lock(&w->lock);
	w->is_hurried = true;
	w->pause_ms = RETRY_MIN_MS;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

bool
writer_stop(struct writer *writer, int64_t patience_ms, struct err *err)
{
	struct thread *w = (struct thread *)writer;
	bool is_lost;

	if (w == NULL)
		return true;
	thread_flush(w);
	pthread_mutex_lock(&w->lock);
	w->is_stopping = true;
	w->stop_by_ms = now_ms() + patience_ms;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	ev_prepare_stop(w->loop, &w->turn);
	ev_async_stop(w->loop, &w->async);
	is_lost = w->is_lost;
	if (is_lost)
		*err = w->end;
	thread_free(w);
	return !is_lost;
}
