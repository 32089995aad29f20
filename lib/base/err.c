#include "lib/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

/* What the analyzer is told in their stead; see err.h. */
#undef err_set
#undef err_sys
#undef err_at
#undef err_prefix

static void
err_fill(struct err *err, enum err_code code, int sys, struct place at,
    const char *fmt, va_list ap)
{
	err->code = code;
	err->sys = sys;
	err->line = at.line;
	err->col = at.col;
	snprintf(
	    err->file, sizeof err->file, "%s", at.file != NULL ? at.file : "");
	vsnprintf(err->msg, sizeof err->msg, fmt, ap);
}

bool
err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_fill(err, code, 0, (struct place){ 0 }, fmt, ap);
	va_end(ap);
	return false;
}

bool
err_sys(struct err *err, int sys, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	err_fill(err, ERR_SYSTEM, sys, (struct place){ 0 }, fmt, ap);
	va_end(ap);
	len = strlen(err->msg);
	snprintf(err->msg + len, sizeof err->msg - len, ": %s", strerror(sys));
	return false;
}

bool
err_at(
    struct err *err, struct place at, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_fill(err, code, 0, at, fmt, ap);
	va_end(ap);
	return false;
}

bool
err_prefix(struct err *err, const char *fmt, ...)
{
	char old[sizeof err->msg];
	va_list ap;
	size_t len;

	memcpy(old, err->msg, sizeof old);
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof err->msg, fmt, ap);
	va_end(ap);
	len = strlen(err->msg);
	snprintf(err->msg + len, sizeof err->msg - len, ": %s", old);
	return false;
}

size_t
err_format(const struct err *err, char *buf, size_t size)
{
	int n;

	if (err->file[0] == '\0')
		n = snprintf(buf, size, "%s", err->msg);
	else if (err->line == 0)
		n = snprintf(buf, size, "%s: %s", err->file, err->msg);
	else
		n = snprintf(buf, size, "%s:%d:%d: %s", err->file, err->line,
		    err->col, err->msg);
	return n < 0 ? 0 : (size_t)n;
}

struct place
place_right(struct place at, size_t n)
{
	if (at.line != 0)
		at.col += (int)n;
	return at;
}

void
errlist_add(struct errlist *list, const struct err *err)
{
	if (list->len == ERRLIST_MAX) {
		list->dropped++;
		return;
	}
	list->item = mem_grow(list->item, list->len + 1, sizeof *list->item);
	list->item[list->len++] = *err;
}

void
errlist_release(struct errlist *list)
{
	free(list->item);
	*list = (struct errlist){ 0 };
}
