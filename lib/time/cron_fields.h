#ifndef WJOBS_CRON_FIELDS_H
#define WJOBS_CRON_FIELDS_H

#include "lib/base/err.h"

struct cron;

/* Five or six fields, with no @ name: for cron_parse, which says the rest. */
bool cron_fields(const char *text, const char *name, struct place at,
    struct cron *cron, struct err *err) MUST_CHECK;

/* Expressions may be broken into lines, and their fields stand far apart. */
static inline bool
cron_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static inline const char *
cron_skip_blanks(const char *p)
{
	while (cron_is_blank(*p))
		p++;
	return p;
}

static inline const char *
cron_skip_word(const char *p)
{
	while (*p != '\0' && !cron_is_blank(*p))
		p++;
	return p;
}

#endif
