#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/store/session.h"

/*
 * session: an instance's session on a store that does as it is told by lines as
 * they come:
 *
 *   answer WORD   what the store does from now on: well, fail, gone, refuse,
 *                 hang (until another word comes)
 *   offset MS     its clock less ours
 *   found N       the next reaping finds N lost runs
 *   nap MS        the loop stands still, as in a process that was stopped
 *   until N       say how often the loop woke for the next N renewals
 *   state         what the session says of itself
 *   count         how often the store was asked, and how often the loop woke
 *
 * What the loop is told is printed when it comes, with the milliseconds since
 * the start. Where input ends, the session is closed.
 */

static const struct session_times times = {
	.ttl_ms = 1200,
	.renew_ms = 400,
	.doubt_ms = 800,
	.loss_ms = 1000,
	.retry_ms = 200,
};

enum answer { WELL, FAIL, GONE, REFUSE, HANG };
static const char *const answer_name[] = { "well", "fail", "gone", "refuse",
	"hang" };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
/* Under the lock. */
static enum answer answer;
static int64_t offset_ms, noted_ms;
static size_t lost;
static long opened, renewed, ids, until;
static struct ulid last_id;

static struct ev_loop *loop;
static struct clock *host_clock;
static struct session *session;
static int64_t start_ms;
static _Atomic long turns;

static void
say(const char *what)
{
	printf("%s at %lld\n", what,
	    (long long)(clock_mono_ms(host_clock) - start_ms));
}

/* The store, on the session's thread */

static enum session_answer
fake_answer(struct session_reply *reply, struct err *err)
{
	enum session_answer result = SESSION_FAILED;

	while (answer == HANG)
		pthread_cond_wait(&wake, &lock);
	reply->store_ms = clock_now_ms() + offset_ms;
	switch (answer) {
	case WELL:
		return SESSION_ALIVE;
	case GONE:
		result = SESSION_GONE;
		break;
	case FAIL:
		err_set(err, ERR_UNREACHABLE, "nobody answers");
		break;
	case REFUSE:
		err_set(err, ERR_CONFIG, "no entry");
		break;
	case HANG:
		break;
	}
	return result;
}

static bool
fake_open(struct session_store *store, const struct session_self *self,
    const struct ulid *id, const struct ulid *old, int64_t ttl_ms,
    struct session_reply *reply, struct err *err)
{
	enum session_answer got;

	(void)store;
	(void)self;
	(void)old;
	(void)ttl_ms;
	pthread_mutex_lock(&lock);
	opened++;
	if (memcmp(&last_id, id, sizeof last_id) != 0)
		ids++;
	last_id = *id;
	got = fake_answer(reply, err);
	if (got == SESSION_GONE) /* only the one before */
		answer = WELL;
	pthread_mutex_unlock(&lock);
	return got != SESSION_FAILED;
}

static enum session_answer
fake_renew(struct session_store *store, const struct ulid *id, int64_t ttl_ms,
    struct session_reply *reply, struct err *err)
{
	enum session_answer got;

	(void)store;
	(void)id;
	(void)ttl_ms;
	pthread_mutex_lock(&lock);
	if (++renewed == until)
		printf("turns=%ld\n", turns);
	got = fake_answer(reply, err);
	pthread_mutex_unlock(&lock);
	return got;
}

static bool
fake_note(struct session_store *store, const struct ulid *id, int64_t offset,
    struct err *err)
{
	(void)store;
	(void)id;
	(void)err;
	pthread_mutex_lock(&lock);
	noted_ms = offset;
	pthread_mutex_unlock(&lock);
	return true;
}

static bool
fake_reap(struct session_store *store, struct session *of,
    struct store_start *found, struct err *err)
{
	(void)store;
	(void)of;
	(void)err;
	pthread_mutex_lock(&lock);
	found->lost = lost;
	lost = 0;
	pthread_mutex_unlock(&lock);
	return true;
}

static void
fake_close(struct session_store *store, const struct ulid *id)
{
	(void)store;
	(void)id;
	say("closed");
}

static void
fake_free(struct session_store *store)
{
	(void)store;
}

static const struct session_store_ops fake_ops = {
	.open = fake_open,
	.renew = fake_renew,
	.note = fake_note,
	.reap = fake_reap,
	.close = fake_close,
	.free = fake_free,
};

