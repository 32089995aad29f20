#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/store/history.h"
#include "lib/store/queue.h"
#include "lib/store/redis_link.h"

/*
 * queue WHERE [read|write|own] <SCRIPT: a queue driven by lines, all in one
 * process, so that one suite can ask the same of each backend. What it prints
 * says work and runs by their number. A line is a word and key=value pairs:
 *
 *   put take end again release cancel revive purge
 *                          what work.h has, applied at once
 *   begin                  a STORE_BEGIN of run=N that puts work=N
 *   batch ... apply        those between, as one
 *   list count find        the queue
 *   history                the records there are, by number, newest first
 *   worker N, die N        who takes from now on, 1 at first; its death
 *   reopen                 close, and open again
 *   gone                   exit at once, with nothing closed
 *
 * Work is work=N, a taking take=N, an id of a record run=N. `put` has the
 * fields of struct work by their names; payload_size=N makes bytes of all
 * kinds; job=NAME is the handler, h unless given. `take` has want=a:2,b:1,
 * most=N (1 unless given), reap=1, unknown=MS; with patience=MS it is repeated
 * for so long as it gives nothing. history=0: the queue stands alone.
 */

static const char *where;
static enum store_mode mode = STORE_WRITE;
static struct store_limits limits = { 100, -1, 0 };
static struct store *store;
static struct store_op *batch[10000];
static size_t batched;
static bool is_batching;

#define WORDS_MAX 32
static char *word[WORDS_MAX];
static int words;

static const char *
given(const char *key)
{
	size_t len = strlen(key);
	int i;

	for (i = 1; i < words; i++)
		if (strncmp(word[i], key, len) == 0 && word[i][len] == '=')
			return word[i] + len + 1;
	return NULL;
}

static int64_t
number(const char *key, int64_t otherwise)
{
	const char *text = given(key);

	return text != NULL ? strtoll(text, NULL, 10) : otherwise;
}

static char *
text(const char *key)
{
	char *copy = mem_strdup(given(key)), *p;

	for (p = copy; p != NULL && *p != '\0'; p++)
		if (*p == '~')
			*p = ' ';
	return copy;
}

/* `made` keeps works, runs and takings apart; it is the id's instant. */
static struct ulid
make_id(int64_t made, int64_t n)
{
	struct ulid id = { { 0 } };
	int i;

	id.b[4] = (unsigned char)(made >> 8 & 0xff);
	id.b[5] = (unsigned char)(made & 0xff);
	for (i = 15; i >= 8; i--, n >>= 8)
		id.b[i] = (unsigned char)(n & 0xff);
	return id;
}

/* What the store made itself is not said, for it is another each time. */
static void
say_id(const struct ulid *id)
{
	uint64_t n = 0;
	int i;

	for (i = 8; i < 16; i++)
		n = n << 8 | id->b[i];
	if (ulid_time_ms(id) < 0x10000)
		printf("%llu", (unsigned long long)n);
	else
		printf("new");
}

#define WORK_MADE 1000
#define TAKE_MADE 2000

static struct ulid
work_id(void)
{
	return make_id(WORK_MADE, number("work", 1));
}

static struct ulid
run_id(void)
{
	return make_id(WORK_MADE, number("run", number("work", 1)));
}

static void
complain(const struct err *err)
{
	printf("error %d: %s\n", (int)err->code, err->msg);
}

/* Workers: each a process of its own, or a session of a Redis. */

#define WORKERS 16
static struct {
	pid_t pid;
	struct identity identity;
} worker[WORKERS];
static int at_work = 1;

static void
start_worker(int n)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	worker[n].pid = pid;
	if (pid < 0 || !identity_of(pid, &worker[n].identity))
		abort();
}

static void
ask_redis(const char *verb, const char *key, const char *a, const char *b)
{
	struct redis_args args = { 0 };
	struct redis_link *link;
	struct redis_url url;
	redisReply *reply;
	struct err err;

	if (!redis_url_parse(where, &url, &err))
		abort();
	link = redis_link_new(&url, "tool");
	redis_args_text(&args, verb);
	redis_args_key(&args, link, "%s", key);
	if (a != NULL)
		redis_args_text(&args, a);
	if (b != NULL)
		redis_args_text(&args, b);
	if (redis_link_call(link, &args, &reply, &err))
		freeReplyObject(reply);
	else
		complain(&err);
	redis_args_release(&args);
	redis_link_free(link);
	redis_url_release(&url);
}

