#include "lib/store/redis_reply.h"

#include <errno.h>
#include <stdlib.h>

static bool
is_text(const redisReply *reply)
{
	return reply != NULL && reply->str != NULL &&
	    (reply->type == REDIS_REPLY_STRING ||
		reply->type == REDIS_REPLY_STATUS);
}

bool
redis_reply_int(const redisReply *reply, int64_t *n)
{
	const char *digits;
	long long value;
	char *end;

	if (reply != NULL && reply->type == REDIS_REPLY_INTEGER) {
		*n = reply->integer;
		return true;
	}
	if (!is_text(reply))
		return false;
	digits = reply->str + (reply->str[0] == '-');
	if (*digits < '0' || *digits > '9')
		return false;
	errno = 0;
	value = strtoll(reply->str, &end, 10);
	if (errno != 0 || end != reply->str + reply->len)
		return false;
	*n = value;
	return true;
}

bool
redis_reply_text(const redisReply *reply, const char **text, size_t *len)
{
	if (!is_text(reply))
		return false;
	*text = reply->str;
	*len = reply->len;
	return true;
}

const redisReply *
redis_reply_at(const redisReply *reply, size_t i)
{
	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY ||
	    i >= reply->elements)
		return NULL;
	return reply->element[i];
}

bool
redis_reply_is_nil(const redisReply *reply)
{
	return reply != NULL && reply->type == REDIS_REPLY_NIL;
}
