#include "lib/process/env.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

extern char **environ;

static void
env_drop(struct env *env, size_t at)
{
	const struct env *base = env->base;

	if (base == NULL || at >= base->len || env->item[at] != base->item[at])
		free(env->item[at]);
}

void
env_release(struct env *env)
{
	size_t i;

	if (env == NULL)
		return;
	for (i = 0; i < env->len; i++)
		env_drop(env, i);
	free(env->item);
	free(env->slot);
	*env = (struct env){ 0 };
}

const char *const *
env_items(const struct env *env)
{
	static const char *const none[] = { NULL };

	return env->item != NULL ? (const char *const *)env->item : none;
}

static bool
is_named(const char *item, const char *name, size_t len)
{
	return strncmp(item, name, len) == 0 && item[len] == '=';
}

/* The slot of a name, or the empty one where a search for it ends. */
static uint32_t *
env_slot(const struct env *env, const char *name, size_t len)
{
	size_t i = (size_t)hash_bytes(name, len, 0) & (env->room - 1);

	while (env->slot[i] != 0 &&
	    !is_named(env->item[env->slot[i] - 1], name, len))
		i = (i + 1) & (env->room - 1);
	return &env->slot[i];
}

static void
env_rehash(struct env *env, size_t room)
{
	size_t i;

	free(env->slot);
	env->slot = mem_zalloc(room, sizeof *env->slot);
	env->item = mem_realloc(env->item, room / 2 + 1, sizeof *env->item);
	env->room = room;
	for (i = 0; i < env->len; i++)
		*env_slot(env, env->item[i],
		    strcspn(env->item[i], "=")) = (uint32_t)(i + 1);
}

/* item is the environment's from here. */
static void
env_take(struct env *env, char *item)
{
	uint32_t *slot;

	if ((env->len + 1) * 2 > env->room)
		env_rehash(env, env->room != 0 ? env->room * 2 : 64);
	slot = env_slot(env, item, strcspn(item, "="));
	if (*slot != 0) {
		env_drop(env, *slot - 1);
		env->item[*slot - 1] = item;
		return;
	}
	env->item[env->len++] = item;
	env->item[env->len] = NULL;
	*slot = (uint32_t)env->len;
}

void
env_begin(struct env *env, const struct env *base)
{
	if (base->room == 0)
		return;
	*env = *base;
	env->base = base;
	env->slot = mem_dup(base->slot, base->room * sizeof *base->slot);
	env->item = mem_dup(
	    base->item, (base->room / 2 + 1) * sizeof *base->item);
}

void
env_put(struct env *env, const char *item)
{
	if (strchr(item, '=') != NULL)
		env_take(env, mem_strdup(item));
}

void
env_set(struct env *env, const char *name, const char *value)
{
	size_t key = strlen(name), len = strlen(value);
	char *item = mem_alloc(key + len + 2);

	memcpy(item, name, key);
	item[key] = '=';
	memcpy(item + key + 1, value, len + 1);
	env_take(env, item);
}

void
env_unset(struct env *env, const char *name)
{
	uint32_t *slot;
	size_t at;

	if (env->room == 0)
		return;
	slot = env_slot(env, name, strlen(name));
	if (*slot == 0)
		return;
	at = *slot - 1;
	free(env->item[at]);
	env->len--;
	memmove(env->item + at, env->item + at + 1,
	    (env->len + 1 - at) * sizeof *env->item);
	env_rehash(env, env->room);
}

const char *
env_find(const struct env *env, const char *name)
{
	size_t len = strlen(name);
	uint32_t *slot;

	if (env->room == 0)
		return NULL;
	slot = env_slot(env, name, len);
	return *slot != 0 ? env->item[*slot - 1] + len + 1 : NULL;
}

static bool
is_for_wjobs_alone(const char *item)
{
	return str_starts(item, "WJOBS_") || str_starts(item, "LISTEN_") ||
	    str_starts(item, "WATCHDOG_") || str_starts(item, "NOTIFY_SOCKET=");
}

void
env_inherit(struct env *env)
{
	char **item;

	for (item = environ; item != NULL && *item != NULL; item++)
		if (!is_for_wjobs_alone(*item))
			env_put(env, *item);
}

void
env_clean(struct env *env)
{
	/* asked once: it may go over the network, and a run must not wait */
	static char *home, *user;
	const struct passwd *passwd;

	if (user == NULL) {
		passwd = getpwuid(geteuid());
		home = mem_strdup(passwd != NULL ? passwd->pw_dir : "/");
		user = passwd != NULL ? mem_strdup(passwd->pw_name)
				      : mem_printf("%u", (unsigned)geteuid());
	}
	env_set(env, "HOME", home);
	env_set(env, "LOGNAME", user);
	env_set(env, "USER", user);
	env_set(env, "SHELL", "/bin/sh");
	env_set(env, "PATH", "/usr/bin:/bin");
}

