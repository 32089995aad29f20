#include "lib/store/redis_args.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

void
redis_args_clear(struct redis_args *args)
{
	args->len = 0;
	args->n = 0;
}

void
redis_args_release(struct redis_args *args)
{
	free(args->buf);
	free(args->end);
	*args = (struct redis_args){ 0 };
}

void
redis_args_blob(struct redis_args *args, const void *data, size_t n)
{
	if (args->size - args->len < n) {
		args->size = (args->len + n) * 2;
		args->buf = mem_realloc(args->buf, args->size, 1);
	}
	if (args->n == args->slots) {
		args->slots = args->slots * 2 + 16;
		args->end = mem_realloc(
		    args->end, args->slots, sizeof *args->end);
	}
	if (n != 0)
		memcpy(args->buf + args->len, data, n);
	args->len += n;
	args->end[args->n++] = args->len;
}

void
redis_args_text(struct redis_args *args, const char *text)
{
	redis_args_blob(args, text, text != NULL ? strlen(text) : 0);
}

void
redis_args_int(struct redis_args *args, int64_t n)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRId64, n);
	redis_args_text(args, text);
}
