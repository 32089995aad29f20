#ifndef WJOBS_REDIS_GREET_H
#define WJOBS_REDIS_GREET_H

#include "lib/store/redis_wire.h"

/* The oldest server that will do. */
#define REDIS_MAJOR 6
#define REDIS_MINOR 2

/*
 * What is said first on each connection, in one round trip: AUTH, HELLO (who
 * answers), SELECT and CLIENT SETNAME, the last of which may be refused. On
 * failure the wire is closed: ERR_CONFIG is a wrong password, an older server,
 * or a password file that is not there, not wjobs' own, or open to others.
 */
bool redis_greet(struct redis_wire *wire, const struct redis_url *url,
    const char *name, struct err *err) MUST_CHECK;

#endif
