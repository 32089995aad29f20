#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/store/history.h"
#include "lib/store/place.h"
#include "lib/store/redis_link.h"

/*
 * store WHERE [read|write|own [KEEP [MAX_AGE_MS [REPLICAS]]]] <SCRIPT: a store
 * driven by lines, all in one process, so that one suite can ask the same of each
 * backend. What it prints says runs by their number. A line is a word and
 * key=value pairs:
 *
 *   begin end update skip watermark once late
 *                                          an operation, applied at once
 *   batch ... apply                        those between, as one
 *   list find last jobs sample start reap  what there is; with gone=1, whom
 *                                          of the lost there is to tell of
 *   reopen                                 close, and open again
 *   session N, - or gone                   write in whose name from now on; -
 *                                          is nobody, gone one that expired
 *   alive N [host=NAME], die N             a session of a Redis, by hand
 *
 * Operations take run=N (the id is made of N and of at=MS) and the fields of a
 * record by the names that JSON has, with ~ for blanks; head_size=N and its
 * like make N bytes of all kinds. job=- is none. `self` as owner or leader is
 * this process, `dead` one that is gone. What else is in an op goes by its name
 * there, and shared=1 alone=1 may_rerun=1 rerun_of=N gap=FROM:TO. An end with
 * tell=AGAIN_MS says what there is to tell, and of how many failures; a skip
 * with it, whether it was this one's to tell. Of late these are than=MS first=MS
 * by_start=1, and it says what was last.
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

/* Bytes of all kinds, but for 0 where it is to be a text. */
static char *
make_bytes(size_t n, bool is_text)
{
	char *bytes = mem_zalloc(n + 1, 1);
	size_t i;

	for (i = 0; i < n; i++) {
		bytes[i] = (char)((i * 7 + i / 256) & 0xff);
		if (is_text && bytes[i] == '\0')
			bytes[i] = (char)0xff;
	}
	return bytes;
}

static struct ulid
run_id(int64_t made_ms, int64_t n)
{
	struct ulid id = { { 0 } };
	int i;

	for (i = 5; i >= 0; i--, made_ms >>= 8)
		id.b[i] = (unsigned char)(made_ms & 0xff);
	for (i = 15; i >= 8; i--, n >>= 8)
		id.b[i] = (unsigned char)(n & 0xff);
	return id;
}

