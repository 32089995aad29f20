#ifndef WJOBS_REDIS_URL_H
#define WJOBS_REDIS_URL_H

#include <stdbool.h>

#include "lib/base/err.h"

/*
 * Where a Redis is:
 *	redis[s]://[user][:password]@host[:port][/db][?prefix=P&password_file=F]
 *	redis+unix://[user][:password]@/path?db=N&prefix=P&password_file=F
 * Each part is percent-decoded, after it has been told from the others. IPv6
 * hosts stand in brackets. Whatever may be a password, also in a URL that is
 * none, is in no error.
 */
#define REDIS_URL_PORT   6379
#define REDIS_URL_DB_MAX 999999
#define REDIS_URL_PREFIX "wjobs:"

struct redis_url {
	char *host;   /* NULL: a socket */
	int port;     /* 6379 unless given */
	char *socket; /* path; NULL: host and port */
	bool is_tls;
	char *user; /* NULL: the default one */
	char *password;
	char *password_file; /* absolute; read at each connection */
	int db;
	char *prefix; /* of all keys; "wjobs:"; no braces, never empty */
	/*
	 * The URL for people: no password in it, nor what is there unless
	 * given. Two that are the same name the same keys of the same server.
	 */
	char *shown;
};

/* Does the text begin as such a URL does? */
bool redis_url_is(const char *text);
/* ERR_CONFIG with what is wrong, never with the password in it. */
bool redis_url_parse(
    const char *text, struct redis_url *url, struct err *err) MUST_CHECK;
/* The password is wiped. */
void redis_url_release(struct redis_url *url);

#endif