static void
session_key(int n, char *key, size_t size)
{
	struct ulid id = make_id(1, n);
	char sid[ULID_LEN + 1];

	ulid_format(&id, sid);
	snprintf(key, size, "s:%s", sid);
}

static bool
current_session(void *data, struct ulid *id)
{
	(void)data;
	*id = make_id(1, at_work);
	return true;
}

static void
bind_worker(void)
{
	struct store_session session = { current_session, NULL };
	char key[ULID_LEN + 3];

	if (worker[at_work].pid == 0)
		start_worker(at_work);
	if (!redis_url_is(where))
		return;
	session_key(at_work, key, sizeof key);
	ask_redis("SADD", "s", key + 2, NULL);
	ask_redis("HSET", key, "host", "elsewhere");
	store_bind(store, &session);
}

static int
worker_number(void)
{
	int n = words > 1 ? atoi(word[1]) : 1;

	if (n <= 0 || n >= WORKERS)
		abort();
	return n;
}

static void
set_worker(void)
{
	at_work = worker_number();
	bind_worker();
}

static void
die(void)
{
	int n = worker_number();
	char key[ULID_LEN + 3];

	kill(worker[n].pid, SIGKILL);
	waitpid(worker[n].pid, NULL, 0);
	worker[n].pid = 0;
	if (!redis_url_is(where))
		return;
	session_key(n, key, sizeof key);
	ask_redis("DEL", key, NULL, NULL);
}

static enum record_reason
find_reason(const char *name)
{
	int i;

	for (i = 1; name != NULL && i < RECORD_REASONS; i++)
		if (strcmp(name, record_reason_name((enum record_reason)i)) ==
		    0)
			return (enum record_reason)i;
	return RECORD_NO_REASON;
}

static void
set_record(struct record *r)
{
	char name[32];

	snprintf(name, sizeof name, "w%d", at_work);
	r->id = run_id();
	r->job = given("job") != NULL ? text("job") : mem_strdup("h");
	r->kind = given("kind") != NULL ? text("kind") : mem_strdup("handler");
	r->scheduled_ms = number("scheduled", CLOCK_NONE);
	r->started_ms = number("started", CLOCK_NONE);
	r->completed_ms = number("completed", CLOCK_NONE);
	r->reason = find_reason(given("reason"));
	r->attempt = (int)number("attempt", 0);
	r->duration_ms = number("duration", -1);
	r->exit_code = (int)number("exit_code", -1);
	r->output_bytes = number("output_bytes", 0);
	r->error = text("error");
	r->metadata = text("metadata");
	r->head = text("head");
	r->head_len = r->head != NULL ? strlen(r->head) : 0;
	r->worker = mem_strdup(name);
	r->owner = worker[at_work].identity;
	if (given("status") != NULL &&
	    !record_status_find(given("status"), &r->status))
		abort();
}

static void
set_payload(struct work *work)
{
	size_t i, n = (size_t)number("payload_size", 0);

	work->payload = text("payload");
	if (work->payload != NULL) {
		work->payload_len = strlen(work->payload);
	} else if (given("payload_size") != NULL) {
		work->payload = mem_zalloc(n + 1, 1);
		work->payload_len = n;
		for (i = 0; i < n; i++)
			work->payload[i] = (char)((i * 7 + i / 256) & 0xff);
	}
}

/* want=a:2,b:1; the names stay in the line. */
static void
set_want(struct work_op *op)
{
	char *item = (char *)given("want"), *next, *colon;

	if (item == NULL)
		item = "h:100";
	for (item = mem_strdup(item); item != NULL; item = next) {
		next = strchr(item, ',');
		if (next != NULL)
			*next++ = '\0';
		op->want = mem_grow(op->want, op->n_want + 1, sizeof *op->want);
		colon = strchr(item, ':');
		op->want[op->n_want].n = colon != NULL ? atoi(colon + 1) : 100;
		if (colon != NULL)
			*colon = '\0';
		op->want[op->n_want++].handler = item;
	}
}

static void
set_work(struct work *work)
{
	work->id = work_id();
	work->key = text("key");
	work->priority = (int)number("priority", 0);
	work->lead_ms = work_lead_ms(work->priority, number("aging", 60000));
	work->due_ms = number("due", CLOCK_NONE);
	work->retry_max = (int)number("retry_max", -1);
	work->retry_delay_ms = number("retry_delay", -1);
	work->timeout_ms = number("timeout", WORK_TIMEOUT_UNSET);
	work->take = make_id(TAKE_MADE, number("take", 1));
	set_payload(work);
	set_record(&work->record);
	if (given("state") != NULL &&
	    !work_state_find(given("state"), &work->state))
		abort();
}