static int64_t
run_number(const struct ulid *id)
{
	uint64_t n = 0;
	int i;

	for (i = 8; i < 16; i++)
		n = n << 8 | id->b[i];
	return (int64_t)n;
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

static enum record_trigger
find_trigger(const char *name)
{
	int i;

	for (i = 0; name != NULL && i < RECORD_TRIGGERS; i++)
		if (strcmp(name, record_trigger_name((enum record_trigger)i)) ==
		    0)
			return (enum record_trigger)i;
	return RECORD_SCHEDULE;
}

static void
set_identity(const char *key, struct identity *id)
{
	const char *who = given(key);

	if (who == NULL)
		return;
	identity_self(id);
	if (strcmp(who, "dead") == 0)
		id->start_ticks++;
}

static void
set_record(struct record *r)
{
	record_init(r);
	r->job = text("job");
	if (r->job == NULL)
		r->job = mem_strdup("a");
	if (strcmp(r->job, "-") == 0) {
		free(r->job);
		r->job = NULL;
	}
	r->kind = given("kind") != NULL ? text("kind") : mem_strdup("cron");
	r->scheduled_ms = number("scheduled", CLOCK_NONE);
	r->started_ms = number("started", CLOCK_NONE);
	r->completed_ms = number("completed", CLOCK_NONE);
	r->id = run_id(number("at",
			   r->scheduled_ms != CLOCK_NONE     ? r->scheduled_ms
			       : r->started_ms != CLOCK_NONE ? r->started_ms
							     : 1000),
	    number("run", 1));
	r->trigger = find_trigger(given("trigger"));
	r->reason = find_reason(given("reason"));
	r->attempt = (int)number("attempt", 1);
	r->duration_ms = number("duration", -1);
	r->retry_at_ms = number("retry_at", CLOCK_NONE);
	r->exit_code = (int)number("exit_code", -1);
	r->signal = (int)number("signal", 0);
	r->error = text("error");
	r->worker = text("worker");
	r->fence = (uint64_t)number("fence", 0);
	r->user_us = number("user_us", -1);
	r->system_us = number("system_us", -1);
	r->max_rss_kb = number("max_rss", -1);
	r->output_bytes = number("output_bytes", 0);
	r->count = number("count", 1);
	r->metadata = text("metadata");
	r->head = text("head");
	r->head_len = r->head != NULL ? strlen(r->head) : 0;
	r->tail = text("tail");
	r->tail_len = r->tail != NULL ? strlen(r->tail) : 0;
	if (given("head_size") != NULL) {
		r->head_len = (size_t)number("head_size", 0);
		r->head = make_bytes(r->head_len, false);
	}
	if (given("tail_size") != NULL) {
		r->tail_len = (size_t)number("tail_size", 0);
		r->tail = make_bytes(r->tail_len, false);
	}
	if (given("error_size") != NULL) {
		free(r->error);
		r->error = make_bytes((size_t)number("error_size", 0), true);
	}
	set_identity("owner", &r->owner);
	set_identity("leader", &r->leader);
	if (given("status") != NULL &&
	    !record_status_find(given("status"), &r->status))
		abort();
}

static void
complain(const struct err *err)
{
	printf("error %d: %s\n", (int)err->code, err->msg);
}

static void
say_grant(const struct store_op *op)
{
	int i;

	printf(" fence=%llu", (unsigned long long)op->record.fence);
	for (i = 0; i < op->n_gaps; i++)
		printf(" gap=%lld:%lld", (long long)op->gaps[i].from_ms,
		    (long long)op->gaps[i].to_ms);
	printf("%s%s", op->differs ? " differs" : "",
	    op->is_reset ? " reset" : "");
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
		[CLAIM_FAILED] = "failed",
	};

	if (op->kind == STORE_END && given("tell") != NULL) {
		printf("%s %lld\n", op->is_telling ? "tell" : "hush",
		    (long long)op->failures);
		return;
	}
	if (op->kind == STORE_LATE) {
		printf("%s %lld\n", op->is_telling ? "tell" : "hush",
		    (long long)op->late.last_ms);
		return;
	}
	if (op->kind != STORE_BEGIN && op->kind != STORE_ONCE &&
	    given("tell") == NULL &&
	    (op->result == CLAIM_GRANTED ||
		(op->result == CLAIM_LOST && op->kind != STORE_UPDATE)))
		return;
	printf("%s", name[op->result]);
	if (op->kind == STORE_BEGIN && op->result == CLAIM_GRANTED)
		say_grant(op);
	if (op->result == CLAIM_BLOCKED)
		printf(" by=%lld", (long long)run_number(&op->blocker));
	if (op->result == CLAIM_LOCKED)
		printf(" holder='%s'", op->holder);
	if (op->result == CLAIM_EARLY)
		printf(" wait=%s", op->wait_ms > 0 ? "some" : "none");
	printf("\n");
}

static void
apply_batch(void)
{
	struct err err;
	size_t i;

	if (!store_apply(store, batch, batched, &err))
		complain(&err);
	for (i = 0; i < batched; i++) {
		say_answer(batch[i]);
		store_op_free(batch[i]);
	}
	batched = 0;
	is_batching = false;
}

static void
set_gap(struct store_gap *gap)
{
	const char *colon, *from = given("gap");

	if (from == NULL || (colon = strchr(from, ':')) == NULL)
		return;
	gap->from_ms = strtoll(from, NULL, 10);
	gap->to_ms = strtoll(colon + 1, NULL, 10);
}

