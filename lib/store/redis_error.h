#ifndef WJOBS_REDIS_ERROR_H
#define WJOBS_REDIS_ERROR_H

#include <stdbool.h>

#include "lib/base/err.h"

/*
 * What a server's error means for who asked: one table, from how the error
 * begins to what is to be done and a sentence for people.
 */
enum redis_error {
	REDIS_RETRY,  /* later it may work: ERR_UNREACHABLE */
	REDIS_REFUSE, /* this command will never do: ERR_SYSTEM */
	REDIS_FATAL, /* none will before somebody changes something: ERR_CONFIG */
};

/*
 * Fill err from a server's error; `shown` is its URL for people. *is_spoilt
 * says that the connection is of no more use: another one may find another
 * server, or another password.
 */
enum redis_error redis_error_explain(
    const char *shown, const char *text, bool *is_spoilt, struct err *err);

/* The server does not know the script that EVALSHA names. */
bool redis_error_is_noscript(const char *text);

#endif
