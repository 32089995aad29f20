#include "lib/store/redis_greet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/redis_error.h"
#include "lib/store/redis_reply.h"

#define PASSWORD_MAX 4096

/* ---- the password file */

/* As ssh treats a key: what is ours must be closed to all others. */
static bool
check_file(int fd, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_sys(err, errno, "cannot read '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_CONFIG,
		    "the password file '%s' is no regular file", path);
	if (st.st_uid == geteuid() && (st.st_mode & 077) != 0)
		return err_set(err, ERR_CONFIG,
		    "the password file '%s' can be read or written by others: "
		    "close it with chmod 600",
		    path);
	return true;
}

/* The file's one line into text, of PASSWORD_MAX + 2 bytes that are zero. */
static bool
read_line(int fd, const char *path, char *text, struct err *err)
{
	ssize_t n = read(fd, text, PASSWORD_MAX + 1);

	if (n < 0)
		return err_sys(err, errno, "cannot read '%s'", path);
	if (n > PASSWORD_MAX)
		return err_set(err, ERR_CONFIG,
		    "the password file '%s' is longer than %d bytes", path,
		    PASSWORD_MAX);
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		text[--n] = '\0';
	if (n == 0)
		return err_set(
		    err, ERR_CONFIG, "the password file '%s' is empty", path);
	if (strlen(text) != (size_t)n || strchr(text, '\n') != NULL)
		return err_set(err, ERR_CONFIG,
		    "the password file '%s' has more than one line", path);
	return true;
}

/* The caller's to wipe and free, or NULL. */
static char *
read_password(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *text;

	if (fd < 0) {
		err_sys(err, errno, "cannot open the password file '%s'", path);
		err->code = ERR_CONFIG;
		return NULL;
	}
	text = mem_zalloc(PASSWORD_MAX + 2, 1);
	if (!check_file(fd, path, err) || !read_line(fd, path, text, err)) {
		free(text);
		text = NULL;
	}
	close(fd);
	return text;
}

/* ---- what is said */

static void
say(struct str *out, const char *word)
{
	str_addf(out, "$%zu\r\n%s\r\n", strlen(word), word);
}

/* AUTH [user] password; nothing where there is neither. */
static bool
say_auth(
    struct str *out, const struct redis_url *url, int *said, struct err *err)
{
	char *password = mem_strdup(url->password);

	if (url->password_file != NULL &&
	    (password = read_password(url->password_file, err)) == NULL)
		return false;
	if (password == NULL && url->user != NULL)
		password = mem_strdup("");
	if (password == NULL)
		return true;
	str_addf(out, "*%d\r\n", url->user != NULL ? 3 : 2);
	say(out, "AUTH");
	if (url->user != NULL)
		say(out, url->user);
	say(out, password);
	explicit_bzero(password, strlen(password));
	free(password);
	++*said;
	return true;
}