/* The loop */

static void
on_found(void *data, struct store_start *found)
{
	(void)data;
	printf("found %zu\n", found->lost);
}

static void
on_doubtful(void *data)
{
	(void)data;
	say("doubtful");
}

static void
on_lost(void *data)
{
	(void)data;
	say("lost");
}

static void
say_state(void)
{
	struct session_state state;
	struct ulid id;

	session_state(session, &state);
	printf("state: %s%s%s%s%s", state.is_open ? "open" : "none",
	    session_current(session, &id) ? " current" : "",
	    state.is_first ? " first" : "", state.is_away ? " away" : "",
	    state.is_refused ? " refused" : "");
	if (state.has_offset)
		printf(" offset=%lld", (long long)state.offset_ms);
	printf("%s%s\n", state.is_away ? " " : "", state.reason);
}

static void
say_counts(void)
{
	pthread_mutex_lock(&lock);
	printf("count: opened=%ld ids=%ld renewed=%ld noted=%lld\n", opened,
	    ids, renewed, (long long)noted_ms);
	pthread_mutex_unlock(&lock);
}

static void
set_answer(const char *word)
{
	size_t i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < ARRAY_LEN(answer_name); i++)
		if (strcmp(answer_name[i], word) == 0)
			answer = (enum answer)i;
	pthread_cond_broadcast(&wake);
	pthread_mutex_unlock(&lock);
}

static void
nap(long ms)
{
	struct timespec span = { ms / 1000, ms % 1000 * 1000000 };

	say("nap");
	nanosleep(&span, NULL);
}

static void
obey(const char *line)
{
	char word[32] = "", rest[32] = "";

	sscanf(line, "%31s %31s", word, rest);
	if (strcmp(word, "answer") == 0) {
		set_answer(rest);
	} else if (strcmp(word, "offset") == 0 || strcmp(word, "found") == 0) {
		pthread_mutex_lock(&lock);
		if (word[0] == 'o')
			offset_ms = atol(rest);
		else
			lost = strtoul(rest, NULL, 10);
		pthread_mutex_unlock(&lock);
	} else if (strcmp(word, "nap") == 0) {
		nap(strtol(rest, NULL, 10));
	} else if (strcmp(word, "until") == 0) {
		pthread_mutex_lock(&lock);
		until = renewed + atol(rest);
		turns = 0;
		pthread_mutex_unlock(&lock);
	} else if (strcmp(word, "state") == 0) {
		say_state();
	} else if (strcmp(word, "count") == 0) {
		say_counts();
	}
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
		ev_break(l, EVBREAK_ALL);
		return;
	}
	len += (size_t)n;
	text[len] = '\0';
	for (; (end = strchr(p, '\n')) != NULL; p = end + 1) {
		*end = '\0';
		obey(p);
	}
	len -= (size_t)(p - text);
	memmove(text, p, len);
}

static void
on_turn(struct ev_loop *l, ev_prepare *w, int revents)
{
	(void)l;
	(void)w;
	(void)revents;
	turns++;
}

static void
serve(void)
{
	ev_io input;
	ev_prepare turn;

	ev_prepare_init(&turn, on_turn);
	ev_prepare_start(loop, &turn);
	ev_io_init(&input, on_input, STDIN_FILENO, EV_READ);
	ev_set_priority(&input, 1); /* before all timers */
	ev_io_start(loop, &input);
	ev_run(loop, 0);
	ev_prepare_stop(loop, &turn);
}

int
main(int argc, char **argv)
{
	static struct session_store store = { &fake_ops };
	struct session_self self = { .worker = "host-1" };
	struct session_events events = {
		.found = on_found,
		.doubtful = on_doubtful,
		.lost = on_lost,
	};
	struct err err;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1)
		set_answer(argv[1]);
	loop = ev_loop_new(EVFLAG_AUTO);
	host_clock = clock_open(loop);
	start_ms = clock_mono_ms(host_clock);
	session = session_new(loop, host_clock, &store, &self, &times, &events);
	if (!session_open(session, &err))
		printf("not open: %s\n", err.msg);
	if (!session_start(session, &err))
		return 1;
	serve();
	if (!session_free(session)) {
		printf("left\n");
		return 0;
	}
	clock_close(host_clock);
	ev_loop_destroy(loop);
	return 0;
}
