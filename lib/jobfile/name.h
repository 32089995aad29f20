#ifndef WJOBS_NAME_H
#define WJOBS_NAME_H

#include <stdbool.h>

/* The rule for names of jobs and handlers. */
#define NAME_MAX_LEN 64
#define NAME_RULE    "[A-Za-z_][A-Za-z0-9._-]{0,63}"

bool name_is_valid(const char *name);
/* May a name hold this letter; is_first: begin with it? */
bool name_may_hold(char c, bool is_first);

#endif
