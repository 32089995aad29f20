#ifndef WJOBS_ENV_H
#define WJOBS_ENV_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

/*
 * The environment of a child, built up; later values replace earlier ones.
 * Zeroed is empty.
 */
struct env {
	char **item; /* "NAME=value", NULL-terminated; for spawn's envp */
	size_t len;
	uint32_t *slot; /* by hash of the name: its place in item, plus 1 */
	size_t room;
	const struct env *base; /* whose items stand where it has them */
};

/* What env_load reads at most. */
#define ENV_FILE_MAX (1 << 20)

void env_release(struct env *env);
/*
 * An empty one becomes what base is, which lives longer: nothing is copied but
 * what is changed later. Not for env_unset.
 */
void env_begin(struct env *env, const struct env *base);
/*
 * wjobs' own environment without what is meant for wjobs alone: its settings
 * (WJOBS_*), and what a service manager tells a service (NOTIFY_SOCKET,
 * WATCHDOG_*, LISTEN_*).
 */
void env_inherit(struct env *env);
/* cron's: HOME LOGNAME USER SHELL PATH of the user who runs wjobs. */
void env_clean(struct env *env);
void env_set(struct env *env, const char *name, const char *value);
void env_put(struct env *env, const char *item); /* "NAME=value", copied */
void env_unset(struct env *env, const char *name);
const char *env_find(const struct env *env, const char *name); /* or NULL */
/* NULL-terminated also while empty; borrowed until the next change. */
const char *const *env_items(const struct env *env);
/*
 * NAME=value lines of a regular file, as systemd's EnvironmentFile and
 * docker's --env-file have them: blank lines, lines that begin with # or ;,
 * an optional `export `, values bare (blanks at their end cut), '...' as it
 * is, or "..." with \n, \t, \r, \", \\, \$ and \`. Each value ends on its line.
 * On failure env is left alone and the error names file and line.
 */
bool env_load(struct env *env, const char *path, struct err *err) MUST_CHECK;

#endif
