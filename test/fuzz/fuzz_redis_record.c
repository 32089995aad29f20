/*
 * What a Redis may answer where a record is asked for, or a claim: whatever it
 * is, it is read as one that makes sense, or refused.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/store/redis.h"
#include "test/fuzz/must.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void
check_record(const redisReply *reply)
{
	struct ulid id = { { 1 } };
	struct record record;

	if (!redis_read_record(reply, &id, &record)) {
		must(record.job == NULL && record.head == NULL);
		return;
	}
	must(record.job != NULL && record.status < RECORD_STATUSES);
	must(record.trigger < RECORD_TRIGGERS);
	must(record.reason < RECORD_REASONS);
	must(strlen(record.owner.boot_id) < sizeof record.owner.boot_id);
	redis_read_output(reply, &record);
	must((record.head == NULL) == (record.head_len == 0));
	record_release(&record);
}

static void
check_claim(const redisReply *reply)
{
	struct store_op *op = store_op_new(STORE_BEGIN, NULL);
	bool is_stale;

	if (redis_read_claim(reply, op, &is_stale)) {
		must(is_stale == (op->result == CLAIM_FAILED));
		must(op->result != CLAIM_LOCKED || op->holder != NULL);
	}
	must(op->n_gaps >= 0 && op->n_gaps <= STORE_GAPS);
	store_op_free(op);
}

static void
check_reply(const redisReply *reply)
{
	enum record_status status;
	struct ulid id;
	int64_t n;

	check_record(reply);
	check_claim(reply);
	if (redis_read_ulid(reply, &id))
		must(reply->len == ULID_LEN);
	if (redis_read_status(reply, &status))
		must(redis_reply_is(reply, record_status_name(status)));
	if (redis_read_ms(reply, &n) && reply->type == REDIS_REPLY_STRING)
		must(reply->len <= 20 || reply->str[0] == '0' ||
		    reply->str[1] == '0');
}

/* hiredis would make room for them; redis_wire.c does not let it. */
static bool
has_giant(const unsigned char *data, size_t size)
{
	size_t i, digits = 0;

	for (i = 0; i < size; i++) {
		digits = data[i] >= '0' && data[i] <= '9' ? digits + 1 : 0;
		if (digits > 4 && i >= digits &&
		    strchr("*%~>|", data[i - digits]) != NULL)
			return true;
	}
	return false;
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	redisReader *reader = redisReaderCreate();
	void *reply = NULL;

	must(reader != NULL);
	if (!has_giant(data, size) &&
	    redisReaderFeed(reader, (const char *)data, size) == REDIS_OK)
		while (redisReaderGetReply(reader, &reply) == REDIS_OK &&
		    reply != NULL) {
			check_reply(reply);
			freeReplyObject(reply);
			reply = NULL;
		}
	redisReaderFree(reader);
	return 0;
}
