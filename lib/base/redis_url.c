/*
 * The parts of a URL are told apart first, by the first of / ? # and the last @
 * before it, and decoded then. A password with one of these in it would be cut
 * in two, and its second half be taken for a port, a path or a parameter: so no
 * error quotes more than what cannot be a part of it.
 */
#include "lib/base/redis_url.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

#define DIGITS   "0123456789"
#define LETTERS  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define TEXT_MAX 4096

enum { SCHEME_PLAIN, SCHEME_TLS, SCHEME_UNIX };

static const char *const scheme[] = {
	[SCHEME_PLAIN] = "redis://",
	[SCHEME_TLS] = "rediss://",
	[SCHEME_UNIX] = "redis+unix://",
};

/* A piece of the text. */
struct span {
	const char *s;
	size_t n;
};

static struct span
span_to(const char *s, const char *end)
{
	return (struct span){ s, (size_t)(end - s) };
}

static const char *
span_find(struct span span, char c)
{
	return span.n != 0 ? memchr(span.s, c, span.n) : NULL;
}

static bool
span_is(struct span span, const char *text)
{
	return strlen(text) == span.n && memcmp(span.s, text, span.n) == 0;
}

bool
redis_url_is(const char *text)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(scheme); i++)
		if (str_starts(text, scheme[i]))
			return true;
	return false;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The caller's, or NULL. `what` is the part's name for the error. */
static char *
decode(struct span in, const char *what, struct err *err)
{
	struct str out = { 0 };
	size_t i;

	for (i = 0; i < in.n; i++) {
		char c = in.s[i];

		if (c == '%') {
			int high = i + 2 < in.n ? hex_digit(in.s[i + 1]) : -1;
			int low = i + 2 < in.n ? hex_digit(in.s[i + 2]) : -1;

			if (high < 0 || low < 0) {
				err_set(err, ERR_CONFIG,
				    "in %s of the Redis URL a '%%' is not "
				    "followed by two hexadecimal digits; a "
				    "'%%' itself is written %%25",
				    what);
				goto bad;
			}
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c == '\0') {
			err_set(err, ERR_CONFIG,
			    "in %s of the Redis URL there is a NUL", what);
			goto bad;
		}
		str_push(&out, c);
	}
	return str_take(&out);
bad:
	str_release(&out);
	return NULL;
}

/* Digits without a zero before them, from min to max. */
static bool
read_number(struct span in, int min, int max, int *number)
{
	long n = 0;
	size_t i;

	if (in.n == 0 || in.n > 6 || (in.s[0] == '0' && in.n > 1))
		return false;
	for (i = 0; i < in.n; i++) {
		if (in.s[i] < '0' || in.s[i] > '9')
			return false;
		n = n * 10 + (in.s[i] - '0');
	}
	if (n < min || n > max)
		return false;
	*number = (int)n;
	return true;
}

static bool
read_db(struct span in, struct redis_url *url, struct err *err)
{
	if (!read_number(in, 0, REDIS_URL_DB_MAX, &url->db))
		return err_set(err, ERR_CONFIG,
		    "the database of the Redis URL is not a number from 0 to "
		    "%d",
		    REDIS_URL_DB_MAX);
	return true;
}

/* user:password; either may be missing. */
static bool
read_user(struct span in, struct redis_url *url, struct err *err)
{
	const char *colon = span_find(in, ':');
	struct span user = colon != NULL ? span_to(in.s, colon) : in;

	if (user.n != 0 && (url->user = decode(user, "the user", err)) == NULL)
		return false;
	if (colon == NULL || colon + 1 == in.s + in.n)
		return true;
	url->password = decode(
	    span_to(colon + 1, in.s + in.n), "the password", err);
	return url->password != NULL;
}

