#ifndef WJOBS_REDIS_REPLY_H
#define WJOBS_REDIS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

/*
 * Replies, type-checked: a server may answer anything. False or NULL where the
 * reply, which may be NULL, is not of that kind; outputs are then untouched.
 */
/* An integer, or a text that is one. */
bool redis_reply_int(const redisReply *reply, int64_t *n);
/* A text, NUL-terminated; it may hold NULs, and lives as long as the reply. */
bool redis_reply_text(const redisReply *reply, const char **text, size_t *len);
/* Element i of an array. */
const redisReply *redis_reply_at(const redisReply *reply, size_t i);
bool redis_reply_is_nil(const redisReply *reply);

#endif