/* A name of a connection has no blanks. */
static void
say_name(struct str *out, const char *name)
{
	char *word = mem_strdup(name), *p;

	for (p = word; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			*p = '-';
	str_add(out, "*3\r\n");
	say(out, "CLIENT");
	say(out, "SETNAME");
	say(out, word);
	free(word);
}

/* ---- what is answered */

static bool
refuse(struct redis_wire *wire, redisReply *reply, struct err *err)
{
	redis_error_explain(wire->shown, reply->str, err);
	freeReplyObject(reply);
	return false;
}

/* Any reply but an error will do. */
static bool
take_ok(struct redis_wire *wire, struct err *err)
{
	redisReply *reply;

	if (!redis_wire_get(wire, &reply, err))
		return false;
	if (reply->type == REDIS_REPLY_ERROR)
		return refuse(wire, reply, err);
	freeReplyObject(reply);
	return true;
}

/* The value of a name in HELLO's list of names and values; "" if none. */
static const char *
hello_find(const redisReply *reply, const char *name)
{
	const char *text;
	size_t i, n;

	for (i = 0; i + 1 < reply->elements; i += 2)
		if (redis_reply_text(redis_reply_at(reply, i), &text, &n) &&
		    strcmp(text, name) == 0 &&
		    redis_reply_text(redis_reply_at(reply, i + 1), &text, &n))
			return text;
	return "";
}

static bool
is_old(const char *version)
{
	char *end;
	long major = strtol(version, &end, 10), minor = 0;

	if (*end == '.')
		minor = strtol(end + 1, NULL, 10);
	return major < REDIS_MAJOR ||
	    (major == REDIS_MAJOR && minor < REDIS_MINOR);
}

static bool
refuse_version(struct redis_wire *wire, const char *version, struct err *err)
{
	struct str visible = { 0 };

	str_add_visible(&visible, version, strcspn(version, "\r\n"), false);
	err_set(err, ERR_CONFIG,
	    "'%s' is Redis %.40s; wjobs needs %d.%d or newer", wire->shown,
	    str_text(&visible), REDIS_MAJOR, REDIS_MINOR);
	str_release(&visible);
	return false;
}

/* A server without HELLO is older than 6.0, and says how old elsewhere. */
static bool
refuse_without_hello(struct redis_wire *wire, struct err *err)
{
	static const char ask[] = "*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n";
	const char *text = "", *found;
	redisReply *reply;
	size_t n;

	redis_wire_put(wire, ask, sizeof ask - 1);
	if (!redis_wire_get(wire, &reply, err))
		return false;
	if (reply->type == REDIS_REPLY_ERROR)
		return refuse(wire, reply, err);
	redis_reply_text(reply, &text, &n);
	found = strstr(text, "redis_version:");
	refuse_version(
	    wire, found != NULL ? found + 14 : "of unknown age", err);
	freeReplyObject(reply);
	return false;
}

static bool
take_hello(struct redis_wire *wire, bool *is_unknown, struct err *err)
{
	redisReply *reply;
	bool is_good;

	if (!redis_wire_get(wire, &reply, err))
		return false;
	*is_unknown = reply->type == REDIS_REPLY_ERROR &&
	    str_starts(reply->str, "ERR unknown command");
	if (*is_unknown) {
		freeReplyObject(reply);
		return true;
	}
	if (reply->type == REDIS_REPLY_ERROR)
		return refuse(wire, reply, err);
	if (reply->type != REDIS_REPLY_ARRAY)
		is_good = err_set(err, ERR_UNREACHABLE,
		    "'%s' does not answer as a Redis does", wire->shown);
	else if (is_old(hello_find(reply, "version")))
		is_good = refuse_version(
		    wire, hello_find(reply, "version"), err);
	else if (strcmp(hello_find(reply, "mode"), "sentinel") == 0)
		is_good = err_set(err, ERR_CONFIG,
		    "'%s' is a sentinel, not a Redis that keeps data",
		    wire->shown);
	else
		is_good = true;
	freeReplyObject(reply);
	return is_good;
}

/* Whether a connection may have a name is of no weight. */
static bool
take_any(struct redis_wire *wire, struct err *err)
{
	redisReply *reply;

	if (!redis_wire_get(wire, &reply, err))
		return false;
	freeReplyObject(reply);
	return true;
}

static bool
take_answers(
    struct redis_wire *wire, bool has_auth, bool has_select, struct err *err)
{
	bool is_unknown = false;

	if ((has_auth && !take_ok(wire, err)) ||
	    !take_hello(wire, &is_unknown, err) ||
	    (has_select && !take_ok(wire, err)) || !take_any(wire, err))
		return false;
	return !is_unknown || refuse_without_hello(wire, err);
}

bool
redis_greet(struct redis_wire *wire, const struct redis_url *url,
    const char *name, struct err *err)
{
	struct str out = { 0 };
	char db[12];
	int auths = 0;
	bool is_good = say_auth(&out, url, &auths, err);

	if (is_good) {
		str_add(&out, "*2\r\n$5\r\nHELLO\r\n$1\r\n2\r\n");
		if (url->db != 0) {
			snprintf(db, sizeof db, "%d", url->db);
			str_add(&out, "*2\r\n");
			say(&out, "SELECT");
			say(&out, db);
		}
		say_name(&out, name);
		redis_wire_put(wire, str_text(&out), out.len);
		explicit_bzero(out.s, out.len);
		is_good = take_answers(wire, auths != 0, url->db != 0, err);
	}
	str_release(&out);
	if (!is_good)
		redis_wire_close(wire);
	return is_good;
}
