#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/redis.h"

/*
 * A record is a hash of its fields by short names, and what is usual is no
 * field at all. What a hash holds is not trusted: numbers are read strictly,
 * unknown fields are passed over, and a record without its job or a status
 * that is known is none.
 */
enum type {
	TYPE_TEXT,
	TYPE_NUMBER,
	TYPE_INT,
	TYPE_FENCE,
	TYPE_STATUS,
	TYPE_TRIGGER,
	TYPE_REASON,
	TYPE_IDENTITY,
};

#define AT(member) offsetof(struct record, member)
static const struct {
	const char *name;
	enum type type;
	bool is_live; /* of a run that lives, and of no other */
	size_t at;
	int64_t none;
} field[] = {
	{ "job", TYPE_TEXT, false, AT(job), 0 },
	{ "kind", TYPE_TEXT, false, AT(kind), 0 },
	{ "status", TYPE_STATUS, false, AT(status), 0 },
	{ "by", TYPE_TRIGGER, false, AT(trigger), 0 },
	{ "why", TYPE_REASON, false, AT(reason), 0 },
	{ "try", TYPE_INT, false, AT(attempt), 1 },
	{ "sched", TYPE_NUMBER, false, AT(scheduled_ms), CLOCK_NONE },
	{ "start", TYPE_NUMBER, false, AT(started_ms), CLOCK_NONE },
	{ "end", TYPE_NUMBER, false, AT(completed_ms), CLOCK_NONE },
	{ "took", TYPE_NUMBER, false, AT(duration_ms), -1 },
	{ "code", TYPE_INT, false, AT(exit_code), -1 },
	{ "signal", TYPE_INT, false, AT(signal), 0 },
	{ "error", TYPE_TEXT, false, AT(error), 0 },
	{ "worker", TYPE_TEXT, false, AT(worker), 0 },
	{ "fence", TYPE_FENCE, false, AT(fence), 0 },
	{ "user", TYPE_NUMBER, false, AT(user_us), -1 },
	{ "sys", TYPE_NUMBER, false, AT(system_us), -1 },
	{ "rss", TYPE_NUMBER, false, AT(max_rss_kb), -1 },
	{ "bytes", TYPE_NUMBER, false, AT(output_bytes), 0 },
	{ "count", TYPE_NUMBER, false, AT(count), 1 },
	{ "meta", TYPE_TEXT, false, AT(metadata), 0 },
	{ "tries", TYPE_TEXT, false, AT(attempts), 0 },
	{ "retry", TYPE_NUMBER, true, AT(retry_at_ms), CLOCK_NONE },
	{ "owner", TYPE_IDENTITY, true, AT(owner), 0 },
	{ "leader", TYPE_IDENTITY, true, AT(leader), 0 },
};
#undef AT

static void
push_pair(struct redis_args *args, const char *name, const char *value)
{
	redis_args_text(args, name);
	redis_args_text(args, value);
}

static void
push_number(
    struct redis_args *args, const char *name, int64_t value, int64_t none)
{
	if (value == none)
		return;
	redis_args_text(args, name);
	redis_args_int(args, value);
}

static void
push_identity(
    struct redis_args *args, const char *name, const struct identity *id)
{
	char text[96];

	if (id->pid == 0)
		return;
	snprintf(text, sizeof text, "%lld %llu %s", (long long)id->pid,
	    (unsigned long long)id->start_ticks, id->boot_id);
	push_pair(args, name, text);
}

static void
push_field(struct redis_args *args, const struct record *record, size_t i)
{
	const void *at = (const char *)record + field[i].at;
	const char *name = field[i].name;

	switch (field[i].type) {
	case TYPE_TEXT:
		if (*(char *const *)at != NULL)
			push_pair(args, name, *(char *const *)at);
		break;
	case TYPE_NUMBER:
		push_number(args, name, *(const int64_t *)at, field[i].none);
		break;
	case TYPE_INT:
		push_number(args, name, *(const int *)at, field[i].none);
		break;
	case TYPE_FENCE:
		push_number(args, name, (int64_t)record->fence, 0);
		break;
	case TYPE_STATUS:
		push_pair(args, name, record_status_name(record->status));
		break;
	case TYPE_TRIGGER:
		if (record->trigger != RECORD_SCHEDULE)
			push_pair(
			    args, name, record_trigger_name(record->trigger));
		break;
	case TYPE_REASON:
		if (record->reason != RECORD_NO_REASON)
			push_pair(
			    args, name, record_reason_name(record->reason));
		break;
	case TYPE_IDENTITY:
		push_identity(args, name, at);
		break;
	}
}

void
redis_push_record(
    struct redis_args *args, const struct record *record, bool is_live)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(field); i++)
		if (is_live || !field[i].is_live)
			push_field(args, record, i);
}

void
redis_push_ms(struct redis_args *args, int64_t ms)
{
	if (ms == CLOCK_NONE)
		redis_args_text(args, "");
	else
		redis_args_int(args, ms);
}

void
redis_push_ulid(struct redis_args *args, const struct ulid *id)
{
	char text[ULID_LEN + 1];

	ulid_format(id, text);
	redis_args_text(args, text);
}