/* The text of a file being read, and where in it we are. */
struct envfile {
	struct place at;
	const char *line, *end; /* without the newline */
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_name(const char *s, size_t n)
{
	size_t i;

	if (n == 0 || isdigit((unsigned char)s[0]))
		return false;
	for (i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '_')
			return false;
	return true;
}

static const char *
skip_blanks(const char *p, const char *end)
{
	while (p < end && is_blank(*p))
		p++;
	return p;
}

/* What \c stands for between double quotes; 0 where the \ stays. */
static char
unescape(char c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case 'r':
		return '\r';
	case '"':
	case '\\':
	case '$':
	case '`':
		return c;
	}
	return '\0';
}

/* A value that begins with its quote at p, up to the other one. */
static bool
parse_quoted(
    const struct envfile *file, const char *p, struct str *out, struct err *err)
{
	char quote = *p++;

	for (; p < file->end && *p != quote; p++) {
		if (quote == '"' && *p == '\\' && p + 1 < file->end &&
		    unescape(p[1]) != '\0')
			str_push(out, unescape(*++p));
		else
			str_push(out, *p);
	}
	if (p == file->end)
		return err_at(err, file->at, ERR_SYNTAX,
		    "a value that begins with %c does not end on its line",
		    quote);
	p = skip_blanks(p + 1, file->end);
	if (p < file->end)
		return err_at(err, file->at, ERR_SYNTAX,
		    "'%.*s' stands behind the value", (int)(file->end - p), p);
	return true;
}

static bool
parse_value(
    const struct envfile *file, const char *p, struct str *out, struct err *err)
{
	const char *end = file->end;

	p = skip_blanks(p, end);
	if (p < end && (*p == '"' || *p == '\''))
		return parse_quoted(file, p, out, err);
	while (end > p && is_blank(end[-1]))
		end--;
	str_addn(out, p, (size_t)(end - p));
	return true;
}

static bool
parse_line(struct env *env, const struct envfile *file, struct err *err)
{
	const char *p = skip_blanks(file->line, file->end), *equals, *name_end;
	struct str item = { 0 };

	if (p == file->end || *p == '#' || *p == ';')
		return true;
	if (file->end - p > 7 && strncmp(p, "export", 6) == 0 && is_blank(p[6]))
		p = skip_blanks(p + 7, file->end);
	equals = memchr(p, '=', (size_t)(file->end - p));
	name_end = equals != NULL ? equals : file->end;
	if (equals == NULL || !is_name(p, (size_t)(name_end - p)))
		return err_at(err, file->at, ERR_SYNTAX,
		    "'%.*s' is not NAME=value", (int)(file->end - p), p);
	str_addn(&item, p, (size_t)(equals + 1 - p));
	if (!parse_value(file, equals + 1, &item, err)) {
		str_release(&item);
		return false;
	}
	env_take(env, str_take(&item));
	return true;
}

static bool
parse_text(struct env *env, const char *path, const char *text, size_t len,
    struct err *err)
{
	struct envfile file = { .at = { .file = path, .line = 1 } };
	const char *p = text, *newline, *end = text + len;

	for (; p < end; p = newline + 1, file.at.line++) {
		newline = memchr(p, '\n', (size_t)(end - p));
		if (newline == NULL)
			newline = end;
		file.line = p;
		file.end = newline;
		if (file.end > p && file.end[-1] == '\r')
			file.end--;
		if (memchr(p, '\0', (size_t)(newline - p)) != NULL)
			return err_at(
			    err, file.at, ERR_SYNTAX, "a NUL byte in a value");
		if (!parse_line(env, &file, err))
			return false;
	}
	return true;
}

static bool
read_fd(int fd, const char *path, struct str *text, struct err *err)
{
	struct stat st;
	char buf[4096];
	ssize_t n;

	if (fstat(fd, &st) != 0)
		return err_sys(err, errno, "cannot read '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(
		    err, ERR_SYSTEM, "'%s' is no regular file", path);
	while ((n = read(fd, buf, sizeof buf)) > 0) {
		str_addn(text, buf, (size_t)n);
		if (text->len > ENV_FILE_MAX)
			return err_set(
			    err, ERR_RANGE, "'%s' is longer than 1 MiB", path);
	}
	return n == 0 || err_sys(err, errno, "cannot read '%s'", path);
}

bool
env_load(struct env *env, const char *path, struct err *err)
{
	struct str text = { 0 };
	struct env loaded = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	bool ok = false;
	size_t i;

	if (fd < 0)
		return err_sys(err, errno, "cannot open '%s'", path);
	if (!read_fd(fd, path, &text, err) ||
	    !parse_text(&loaded, path, str_text(&text), text.len, err))
		goto out;
	for (i = 0; i < loaded.len; i++)
		env_put(env, loaded.item[i]);
	ok = true;
out:
	close(fd);
	str_release(&text);
	env_release(&loaded);
	return ok;
}
