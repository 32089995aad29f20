#include "lib/jobfile/name.h"

#include <string.h>

bool
name_may_hold(char c, bool is_first)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_')
		return true;
	return !is_first && ((c >= '0' && c <= '9') || c == '.' || c == '-');
}

bool
name_is_valid(const char *name)
{
	const char *p;

	for (p = name; *p != '\0'; p++)
		if (!name_may_hold(*p, p == name))
			return false;
	return p != name && p - name <= NAME_MAX_LEN;
}