static struct work_op *
make_work(enum work_op_kind kind)
{
	struct work_op *op = work_op_new(kind);

	op->has_history = number("history", 1) != 0;
	op->delay_ms = number("delay", 0);
	op->size = (int)number("size", 0);
	op->is_running = given("running") != NULL;
	op->take = make_id(TAKE_MADE, number("take", 1));
	op->most = (int)number("most", 1);
	op->is_reaping = given("reap") != NULL;
	op->unknown_ms = number("unknown", WORK_UNKNOWN_MS);
	op->is_all = given("all") != NULL;
	set_work(&op->work);
	if (kind == WORK_TAKE)
		set_want(op);
	return op;
}

static void
say_if(const char *name, int64_t value, int64_t none)
{
	if (value != none)
		printf(" %s=%lld", name, (long long)value);
}

static void
say_text(const char *name, const char *value)
{
	if (value != NULL)
		printf(" %s='%s'", name, value);
}

static void
say_blob(const char *name, const char *bytes, size_t n)
{
	size_t i;

	if (bytes == NULL || n == 0)
		return;
	for (i = 0; i < n && bytes[i] >= ' ' && bytes[i] <= '~';)
		i++;
	if (i == n && n < 200)
		printf(" %s='%.*s'", name, (int)n, bytes);
	else
		printf(" %s=%zu:%016llx", name, n,
		    (unsigned long long)hash_bytes(bytes, n, 0));
}

static int64_t
lines_of(const char *text)
{
	int64_t n = 0;

	for (; text != NULL && (text = strchr(text, '\n')) != NULL; text++)
		n++;
	return n;
}

/* What a clock has a part in is said as being there. */
static void
say_run(const struct work *w)
{
	const struct record *r = &w->record;

	printf(" %s", record_status_name(r->status));
	if (memcmp(&r->id, &w->id, sizeof r->id) != 0) {
		printf(" run=");
		say_id(&r->id);
	}
	say_text("reason", record_reason_name(r->reason));
	say_if("attempt", r->attempt, 0);
	say_if("exit_code", r->exit_code, -1);
	say_if("duration", r->duration_ms, -1);
	say_if("scheduled", r->scheduled_ms, CLOCK_NONE);
	printf("%s%s%s", r->started_ms != CLOCK_NONE ? " started" : "",
	    r->completed_ms != CLOCK_NONE ? " completed" : "",
	    r->retry_at_ms != CLOCK_NONE ? " retry_at" : "");
	say_text("error", r->error);
	say_if("tries", lines_of(r->attempts), 0);
	say_text("worker", r->worker);
	say_if("fence", (int64_t)r->fence, 0);
	say_text("metadata", r->metadata);
	if (strcmp(r->kind, "handler") != 0)
		say_text("kind", r->kind);
	say_blob("head", r->head, r->head_len);
}

static bool
say_work(void *data, const struct work *w)
{
	(void)data;
	say_id(&w->id);
	printf(" %s %s", w->record.job, work_state_name(w->state));
	say_text("key", w->key);
	say_if("priority", w->priority, 0);
	say_if("attempts", w->attempts, 0);
	say_if("crashes", w->crashes, 0);
	say_if("retry_max", w->retry_max, -1);
	say_if("retry_delay", w->retry_delay_ms, -1);
	say_if("timeout", w->timeout_ms, WORK_TIMEOUT_UNSET);
	printf("%s", w->is_told_to_end ? " told" : "");
	say_blob("payload", w->payload, w->payload_len);
	printf(" |");
	say_run(w);
	printf("\n");
	return true;
}

static void
say_put(const struct work_op *put)
{
	static const char *const name[] = { "added", "known", "differs",
		"full" };

	printf("%s ", name[put->put]);
	say_id(&put->work.id);
	printf("\n");
}

static void
say_taken(const struct work_op *take)
{
	size_t i;

	for (i = 0; i < take->n_buried; i++) {
		printf("buried ");
		say_work(NULL, &take->buried[i]);
	}
	if (take->n_returned > 0)
		printf("returned %zu\n", take->n_returned);
	for (i = 0; i < take->n_told; i++) {
		printf("told ");
		say_id(&take->told[i]);
		printf("\n");
	}
	for (i = 0; i < take->n_taken; i++)
		say_work(NULL, &take->taken[i]);
	printf("took %zu%s%s\n", take->n_taken, take->is_more ? ", more" : "",
	    take->next_due_ms >= 0 ? ", some delayed" : "");
}

