#ifndef WJOBS_RENEW_H
#define WJOBS_RENEW_H

#include <stdint.h>

#include "lib/store/lock.h"

/*
 * A lock that is extended while somebody needs it: by a thread of its own,
 * with a connection of its own, at each third of its time. Until when it is
 * certainly held is counted on the clock that also passes while the machine
 * sleeps, from before the last extension that succeeded was sent; so it is
 * known also while the thread waits for an answer.
 */
struct renew;

struct renew_ask {
	const char *where; /* as lock_open has it */
	const char *key, *token;
	int64_t ttl_ms;
	int64_t asked_ms; /* of clock_boot_ms: before it was taken */
	/* Called by the thread when the lock has gone. */
	void (*lost)(void *data);
	void *data;
};

bool renew_start(const struct renew_ask *ask, struct renew **renew,
    struct err *err) MUST_CHECK;
/* Of clock_boot_ms: held until then at least, unless renew_is_lost. */
int64_t renew_until_ms(struct renew *renew);
/* The store has said that another holds it, or nobody. */
bool renew_is_lost(struct renew *renew);
/*
 * Ends the thread, which releases the lock where the store answers. It may
 * take some seconds where that does not.
 */
void renew_stop(struct renew *renew);

#endif