bool
redis_read_number(const char *text, size_t len, int64_t *n)
{
	bool is_negative = len > 0 && text[0] == '-';
	size_t i = is_negative ? 1 : 0;
	uint64_t value = 0, most = (uint64_t)INT64_MAX + (is_negative ? 1 : 0);

	if (i == len)
		return false;
	for (; i < len; i++) {
		unsigned digit = (unsigned)(text[i] - '0');

		if (digit > 9 || value > (most - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*n = is_negative ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

bool
redis_read_ms(const redisReply *reply, int64_t *ms)
{
	const char *text;
	size_t len;

	return redis_reply_text(reply, &text, &len) &&
	    redis_read_number(text, len, ms);
}

bool
redis_read_ulid(const redisReply *reply, struct ulid *id)
{
	const char *text;
	size_t len;

	/* hiredis ends each text with a NUL; one within makes it shorter. */
	return redis_reply_text(reply, &text, &len) && len == ULID_LEN &&
	    strlen(text) == len && ulid_parse(text, id);
}

bool
redis_reply_is(const redisReply *reply, const char *word)
{
	const char *text;
	size_t len;

	return redis_reply_text(reply, &text, &len) && len == strlen(word) &&
	    memcmp(text, word, len) == 0;
}

char *
redis_read_text(const redisReply *reply)
{
	const char *text;
	size_t len;

	return redis_reply_text(reply, &text, &len) ? mem_strndup(text, len)
						    : NULL;
}

/* The number of the name that the reply is, among n; -1 where it is none. */
static int
find_name(const redisReply *reply, const char *(*name)(int), int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (name(i) != NULL && redis_reply_is(reply, name(i)))
			return i;
	return -1;
}

static const char *
status_name(int i)
{
	return record_status_name((enum record_status)i);
}

static const char *
trigger_name(int i)
{
	return record_trigger_name((enum record_trigger)i);
}

static const char *
reason_name(int i)
{
	return record_reason_name((enum record_reason)i);
}

bool
redis_read_status(const redisReply *reply, enum record_status *status)
{
	int i = find_name(reply, status_name, RECORD_STATUSES);

	if (i >= 0)
		*status = (enum record_status)i;
	return i >= 0;
}

/* "PID START BOOT", as it was pushed. */
static void
read_identity(const redisReply *reply, struct identity *id)
{
	char *text = redis_read_text(reply);
	char *start = text != NULL ? strchr(text, ' ') : NULL;
	char *boot = start != NULL ? strchr(start + 1, ' ') : NULL;
	struct identity read = { 0 };
	int64_t ticks;

	if (boot != NULL &&
	    redis_read_number(text, (size_t)(start - text), &read.pid) &&
	    redis_read_number(start + 1, (size_t)(boot - start - 1), &ticks) &&
	    strlen(boot + 1) < sizeof read.boot_id) {
		read.start_ticks = (uint64_t)ticks;
		memcpy(read.boot_id, boot + 1, strlen(boot + 1));
		*id = read;
	}
	free(text);
}

static bool
read_int(const redisReply *reply, int *to)
{
	int64_t n;

	if (!redis_read_ms(reply, &n) || n < INT_MIN || n > INT_MAX)
		return false;
	*to = (int)n;
	return true;
}

/* False where the value is none of its kind. */
static bool
read_field(const redisReply *reply, size_t i, struct record *record)
{
	void *at = (char *)record + field[i].at;
	int64_t n;
	int k;

	switch (field[i].type) {
	case TYPE_TEXT:
		free(*(char **)at);
		*(char **)at = redis_read_text(reply);
		return true;
	case TYPE_NUMBER:
		return redis_read_ms(reply, at);
	case TYPE_INT:
		return read_int(reply, at);
	case TYPE_FENCE:
		if (!redis_read_ms(reply, &n))
			return false;
		record->fence = (uint64_t)n;
		return true;
	case TYPE_STATUS:
		return redis_read_status(reply, &record->status);
	case TYPE_TRIGGER:
		k = find_name(reply, trigger_name, RECORD_TRIGGERS);
		record->trigger = (enum record_trigger)(k >= 0 ? k : 0);
		return k >= 0;
	case TYPE_REASON:
		k = find_name(reply, reason_name, RECORD_REASONS);
		record->reason = (enum record_reason)(k >= 0 ? k : 0);
		return k >= 0;
	case TYPE_IDENTITY:
		read_identity(reply, at);
		return true;
	}
	return false;
}

bool
redis_read_record(
    const redisReply *reply, const struct ulid *id, struct record *record)
{
	bool is_good = reply != NULL && reply->type == REDIS_REPLY_ARRAY;
	bool has_status = false;
	size_t i, k;

	record_init(record);
	record->id = *id;
	record->attempt = 1; /* the usual one, and so no field */
	for (i = 0; is_good && i + 1 < reply->elements; i += 2)
		for (k = 0; k < ARRAY_LEN(field); k++)
			if (redis_reply_is(reply->element[i], field[k].name)) {
				has_status |= field[k].type == TYPE_STATUS;
				is_good = is_good &&
				    read_field(
					reply->element[i + 1], k, record);
			}
	if (is_good && has_status && record->job != NULL)
		return true;
	record_release(record);
	return false;
}

static void
read_blob(const redisReply *reply, char **blob, size_t *len)
{
	const char *text;
	size_t n;

	if (!redis_reply_text(reply, &text, &n) || n == 0)
		return;
	free(*blob);
	*blob = mem_dup(text, n);
	*len = n;
}

void
redis_read_output(const redisReply *reply, struct record *record)
{
	read_blob(redis_reply_at(reply, 0), &record->head, &record->head_len);
	read_blob(redis_reply_at(reply, 1), &record->tail, &record->tail_len);
}
