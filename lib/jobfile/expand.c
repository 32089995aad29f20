#include "lib/jobfile/expand.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

#define WORD "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789"

bool
expand_has_any(const char *text)
{
	/* most texts have no dollar at all */
	return strchr(text, '$') != NULL && strstr(text, "${") != NULL;
}

/* The variable of n letters at s; unset is NULL. */
static const char *
expand_variable(const char *s, size_t n)
{
	char *name = mem_strndup(s, n);
	const char *value = getenv(name);

	free(name);
	return value;
}

/* s is behind "${" and end at its "}". */
static bool
expand_one(const char *s, const char *end, bool may_miss, struct str *out,
    struct err *err)
{
	size_t n = strspn(s, WORD);
	const char *value;
	bool has_else;

	if (n > (size_t)(end - s))
		n = (size_t)(end - s);
	has_else = strncmp(s + n, ":-", 2) == 0;
	if (n == 0 || (*s >= '0' && *s <= '9') || (s + n != end && !has_else))
		return err_set(err, ERR_SYNTAX,
		    "'${%.*s}' is not ${VAR} or ${VAR:-else}; a literal one "
		    "is written $${",
		    (int)(end - s), s);
	value = expand_variable(s, n);
	if (has_else && (value == NULL || *value == '\0'))
		str_addn(out, s + n + 2, (size_t)(end - s) - n - 2);
	else if (value != NULL)
		str_add(out, value);
	else if (may_miss)
		str_addn(out, s - 2, (size_t)(end - s) + 3);
	else
		return err_set(err, ERR_SYNTAX,
		    "the variable '%.*s' is not set: set it, or write "
		    "${%.*s:-else}",
		    (int)n, s, (int)n, s);
	return true;
}

void
expand_each(const char *text, expand_fn *each, void *data)
{
	const char *s = text;

	while ((s = strstr(s, "${")) != NULL) {
		s += 2;
		if (s - text < 3 || s[-3] != '$')
			each(data, s, strspn(s, WORD));
	}
}

bool
expand_text(const char *text, bool may_miss, struct str *out, struct err *err)
{
	const char *s = text, *end;

	while (*s != '\0') {
		if (strncmp(s, "$${", 3) == 0) {
			str_add(out, "${");
			s += 3;
		} else if (strncmp(s, "${", 2) == 0) {
			if ((end = strchr(s, '}')) == NULL)
				return err_set(err, ERR_SYNTAX,
				    "'${' is never closed; a literal one is "
				    "written $${");
			if (!expand_one(s + 2, end, may_miss, out, err))
				return false;
			s = end + 1;
		} else {
			str_push(out, *s++);
		}
	}
	return true;
}
