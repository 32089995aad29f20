#ifndef WJOBS_REDIS_ARGS_H
#define WJOBS_REDIS_ARGS_H

#include <stddef.h>
#include <stdint.h>

/*
 * A command for Redis as it grows: texts, blobs and numbers, copied into one
 * buffer. Zeroed is an empty one; it may be used again after redis_args_clear.
 * Keys are added by redis_args_key of redis_link.h.
 */
struct redis_args {
	char *buf;
	size_t len, size;
	size_t *end; /* of each argument in buf */
	size_t n, slots;
};

void redis_args_clear(struct redis_args *args); /* keeps the room */
void redis_args_release(struct redis_args *args);
void redis_args_text(struct redis_args *args, const char *text); /* NULL: "" */
void redis_args_blob(struct redis_args *args, const void *data, size_t n);
void redis_args_int(struct redis_args *args, int64_t n);

#endif
