#include "lib/base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__ /* known once any of these was included */
#include <malloc.h>
#endif

static void *
mem_check(void *p)
{
	if (p != NULL)
		return p;
	fputs("wjobs: out of memory\n", stderr);
	abort();
}

void *
mem_alloc(size_t size)
{
	return mem_check(malloc(size != 0 ? size : 1));
}

void *
mem_zalloc(size_t n, size_t size)
{
	return mem_check(calloc(n != 0 ? n : 1, size != 0 ? size : 1));
}

void *
mem_realloc(void *p, size_t n, size_t size)
{
	if (n == 0 || size == 0)
		n = size = 1;
	return mem_check(reallocarray(p, n, size));
}

void *
mem_grow(void *p, size_t n, size_t size)
{
	if (n > SIZE_MAX / 2)
		mem_check(NULL);
	if (p == NULL) {
		size_t room = 1;

		while (room < n)
			room *= 2;
		return mem_realloc(NULL, room, size);
	}
	/* full exactly when the length before this push is a power of two */
	if (((n - 1) & (n - 2)) == 0)
		return mem_realloc(p, (n - 1) * 2 + (n == 1), size);
	return p;
}

char *
mem_strdup(const char *s)
{
	return s != NULL ? mem_check(strdup(s)) : NULL;
}

char *
mem_strndup(const char *s, size_t n)
{
	char *copy = mem_alloc(n + 1);

	memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

void *
mem_dup(const void *p, size_t size)
{
	void *copy = mem_alloc(size);

	if (size != 0)
		memcpy(copy, p, size);
	return copy;
}

void
mem_trim(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

char *
mem_printf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return mem_check(s);
}
