#ifndef WJOBS_MEM_H
#define WJOBS_MEM_H

#include <stddef.h>

#include "lib/base/err.h"

/*
 * Memory that is never NULL: when there is none left, these print a line and
 * abort. What they return is the caller's, to free(3).
 */
void *mem_alloc(size_t size);
void *mem_zalloc(size_t n, size_t size);
void *mem_realloc(void *p, size_t n, size_t size);
/*
 * Make room for at least n items of size bytes. The room doubles at powers of
 * two, so growing an array one by one is linear; call it with len + 1 before
 * each push, and only so, since the room is derived from n.
 */
void *mem_grow(void *p, size_t n, size_t size);
char *mem_strdup(const char *s); /* NULL gives NULL */
char *mem_strndup(const char *s, size_t n);
void *mem_dup(const void *p, size_t size);
/* Give what is free back to the system, after much of it was in use. */
void mem_trim(void);
char *mem_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