static void
set_op(struct store_op *op)
{
	op->watermark_ms = number("to", CLOCK_NONE);
	op->is_alone = given("alone") != NULL;
	op->is_shared = given("shared") != NULL;
	op->before_ms = number("before", CLOCK_NONE);
	op->schedule = (uint64_t)number("schedule", 0);
	op->lock = text("lock");
	op->tell_again_ms = number("tell", STORE_TELL_NOBODY);
	op->may_rerun = given("may_rerun") != NULL;
	op->is_rerun = given("rerun_of") != NULL;
	op->rerun_of = run_id(
	    number("at", number("scheduled", 1000)), number("rerun_of", 0));
	set_gap(&op->gap);
	op->late.by_start = given("by_start") != NULL;
	op->late.before_ms = number("than", 0);
	op->late.first_ms = number("first", 0);
}

static void
operate(enum store_op_kind kind, enum record_status status)
{
	struct record r;
	struct store_op *op;

	set_record(&r);
	if (given("status") == NULL)
		r.status = status;
	op = store_op_new(kind, &r);
	set_op(op);
	record_release(&r);
	batch[batched++] = op;
	if (!is_batching)
		apply_batch();
}

static void
say_ms(const char *name, int64_t ms)
{
	if (ms != CLOCK_NONE)
		printf(" %s=%lld", name, (long long)ms);
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

/* What is long, or is not for people, by its length and a hash. */
static void
say_blob(const char *name, const char *bytes, size_t n)
{
	size_t i;

	if (bytes == NULL)
		return;
	for (i = 0; i < n && bytes[i] >= ' ' && bytes[i] <= '~';)
		i++;
	if (i == n && n < 200)
		printf(" %s='%.*s'", name, (int)n, bytes);
	else
		printf(" %s=%zu:%016llx", name, n,
		    (unsigned long long)hash_bytes(bytes, n, 0));
}

static bool
say_record(void *data, const struct record *r)
{
	(void)data;
	printf("%lld %s %s %s", (long long)run_number(&r->id), r->job,
	    record_status_name(r->status), record_trigger_name(r->trigger));
	say_text("reason", record_reason_name(r->reason));
	say_text("kind", r->kind);
	say_if("attempt", r->attempt, 1);
	say_ms("scheduled", r->scheduled_ms);
	say_ms("started", r->started_ms);
	say_ms("completed", r->completed_ms);
	say_if("duration", r->duration_ms, -1);
	say_ms("retry_at", r->retry_at_ms);
	say_if("exit_code", r->exit_code, -1);
	say_if("signal", r->signal, 0);
	say_blob("error", r->error, r->error != NULL ? strlen(r->error) : 0);
	say_text("worker", r->worker);
	say_if("fence", (int64_t)r->fence, 0);
	say_if("user_us", r->user_us, -1);
	say_if("system_us", r->system_us, -1);
	say_if("max_rss", r->max_rss_kb, -1);
	say_if("output_bytes", r->output_bytes, 0);
	say_if("count", r->count, 1);
	say_text("metadata", r->metadata);
	say_blob("head", r->head, r->head_len);
	say_blob("tail", r->tail, r->tail_len);
	printf("\n");
	return true;
}

static void
list(void)
{
	struct history_filter filter = { .job = given("job"),
		.since_ms = number("since", CLOCK_NONE),
		.until_ms = number("until", CLOCK_NEVER),
		.limit = (int)number("limit", 0) };
	struct err err;

	if (given("status") != NULL)
		filter.has_status = record_status_find(
		    given("status"), &filter.status);
	if (!history_list(store, &filter, say_record, NULL, &err))
		complain(&err);
}

static void
say_found(
    bool is_good, bool found, struct record *record, const struct err *err)
{
	if (!is_good)
		complain(err);
	else if (!found)
		printf("none\n");
	else {
		say_record(NULL, record);
		record_release(record);
	}
}

/* find PREFIX, or find run=N at=MS [letters=N] */
static void
find(void)
{
	char id[ULID_LEN + 1];
	struct ulid ulid = run_id(number("at", 1000), number("run", 1));
	struct record record;
	bool found = false, is_good;
	struct err err;

	ulid_format(&ulid, id);
	id[number("letters", ULID_LEN)] = '\0';
	is_good = history_find(store, given("id") != NULL ? given("id") : id,
	    true, &record, &found, &err);
	say_found(is_good, found, &record, &err);
}

static void
last(void)
{
	struct record record;
	bool found = false;
	struct err err;
	bool is_good = history_last(store,
	    given("job") != NULL ? given("job") : "a", &record, &found, &err);

	say_found(is_good, found, &record, &err);
}

static void
say_job(const struct history_job *job)
{
	int i;

	printf("%s", job->name);
	say_text("kind", job->kind);
	say_ms("watermark", job->watermark_ms);
	if (job->has_last)
		printf(" last=%lld:%s", (long long)run_number(&job->last_id),
		    record_status_name(job->last_status));
	say_ms("started", job->last_started_ms);
	say_ms("completed", job->last_completed_ms);
	say_if("duration", job->last_duration_ms, -1);
	say_ms("success", job->last_success_ms);
	say_ms("failure", job->last_failure_ms);
	say_text("error", job->last_error);
	printf(" counts=%lld,%lld,%lld,%lld,%lld", (long long)job->successful,
	    (long long)job->failed, (long long)job->skipped,
	    (long long)job->cancelled, (long long)job->lost);
	say_if("min", job->min_duration_ms, -1);
	say_if("max", job->max_duration_ms, -1);
	printf(" sum=%.0f", job->total_duration_ms);
	say_if("running", job->running, 0);
	say_if("pending", job->pending, 0);
	printf(" strip=");
	for (i = 0; i < job->strip_len; i++)
		putchar(record_status_name(job->strip[i])[0]);
	putchar('\n');
}

static void
jobs(void)
{
	struct history_job *job = NULL;
	size_t n = 0, i;
	struct err err;

	if (!history_jobs(store, given("job"), &job, &n, &err)) {
		complain(&err);
		return;
	}
	for (i = 0; i < n; i++)
		say_job(&job[i]);
	history_jobs_release(job, n);
}

static void
sample(void)
{
	struct history_sample s;
	struct err err;
	size_t i;

	if (!history_sample(store, given("job") != NULL ? given("job") : "a",
		number("since", CLOCK_NONE), &s, &err)) {
		complain(&err);
		return;
	}
	printf("durations=");
	for (i = 0; i < s.n; i++)
		printf("%s%lld", i > 0 ? "," : "", (long long)s.duration_ms[i]);
	printf(" counts=");
	for (i = 0; i < RECORD_STATUSES; i++)
		printf("%s%lld", i > 0 ? "," : "", (long long)s.by_status[i]);
	say_ms("execution", s.last_execution_ms);
	say_ms("success", s.last_success_ms);
	say_ms("failure", s.last_failure_ms);
	say_text("error", s.last_error);
	printf("\n");
	history_sample_release(&s);
}

static void
say_start(struct store_start *found)
{
	size_t i;

	printf("lost=%zu\n", found->lost);
	for (i = 0; i < found->n_pending; i++)
		say_record(NULL, &found->pending[i]);
	for (i = 0; i < found->n_alive; i++)
		say_record(NULL, &found->alive[i]);
	for (i = 0; i < found->n_gone && given("gone") != NULL; i++)
		printf("gone %s %lld\n", found->gone[i].job,
		    (long long)run_number(&found->gone[i].id));
	for (i = 0; i < found->n_again; i++)
		printf("again %s %lld scheduled=%lld\n", found->again[i].job,
		    (long long)run_number(&found->again[i].id),
		    (long long)found->again[i].scheduled_ms);
	for (i = 0; i < found->jobs; i++) {
		printf("job %s", found->job[i].name);
		say_ms("watermark", found->job[i].watermark_ms);
		printf("\n");
	}
	store_start_release(found);
}

static void
start(void)
{
	struct store_start found;
	struct identity self;
	struct err err;

	identity_self(&self);
	if (!store_take_over(store, given("alone") != NULL ? NULL : &self,
		number("now", 9000), &found, &err)) {
		complain(&err);
		return;
	}
	say_start(&found);
}

static void
reap(void)
{
	struct store_start found;
	struct err err;

	if (!store_reap(store, number("now", 9000), &found, &err))
		complain(&err);
	else
		say_start(&found);
}

/* Sessions */

static struct ulid session;
static bool is_session_gone;

static bool
current_session(void *data, struct ulid *id)
{
	(void)data;
	*id = session;
	return !is_session_gone;
}

static bool is_bound;

static void
bind_session(void)
{
	struct store_session bound = { is_bound ? current_session : NULL,
		NULL };

	store_bind(store, &bound);
}

static void
set_session(void)
{
	const char *who = words > 1 ? word[1] : "-";

	is_bound = strcmp(who, "-") != 0;
	is_session_gone = strcmp(who, "gone") == 0;
	session = run_id(1, strtoll(who, NULL, 10));
	bind_session();
}

/* VERB KEY [ARG...], by hand, since nobody here renews sessions. */
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

/* "s:" and the id of the session that the line names. */
static void
session_key(char *key, size_t size)
{
	struct ulid id = run_id(1, words > 1 ? strtoll(word[1], NULL, 10) : 0);
	char sid[ULID_LEN + 1];

	ulid_format(&id, sid);
	snprintf(key, size, "s:%s", sid);
}

static void
alive(void)
{
	char key[ULID_LEN + 3];

	session_key(key, sizeof key);
	ask_redis("SADD", "s", key + 2, NULL);
	ask_redis("HSET", key, "host",
	    given("host") != NULL ? given("host") : "elsewhere");
}

static void
die(void)
{
	char key[ULID_LEN + 3];

	session_key(key, sizeof key);
	ask_redis("DEL", key, NULL, NULL);
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
		bind_session();
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
op_begin(void)
{
	operate(STORE_BEGIN, RECORD_RUNNING);
}

static void
op_update(void)
{
	operate(STORE_UPDATE, RECORD_RUNNING);
}

static void
op_end(void)
{
	operate(STORE_END, RECORD_COMPLETED);
}

static void
op_skip(void)
{
	operate(STORE_SKIP, RECORD_SKIPPED);
}

static void
op_watermark(void)
{
	operate(STORE_WATERMARK, RECORD_RUNNING);
}

static void
op_once(void)
{
	operate(STORE_ONCE, RECORD_RUNNING);
}

static void
op_late(void)
{
	operate(STORE_LATE, RECORD_RUNNING);
}

static const struct {
	const char *name;
	void (*call)(void);
} verb[] = {
	{ "begin", op_begin },
	{ "update", op_update },
	{ "end", op_end },
	{ "skip", op_skip },
	{ "watermark", op_watermark },
	{ "once", op_once },
	{ "late", op_late },
	{ "batch", begin_batch },
	{ "apply", apply_batch },
	{ "list", list },
	{ "find", find },
	{ "last", last },
	{ "jobs", jobs },
	{ "sample", sample },
	{ "start", start },
	{ "reap", reap },
	{ "session", set_session },
	{ "alive", alive },
	{ "die", die },
	{ "reopen", reopen },
};

static void
obey(char *line)
{
	char *save, *p;
	size_t i;

	words = 0;
	for (p = strtok_r(line, " \n", &save); p != NULL && words < WORDS_MAX;
	     p = strtok_r(NULL, " \n", &save))
		word[words++] = p;
	if (words == 0)
		return;
	for (i = 0; i < ARRAY_LEN(verb); i++)
		if (strcmp(verb[i].name, word[0]) == 0) {
			verb[i].call();
			return;
		}
	fprintf(stderr, "store: no verb '%s'\n", word[0]);
	exit(2);
}

int
main(int argc, char **argv)
{
	char line[4096];

	setvbuf(stdout, NULL, _IOLBF, 0);
	where = argc > 1 ? argv[1] : "memory";
	if (argc > 2 && strcmp(argv[2], "read") == 0)
		mode = STORE_READ;
	else if (argc > 2 && strcmp(argv[2], "own") == 0)
		mode = STORE_OWN;
	if (argc > 3)
		limits.keep = (int)strtol(argv[3], NULL, 10);
	if (argc > 4)
		limits.max_age_ms = strtoll(argv[4], NULL, 10);
	if (argc > 5)
		limits.min_replicas = (int)strtol(argv[5], NULL, 10);
	if (!open_store())
		return 1;
	while (fgets(line, sizeof line, stdin) != NULL)
		obey(line);
	store_close(store);
	return 0;
}
