#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/store/writer.h"

/*
 * writer WHERE [SPOOL]: the store's thread, told what to do by lines as they
 * come:
 *
 *   runs N [JOBS]   N claims; each answered one is ended
 *   sure N [JOBS]   N claims that wait for their answer
 *   ends N [BYTES]  N ends at once, with so much output
 *   works           of the queue's work as `queue` numbers it, taken as its
 *                   first: 1 has ended, 2 is tried again, 3 is released; and
 *                   4 is put in
 *   settle          say so once all is written and answered
 *   state           degraded or well, how many wait, how many were dropped
 *   answers         how claims were answered, and the longest wait for one
 *   stop MS         stop with that much patience, and end
 *
 * A change of the writer's state is said when it comes. Where input ends, it
 * stops, once it has settled if that was asked.
 */

static struct ev_loop *loop;
static struct writer *writer;
static int64_t instant_ms = 1700000000000, last_run;
static long asked, answered, answer[CLAIM_FAILED + 1];
static double longest_ms;
static ev_timer poll_timer;
static bool is_over; /* nothing more will be said */

struct claimed {
	struct claimed *next, **link; /* of those that have no answer yet */
	double asked_ms;
	struct record record;
};

static struct claimed *open_claims;

static void
claimed_add(struct claimed *claimed)
{
	claimed->next = open_claims;
	claimed->link = &open_claims;
	if (open_claims != NULL)
		open_claims->link = &claimed->next;
	open_claims = claimed;
}

static void
claimed_free(struct claimed *claimed)
{
	*claimed->link = claimed->next;
	if (claimed->next != NULL)
		claimed->next->link = claimed->link;
	record_release(&claimed->record);
	free(claimed);
}

static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void
make_run(struct record *r, long job)
{
	record_init(r);
	r->scheduled_ms = instant_ms + ++last_run;
	r->started_ms = r->scheduled_ms + 1;
	r->id = ulid_make(r->started_ms);
	r->job = mem_printf("job_%ld", job);
	r->kind = mem_strdup("cron");
	r->worker = mem_strdup("host-1");
	r->status = RECORD_RUNNING;
	r->attempt = 1;
	identity_self(&r->owner);
}

static void
end_run(struct record *r)
{
	struct store_op *op;

	r->status = RECORD_COMPLETED;
	r->duration_ms = 10;
	r->exit_code = 0;
	r->completed_ms = r->started_ms + 10;
	op = store_op_new(STORE_END, r);
	writer->port.post(&writer->port, op);
}

static void
on_claim(struct store_op *op)
{
	struct claimed *claimed = op->data;
	double ms = now_ms() - claimed->asked_ms;

	answered++;
	answer[op->result]++;
	if (ms > longest_ms)
		longest_ms = ms;
	if (op->result != CLAIM_LOST)
		end_run(&claimed->record);
	claimed_free(claimed);
}

static void
post_claims(long n, long jobs, bool is_sure)
{
	long i;

	for (i = 0; i < n; i++) {
		struct claimed *claimed = mem_zalloc(1, sizeof *claimed);
		struct store_op *op;

		make_run(&claimed->record, i % jobs);
		op = store_op_new(STORE_BEGIN, &claimed->record);
		op->done = on_claim;
		op->data = claimed;
		op->is_sure = is_sure;
		claimed->asked_ms = now_ms();
		claimed_add(claimed);
		asked++;
		writer->port.post(&writer->port, op);
	}
}

static void
post_ends(long n, long bytes)
{
	struct record r;
	long i;

	for (i = 0; i < n; i++) {
		make_run(&r, 0);
		if (bytes > 0) {
			r.head = mem_zalloc((size_t)bytes, 1);
			memset(r.head, 'x', (size_t)bytes);
			r.head_len = (size_t)bytes;
		}
		end_run(&r);
		record_release(&r);
	}
}

/* As test/tool/queue.c makes them. */
static struct ulid
work_id(unsigned made, unsigned char n)
{
	struct ulid id = { { 0 } };

	id.b[4] = (unsigned char)(made >> 8);
	id.b[5] = (unsigned char)(made & 0xff);
	id.b[15] = n;
	return id;
}

static void
post_works(void)
{
	static const enum work_op_kind kind[] = { WORK_END, WORK_AGAIN,
		WORK_RELEASE, WORK_PUT };
	size_t i;

	for (i = 0; i < ARRAY_LEN(kind); i++) {
		struct store_op *op = store_op_new(STORE_WORK, NULL);
		struct work *work;

		op->work = work_op_new(kind[i]);
		op->work->has_history = true;
		op->work->delay_ms = kind[i] == WORK_AGAIN ? 60000 : 0;
		work = &op->work->work;
		work->id = work_id(1000, (unsigned char)(i + 1));
		work->take = work_id(2000, 1);
		work->key = i == 3 ? mem_strdup("k") : NULL;
		work->payload = mem_strdup("bytes");
		work->payload_len = 5;
		work->record.job = mem_strdup("h");
		work->record.status = RECORD_COMPLETED;
		work->record.completed_ms = 2000;
		work->record.attempt = 1;
		work->record.head = mem_strdup("out");
		work->record.head_len = 3;
		writer->port.post(&writer->port, op);
	}
}

