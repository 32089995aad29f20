#ifndef WJOBS_REDIS_ERROR_H
#define WJOBS_REDIS_ERROR_H

#include <stdbool.h>

#include "lib/base/err.h"

/*
 * Fill err from a server's error, by one table from how the error begins to
 * what is to be done (ERR_UNREACHABLE: try again; ERR_SYSTEM: this command is
 * refused; ERR_CONFIG: all will be, before somebody changes something) and a
 * sentence for people. `shown` is the server's URL for people.
 *
 * True says that the connection is of no more use: another one may find another
 * server, or another password.
 */
bool redis_error_explain(const char *shown, const char *text, struct err *err);

/* The server does not know the script that EVALSHA names. */
bool redis_error_is_noscript(const char *text);

#endif
