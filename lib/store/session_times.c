#include "lib/store/session.h"

/* By themselves, so that a test can link others in their place. */
const struct session_times session_times = {
	.ttl_ms = 30000,
	.renew_ms = 10000,
	.doubt_ms = 20000,
	.loss_ms = 25000,
	.retry_ms = 5000,
};
