#include "lib/store/redis_tls.h"

#ifndef WJOBS_REDIS_SSL

bool
redis_tls_check(const struct redis_url *url, struct err *err)
{
	return err_set(err, ERR_CONFIG,
	    "'%s' wants TLS, and this wjobs was built without hiredis_ssl: "
	    "build it with a hiredis that has it, or go through a tunnel",
	    url->shown);
}

bool
redis_tls_start(redisContext *context, const struct redis_url *url,
    int limit_ms, struct err *err)
{
	(void)context;
	(void)limit_ms;
	return redis_tls_check(url, err);
}

#endif