/* [v6], whose zone (%25eth0) is getaddrinfo's to know. */
static bool
read_address(struct span in, struct redis_url *url, struct err *err)
{
	char *address = decode(in, "the host", err), *zone;
	struct in6_addr parsed;
	bool is_good;

	if (address == NULL)
		return false;
	if ((zone = strchr(address, '%')) != NULL)
		*zone = '\0';
	is_good = inet_pton(AF_INET6, address, &parsed) == 1 &&
	    (zone == NULL ||
		(zone[1] != '\0' &&
		    zone[1 + strspn(zone + 1, LETTERS DIGITS "._-")] == '\0'));
	if (zone != NULL)
		*zone = '%';
	if (!is_good) {
		free(address);
		return err_set(err, ERR_CONFIG,
		    "what stands in the brackets of the Redis URL is no IPv6 "
		    "address");
	}
	url->host = address;
	return true;
}

static bool
read_name(struct span in, struct redis_url *url, struct err *err)
{
	if (in.n == 0)
		return err_set(err, ERR_CONFIG,
		    "the Redis URL has no host: write redis://host or "
		    "redis://:password@host");
	if ((url->host = decode(in, "the host", err)) == NULL)
		return false;
	if (url->host[strspn(url->host, LETTERS DIGITS "._-")] != '\0' ||
	    strlen(url->host) > 253)
		return err_set(err, ERR_CONFIG,
		    "the host of the Redis URL is no name of letters, digits, "
		    "'.', '-' and '_'");
	return true;
}

static bool
read_host(struct span in, struct redis_url *url, struct err *err)
{
	const char *end = in.s + in.n, *colon = span_find(in, ':'), *bracket;

	if (in.n != 0 && in.s[0] == '[') {
		if ((bracket = span_find(in, ']')) == NULL)
			return err_set(err, ERR_CONFIG,
			    "the '[' of the Redis URL is never closed");
		if (!read_address(span_to(in.s + 1, bracket), url, err))
			return false;
		if (bracket + 1 == end)
			return true;
		colon = bracket[1] == ':' ? bracket + 1 : NULL;
		if (colon == NULL)
			return err_set(err, ERR_CONFIG,
			    "only a port may follow the ']' of the Redis URL");
	} else {
		if (colon != NULL &&
		    span_find(span_to(colon + 1, end), ':') != NULL)
			return err_set(err, ERR_CONFIG,
			    "the host of the Redis URL has two colons: an IPv6 "
			    "address stands in brackets, as in redis://[::1]");
		if (!read_name(
			colon != NULL ? span_to(in.s, colon) : in, url, err))
			return false;
	}
	if (colon != NULL &&
	    !read_number(span_to(colon + 1, end), 1, 65535, &url->port))
		return err_set(err, ERR_CONFIG,
		    "the port of the Redis URL is not a number from 1 to "
		    "65535");
	return true;
}

/* user@, and for a socket nothing more. */
static bool
read_authority(
    struct span in, bool is_unix, struct redis_url *url, struct err *err)
{
	const char *at = in.n != 0 ? memrchr(in.s, '@', in.n) : NULL;
	struct span host = in;

	if (at != NULL) {
		if (!read_user(span_to(in.s, at), url, err))
			return false;
		host = span_to(at + 1, in.s + in.n);
	}
	if (!is_unix)
		return read_host(host, url, err);
	if (host.n != 0)
		return err_set(err, ERR_CONFIG,
		    "a Redis URL of a socket has no host: write "
		    "redis+unix:///path");
	return true;
}

static bool
read_socket(struct span in, struct redis_url *url, struct err *err)
{
	struct sockaddr_un address;

	if ((url->socket = decode(in, "the path", err)) == NULL)
		return false;
	if (in.n < 2 || url->socket[strlen(url->socket) - 1] == '/')
		return err_set(err, ERR_CONFIG,
		    "the Redis URL names no socket: write redis+unix:///path");
	if (strlen(url->socket) >= sizeof address.sun_path)
		return err_set(err, ERR_CONFIG,
		    "the path of a socket has at most %zu bytes",
		    sizeof address.sun_path - 1);
	return true;
}

/* /db, or the path of a socket. */
static bool
read_path(struct span in, bool is_unix, struct redis_url *url, struct err *err)
{
	if (is_unix)
		return read_socket(in, url, err);
	if (in.n <= 1)
		return true;
	return read_db(span_to(in.s + 1, in.s + in.n), url, err);
}

