#include "lib/jobfile/loader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/str.h"

#undef loader_error /* what the analyzer is told in its stead */

void
loader_push(struct loader *l, const char *key)
{
	if (l->path_len < LOADER_PATH_MAX)
		l->path[l->path_len] = key;
	l->path_len++;
}

void
loader_pop(struct loader *l)
{
	l->path_len--;
}

/* The path of keys and the message, made safe for a terminal. */
static void
loader_add(
    struct loader *l, struct errlist *list, struct place at, const char *msg)
{
	struct str text = { 0 }, visible = { 0 };
	struct err err;
	size_t i;

	for (i = 0; i < l->path_len && i < LOADER_PATH_MAX; i++)
		str_addf(&text, "%s%s", i != 0 ? "." : "", l->path[i]);
	if (text.len != 0)
		str_add(&text, ": ");
	str_add(&text, msg);
	str_add_visible(&visible, str_text(&text), text.len, false);
	err_at(&err, at, ERR_CONFIG, "%s", str_text(&visible));
	errlist_add(list, &err);
	str_release(&text);
	str_release(&visible);
}

bool
loader_error(struct loader *l, struct place at, const char *fmt, ...)
{
	char *msg = NULL;
	va_list ap;

	/* beyond what is kept, only their number is */
	if (l->errors->len == ERRLIST_MAX) {
		l->errors->dropped++;
		return false;
	}
	va_start(ap, fmt);
	if (vasprintf(&msg, fmt, ap) < 0)
		msg = NULL;
	va_end(ap);
	loader_add(l, l->errors, at, msg != NULL ? msg : fmt);
	free(msg);
	return false;
}

void
loader_warn(struct loader *l, struct place at, const char *fmt, ...)
{
	char *msg = NULL;
	va_list ap;

	if (l->warnings == NULL)
		return;
	va_start(ap, fmt);
	if (vasprintf(&msg, fmt, ap) < 0)
		msg = NULL;
	va_end(ap);
	loader_add(l, l->warnings, at, msg != NULL ? msg : fmt);
	free(msg);
}

bool
loader_fail(struct loader *l, struct place at, const struct err *err)
{
	if (err->line != 0) {
		at.line = err->line;
		at.col = err->col;
	}
	loader_add(l, l->errors, at, err->msg);
	return false;
}

/* A key of a job in a handler, or the other way round. */
static void
loader_foreign(struct loader *l, const struct key *key, struct place at)
{
	if (key->of == KEY_OF_HANDLER)
		loader_error(
		    l, at, "'%s' is a key of handlers alone", key->name);
	else if (key->offset == offsetof(struct job, input))
		loader_error(l, at,
		    "a handler has no '%s': the payload of its work is its "
		    "standard input",
		    key->name);
	else if (key->type == KEY_LOCK)
		loader_error(l, at,
		    "'%s' is not known yet to handlers of this version of "
		    "wjobs: its command may be wjobs lock KEY -- COMMAND",
		    key->name);
	else
		loader_error(l, at,
		    "'%s' means nothing to a handler, which runs when work is "
		    "put in",
		    key->name);
}

/* The key may be the file's in a job, or a job's at the top of the file. */
static const char *
loader_belongs(const char *name, bool is_job)
{
	const struct key *key = keys_find(is_job ? keys_file : keys_job,
	    is_job ? keys_file_len : keys_job_len, NULL, name);

	if (key == NULL)
		return NULL;
	if (is_job)
		return "at the top of the file";
	if (key->type == KEY_HOOK || key->type == KEY_REPEAT)
		return "into 'hooks', or into a job";
	return key->of == KEY_OF_HANDLER ? "into a handler" : "into a job";
}

void
loader_unknown(struct loader *l, const struct yaml_node *name, bool is_job,
    const char *group)
{
	const struct key *keys = is_job ? keys_job : keys_file;
	size_t n = is_job ? keys_job_len : keys_file_len;
	const struct key *key = keys_find(keys, n, group, name->text);
	unsigned of = is_job ? l->set->of : ~0u;
	const char *near = keys_nearest(keys, n, of, group, name->text);
	const char *belongs = loader_belongs(name->text, is_job);
	struct place at = loader_place(l, name);

	if (key != NULL)
		loader_foreign(l, key, at);
	else if (keys_is_later(group, name->text, is_job))
		loader_error(l, at,
		    "'%s' is not known yet to this version of wjobs",
		    name->text);
	else if (near != NULL)
		loader_error(l, at, "unknown key '%s': did you mean '%s'?",
		    name->text, near);
	else if (group == NULL && belongs != NULL)
		loader_error(l, at, "unknown key '%s': it belongs %s",
		    name->text, belongs);
	else
		loader_error(l, at, "unknown key '%s'", name->text);
}