static void
say_answer(const struct store_op *op)
{
	static const char *const name[] = {
		[CLAIM_GRANTED] = "granted",
		[CLAIM_LOST] = "lost",
		[CLAIM_BLOCKED] = "blocked",
		[CLAIM_LOCKED] = "locked",
		[CLAIM_EARLY] = "early",
		[CLAIM_FULL] = "full",
		[CLAIM_FAILED] = "failed",
	};

	if (op->kind == STORE_BEGIN || op->result == CLAIM_FAILED) {
		printf("%s", name[op->result]);
		if (op->result == CLAIM_GRANTED)
			say_if("fence", (int64_t)op->record.fence, 0);
		printf("\n");
		return;
	}
	switch (op->work->kind) {
	case WORK_PUT:
		say_put(op->work);
		return;
	case WORK_TAKE:
		say_taken(op->work);
		return;
	case WORK_END:
	case WORK_AGAIN:
	case WORK_RELEASE:
		printf("%s\n", name[op->result]);
		return;
	case WORK_CANCEL:
		printf("%s %s\n", name[op->result],
		    work_state_name(op->work->work.state));
		return;
	case WORK_REVIVE:
	case WORK_PURGE:
		printf("%s %zu%s\n", name[op->result], op->work->n,
		    op->work->is_more ? ", more" : "");
		return;
	}
}

static void
free_op(struct store_op *op)
{
	if (op->work->want != NULL)
		free((char *)op->work->want[0].handler);
	store_op_free(op);
}

/* As often as a writer would, where others keep the store locked. */
static void
apply_batch(void)
{
	struct err err;
	size_t i;
	int left = 20;

	while (!store_apply(store, batch, batched, &err))
		if (strstr(err.msg, "keeps it locked") == NULL || left-- == 0) {
			complain(&err);
			break;
		}
	for (i = 0; i < batched; i++) {
		say_answer(batch[i]);
		free_op(batch[i]);
	}
	batched = 0;
	is_batching = false;
	fflush(stdout);
}

static void
push_op(struct store_op *op)
{
	batch[batched++] = op;
	if (!is_batching)
		apply_batch();
}

static void
operate(enum work_op_kind kind)
{
	struct store_op *op = store_op_new(STORE_WORK, NULL);

	op->work = make_work(kind);
	push_op(op);
}

static void
op_put(void)
{
	operate(WORK_PUT);
}

/* Once, or until something comes of it. */
static void
op_take(void)
{
	const struct timespec moment = { .tv_nsec = 10000000 };
	int64_t until = clock_boot_ms() + number("patience", 0);
	struct store_op *op = store_op_new(STORE_WORK, NULL);
	struct err err;

	op->work = make_work(WORK_TAKE);
	while (given("patience") != NULL && clock_boot_ms() < until &&
	    store_apply(store, &op, 1, &err) && op->work->n_taken == 0 &&
	    op->work->n_buried == 0 && op->work->n_returned == 0)
		nanosleep(&moment, NULL);
	if (given("patience") == NULL) {
		push_op(op);
		return;
	}
	say_answer(op);
	free_op(op);
}

static void
op_end(void)
{
	operate(WORK_END);
}

static void
op_again(void)
{
	operate(WORK_AGAIN);
}

static void
op_release(void)
{
	operate(WORK_RELEASE);
}

static void
op_cancel(void)
{
	operate(WORK_CANCEL);
}

static void
op_revive(void)
{
	operate(WORK_REVIVE);
}

static void
op_purge(void)
{
	operate(WORK_PURGE);
}

/* run=N is the job's run, work=N what it puts. */
static void
op_begin(void)
{
	struct store_op *op;
	struct record r;

	record_init(&r);
	set_record(&r);
	free(r.job);
	r.job = given("of") != NULL ? text("of") : mem_strdup("j");
	free(r.kind);
	r.kind = mem_strdup("cron");
	r.status = RECORD_RUNNING;
	op = store_op_new(STORE_BEGIN, &r);
	op->is_shared = given("shared") != NULL;
	record_release(&r);
	op->work = make_work(WORK_PUT);
	push_op(op);
}

static void
list(void)
{
	struct queue_filter filter = { .handler = given("job"),
		.limit = (int)number("limit", 0) };
	struct err err;

	if (given("state") != NULL)
		filter.has_state = work_state_find(
		    given("state"), &filter.state);
	if (!queue_list(store, &filter, say_work, NULL, &err))
		complain(&err);
}

