#include "lib/store/session.h"

/*
 * wjobs, but with sessions on a shared store that end within seconds, so that
 * tests of what happens then need not last minutes. These are linked in the
 * place of the library's.
 */
const struct session_times session_times = {
	.ttl_ms = 3000,
	.renew_ms = 1000,
	.doubt_ms = 2000,
	.loss_ms = 2500,
	.retry_ms = 500,
};