static bool
read_prefix(struct span in, struct redis_url *url, struct err *err)
{
	const unsigned char *p;

	if ((url->prefix = decode(in, "the prefix", err)) == NULL)
		return false;
	for (p = (const unsigned char *)url->prefix; *p != '\0'; p++)
		if (*p < ' ' || *p == 0x7f || *p == '{' || *p == '}')
			return err_set(err, ERR_CONFIG,
			    "the prefix of the Redis URL must hold no braces "
			    "and no control characters");
	if (p == (const unsigned char *)url->prefix ||
	    strlen(url->prefix) > 128)
		return err_set(err, ERR_CONFIG,
		    "the prefix of the Redis URL must have 1 to 128 bytes");
	return true;
}

static bool
read_password_file(struct span in, struct redis_url *url, struct err *err)
{
	url->password_file = decode(in, "password_file", err);
	if (url->password_file == NULL)
		return false;
	if (url->password_file[0] != '/')
		return err_set(err, ERR_CONFIG,
		    "password_file of the Redis URL must be an absolute path");
	if (url->password != NULL)
		return err_set(err, ERR_CONFIG,
		    "the Redis URL has both a password and a password_file");
	return true;
}

typedef bool read_fn(struct span in, struct redis_url *url, struct err *err);
static read_fn *const reader[] = { read_db, read_password_file, read_prefix };
static const char *const parameter[] = { "db", "password_file", "prefix" };

static bool
unknown_parameter(struct span name, struct err *err)
{
	char *word = mem_strndup(name.s, name.n < 64 ? name.n : 64);
	const char *near = str_nearest(word, parameter, ARRAY_LEN(parameter));
	struct str visible = { 0 };

	str_add_visible(&visible, word, strlen(word), false);
	err_set(err, ERR_CONFIG,
	    "the Redis URL has an unknown parameter '%s': %s%s%s",
	    str_text(&visible), near != NULL ? "did you mean '" : "there are ",
	    near != NULL ? near : "prefix, password_file and db",
	    near != NULL ? "'?" : "");
	str_release(&visible);
	free(word);
	return false;
}

/* name=value; `seen` has a bit for each that was there already. */
static bool
read_parameter(
    struct span in, unsigned *seen, struct redis_url *url, struct err *err)
{
	const char *equals = span_find(in, '=');
	struct span name = equals != NULL ? span_to(in.s, equals) : in;
	size_t i = 0;

	while (i < ARRAY_LEN(parameter) && !span_is(name, parameter[i]))
		i++;
	if (i == ARRAY_LEN(parameter))
		return unknown_parameter(name, err);
	if ((*seen & 1u << i) != 0)
		return err_set(err, ERR_CONFIG, "the Redis URL has two of '%s'",
		    parameter[i]);
	*seen |= 1u << i;
	if (equals == NULL || equals + 1 == in.s + in.n)
		return err_set(err, ERR_CONFIG,
		    "the Redis URL has '%s' without a value", parameter[i]);
	return reader[i](span_to(equals + 1, in.s + in.n), url, err);
}

static bool
read_query(struct span in, bool has_db, struct redis_url *url, struct err *err)
{
	unsigned seen = has_db ? 1 : 0; /* db is the first parameter */
	const char *end = in.s + in.n, *s = in.s, *next;

	while (s < end) {
		next = span_find(span_to(s, end), '&');
		if (next == NULL)
			next = end;
		if (!read_parameter(span_to(s, next), &seen, url, err))
			return false;
		s = next < end ? next + 1 : end;
	}
	return true;
}

/* What no part of it may hold, whatever it is. */
static bool
check_text(const char *text, struct err *err)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p > ' ' && *p != 0x7f)
		p++;
	if (*p != '\0')
		return err_set(err, ERR_CONFIG,
		    "a blank or control character stands in the Redis URL: "
		    "write it as %%%02X",
		    *p);
	if (p - (const unsigned char *)text > TEXT_MAX)
		return err_set(err, ERR_CONFIG,
		    "the Redis URL has more than %d bytes", TEXT_MAX);
	if (strchr(text, '#') != NULL)
		return err_set(err, ERR_CONFIG,
		    "a '#' in the Redis URL must be written as %%23");
	return true;
}