static void
say_state(void)
{
	struct writer_state state;

	writer_state(writer, &state);
	printf("%s waiting=%zu dropped=%llu%s%s\n",
	    state.is_degraded ? "degraded" : "well", state.waiting,
	    (unsigned long long)state.dropped, state.is_degraded ? " " : "",
	    state.reason);
	if (state.note[0] != '\0')
		printf("note: %s\n", state.note);
}

static void
on_changed(void *data)
{
	(void)data;
	printf("changed: ");
	say_state();
}

static void
say_answers(void)
{
	printf("granted=%ld lost=%ld failed=%ld unanswered=%ld longest=%.0f\n",
	    answer[CLAIM_GRANTED], answer[CLAIM_LOST], answer[CLAIM_FAILED],
	    asked - answered, longest_ms);
}

static void
on_poll(struct ev_loop *l, ev_timer *w, int revents)
{
	struct writer_state state;

	(void)revents;
	writer_state(writer, &state);
	if (state.waiting > 0 || answered < asked)
		return;
	ev_timer_stop(l, w);
	printf("settled\n");
	if (is_over)
		ev_break(l, EVBREAK_ALL);
}

static void
stop(long patience_ms)
{
	struct err err;
	double from = now_ms();

	if (writer_stop(writer, patience_ms, &err))
		printf("stopped\n");
	else
		printf("lost: %s\n", err.msg);
	printf("took %.0f ms\n", now_ms() - from);
	writer = NULL;
	while (open_claims != NULL)
		claimed_free(open_claims);
	ev_break(loop, EVBREAK_ALL);
}

static void
obey(const char *line)
{
	char word[32] = "";
	long a = 0, b = 0;
	int n = sscanf(line, "%31s %ld %ld", word, &a, &b);

	if (strcmp(word, "runs") == 0)
		post_claims(a, n > 2 ? b : 1, false);
	else if (strcmp(word, "sure") == 0)
		post_claims(a, n > 2 ? b : 1, true);
	else if (strcmp(word, "ends") == 0)
		post_ends(a, b);
	else if (strcmp(word, "works") == 0)
		post_works();
	else if (strcmp(word, "state") == 0)
		say_state();
	else if (strcmp(word, "answers") == 0)
		say_answers();
	else if (strcmp(word, "settle") == 0)
		ev_timer_again(loop, &poll_timer);
	else if (strcmp(word, "stop") == 0)
		stop(a);
	else if (n > 0)
		printf("what is '%s'?\n", word);
}

static void
on_input(struct ev_loop *l, ev_io *w, int revents)
{
	static char text[4096];
	static size_t len;
	ssize_t n = read(w->fd, text + len, sizeof text - 1 - len);
	char *p = text, *end;

	(void)revents;
	if (n <= 0) {
		ev_io_stop(l, w);
		is_over = true;
		if (!ev_is_active(&poll_timer))
			ev_break(l, EVBREAK_ALL);
		return;
	}
	len += (size_t)n;
	text[len] = '\0';
	for (; writer != NULL && (end = strchr(p, '\n')) != NULL; p = end + 1) {
		*end = '\0';
		obey(p);
	}
	len -= (size_t)(p - text);
	memmove(text, p, len);
}

int
main(int argc, char **argv)
{
	struct store_limits limits = { 1000000, -1, 0 };
	struct writer_events events = { .changed = on_changed };
	struct store *store;
	struct err err;
	char *note = NULL;
	ev_io input;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (store_open(argc > 1 ? argv[1] : "memory", STORE_OWN, limits, &store,
		&note, &err) != STORE_OPENED) {
		printf("error: %s\n", err.msg);
		return 1;
	}
	if (note != NULL)
		printf("note: %s\n", note);
	free(note);
	loop = ev_loop_new(EVFLAG_AUTO);
	writer = writer_start(
	    loop, store, argc > 2 ? argv[2] : NULL, &events, &err);
	if (writer == NULL)
		return 1;
	ev_timer_init(&poll_timer, on_poll, 0., 0.01);
	ev_io_init(&input, on_input, STDIN_FILENO, EV_READ);
	ev_io_start(loop, &input);
	ev_run(loop, 0);
	if (writer != NULL)
		stop(1000);
	ev_loop_destroy(loop);
	return 0;
}