static void
count(void)
{
	struct queue_counts counts;
	struct err err;
	int i;

	if (!queue_count(store, given("job"), &counts, &err)) {
		complain(&err);
		return;
	}
	for (i = 0; i < WORK_STATES; i++)
		printf(
		    "%s%lld", i > 0 ? " " : "", (long long)counts.by_state[i]);
	printf("\n");
}

/* find work=N, run=N or id=PREFIX; letters=N of it */
static void
find(void)
{
	char id[ULID_LEN + 1];
	struct ulid ulid = run_id();
	struct work work;
	bool found = false;
	struct err err;

	ulid_format(&ulid, id);
	id[number("letters", ULID_LEN)] = '\0';
	if (!queue_find(store, given("id") != NULL ? given("id") : id, true,
		&work, &found, &err))
		complain(&err);
	else if (!found)
		printf("none\n");
	else
		say_work(NULL, &work);
	work_release(&work);
}

static bool
say_record(void *data, const struct record *r)
{
	(void)data;
	say_id(&r->id);
	printf(" %s %s %s %s", r->job, r->kind, record_trigger_name(r->trigger),
	    record_status_name(r->status));
	say_text("reason", record_reason_name(r->reason));
	say_if("attempt", r->attempt, 0);
	say_if("scheduled", r->scheduled_ms, CLOCK_NONE);
	say_text("error", r->error);
	say_text("metadata", r->metadata);
	printf("\n");
	return true;
}

static void
history(void)
{
	struct history_filter filter = { .job = given("job"),
		.since_ms = CLOCK_NONE,
		.until_ms = CLOCK_NEVER };
	struct err err;

	if (!history_list(store, &filter, say_record, NULL, &err))
		complain(&err);
}

static bool
open_store(void)
{
	struct err err;
	char *note = NULL;
	enum store_opened opened = store_open(
	    where, mode, limits, &store, &note, &err);

	if (opened == STORE_ABSENT)
		printf("absent\n");
	else if (opened == STORE_FAILED)
		complain(&err);
	if (note != NULL)
		printf("note: %s\n", note);
	free(note);
	if (opened == STORE_OPENED)
		bind_worker();
	return opened == STORE_OPENED;
}

/* What is in memory goes with its handle. */
static void
reopen(void)
{
	if (strcmp(where, "memory") == 0)
		return;
	store_close(store);
	store = NULL;
	if (!open_store())
		exit(1);
}

static void
begin_batch(void)
{
	is_batching = true;
}

static void
gone(void)
{
	fflush(stdout);
	_exit(0);
}

static const struct {
	const char *name;
	void (*call)(void);
} verb[] = {
	{ "put", op_put },
	{ "take", op_take },
	{ "end", op_end },
	{ "again", op_again },
	{ "release", op_release },
	{ "cancel", op_cancel },
	{ "revive", op_revive },
	{ "purge", op_purge },
	{ "begin", op_begin },
	{ "batch", begin_batch },
	{ "apply", apply_batch },
	{ "list", list },
	{ "count", count },
	{ "find", find },
	{ "history", history },
	{ "worker", set_worker },
	{ "die", die },
	{ "reopen", reopen },
	{ "gone", gone },
};

static void
obey(char *line)
{
	char *save = NULL, *w;
	size_t i;

	words = 0;
	for (w = strtok_r(line, " \n", &save); w != NULL && words < WORDS_MAX;
	     w = strtok_r(NULL, " \n", &save))
		word[words++] = w;
	if (words == 0)
		return;
	for (i = 0; i < ARRAY_LEN(verb); i++)
		if (strcmp(verb[i].name, word[0]) == 0) {
			verb[i].call();
			return;
		}
	fprintf(stderr, "queue: no verb '%s'\n", word[0]);
	exit(2);
}

int
main(int argc, char **argv)
{
	char *line = NULL;
	size_t room = 0;
	int i;

	if (argc < 2)
		return 2;
	where = argv[1];
	if (argc > 2)
		mode = strcmp(argv[2], "read") == 0 ? STORE_READ
		    : strcmp(argv[2], "own") == 0   ? STORE_OWN
						    : STORE_WRITE;
	if (!open_store())
		return 1;
	while (getline(&line, &room, stdin) >= 0)
		obey(line);
	free(line);
	store_close(store);
	for (i = 0; i < WORKERS; i++)
		if (worker[i].pid > 0) {
			kill(worker[i].pid, SIGKILL);
			waitpid(worker[i].pid, NULL, 0);
		}
	return 0;
}