static void
add_encoded(struct str *out, const char *text, const char *also)
{
	static const char safe[] = LETTERS DIGITS "-._~!$'()*+,;";

	for (; *text != '\0'; text++)
		if (strchr(safe, *text) != NULL || strchr(also, *text) != NULL)
			str_push(out, *text);
		else
			str_addf(out, "%%%02X", (unsigned char)*text);
}

static void
show_host(struct str *out, const struct redis_url *url)
{
	bool is_address = strchr(url->host, ':') != NULL;

	str_add(out, is_address ? "[" : "");
	add_encoded(out, url->host, ":");
	str_add(out, is_address ? "]" : "");
	if (url->port != REDIS_URL_PORT)
		str_addf(out, ":%d", url->port);
	if (url->db != 0)
		str_addf(out, "/%d", url->db);
}

static char *
show(const struct redis_url *url)
{
	struct str out = { 0 };
	const char *sign = "?";

	str_add(&out,
	    scheme[url->socket != NULL ? SCHEME_UNIX
		    : url->is_tls      ? SCHEME_TLS
				       : SCHEME_PLAIN]);
	if (url->user != NULL) {
		add_encoded(&out, url->user, "");
		str_push(&out, '@');
	}
	if (url->socket == NULL) {
		show_host(&out, url);
	} else {
		add_encoded(&out, url->socket, "/:=");
		if (url->db != 0) {
			str_addf(&out, "?db=%d", url->db);
			sign = "&";
		}
	}
	if (strcmp(url->prefix, REDIS_URL_PREFIX) != 0) {
		str_addf(&out, "%sprefix=", sign);
		add_encoded(&out, url->prefix, "/:");
	}
	return str_take(&out);
}

/* A password with an @ or / in it; the path of a socket may have one, alone. */
static bool
check_at(struct span authority, const char *path, bool is_unix, struct err *err)
{
	if (is_unix && span_find(authority, '@') == NULL)
		path += strcspn(path, "?");
	if (strchr(path, '@') != NULL)
		return err_set(err, ERR_CONFIG,
		    "an '@' stands where the Redis URL can have none: in a "
		    "password '/', '?' and '@' are written %%2F, %%3F and "
		    "%%40");
	return true;
}

static bool
read_url(const char *text, struct redis_url *url, struct err *err)
{
	bool is_unix = str_starts(text, scheme[SCHEME_UNIX]);
	const char *s = strstr(text, "://") + 3;
	const char *path = s + strcspn(s, "/?"), *query = strchr(path, '?');
	const char *end = path + strlen(path);
	struct span authority = span_to(s, path);
	struct span behind = span_to(path, query != NULL ? query : end);

	url->is_tls = str_starts(text, scheme[SCHEME_TLS]);
	url->port = REDIS_URL_PORT;
	if (!check_text(text, err) ||
	    !check_at(authority, path, is_unix, err) ||
	    !read_authority(authority, is_unix, url, err) ||
	    !read_path(behind, is_unix, url, err))
		return false;
	return query == NULL ||
	    read_query(
		span_to(query + 1, end), !is_unix && behind.n > 1, url, err);
}

bool
redis_url_parse(const char *text, struct redis_url *url, struct err *err)
{
	struct redis_url parsed = { 0 };

	if (!redis_url_is(text))
		return err_set(err, ERR_CONFIG,
		    "a Redis URL begins with redis://, rediss:// or "
		    "redis+unix://");
	if (!read_url(text, &parsed, err)) {
		redis_url_release(&parsed);
		return false;
	}
	if (parsed.prefix == NULL)
		parsed.prefix = mem_strdup(REDIS_URL_PREFIX);
	parsed.shown = show(&parsed);
	*url = parsed;
	return true;
}

void
redis_url_release(struct redis_url *url)
{
	if (url->password != NULL)
		explicit_bzero(url->password, strlen(url->password));
	free(url->host);
	free(url->socket);
	free(url->user);
	free(url->password);
	free(url->password_file);
	free(url->prefix);
	free(url->shown);
	*url = (struct redis_url){ 0 };
}
