#ifndef WJOBS_ENV_H
#define WJOBS_ENV_H

#include <stddef.h>

#include "lib/base/err.h"

/*
 * The environment of a child, built up; later values replace earlier ones.
 * Zeroed is empty.
 */
struct env {
	char **item; /* "NAME=value", NULL-terminated; for spawn's envp */
	size_t len;
};

void env_release(struct env *env);
/* wjobs' own environment without its settings and secrets (WJOBS_*, ...). */
void env_inherit(struct env *env);
/* cron's: HOME LOGNAME USER SHELL PATH of the user who runs wjobs. */
void env_clean(struct env *env);
void env_set(struct env *env, const char *name, const char *value);
void env_put(struct env *env, const char *item); /* "NAME=value", copied */
const char *env_find(const struct env *env, const char *name); /* or NULL */
/*
 * NAME=value lines of a file, as systemd's EnvironmentFile and docker's
 * --env-file have them: blank lines and # comments, an optional `export `,
 * values bare, '...' or "..." with \ escapes. Bounded to 1 MiB. Errors name
 * file and line.
 */
bool env_load(struct env *env, const char *path, struct err *err) MUST_CHECK;

#endif
