#ifndef WJOBS_REDIS_TLS_H
#define WJOBS_REDIS_TLS_H

#include <hiredis/hiredis.h>

#include "lib/base/err.h"
#include "lib/base/redis_url.h"

/*
 * TLS for rediss://, where the build found hiredis_ssl. The server's
 * certificate must be good for the host by the system's authorities, or by
 * those that SSL_CERT_FILE and SSL_CERT_DIR name.
 */
/* ERR_CONFIG where this build has no TLS. */
bool redis_tls_check(const struct redis_url *url, struct err *err) MUST_CHECK;
/* On a connected context, which does not block. */
bool redis_tls_start(redisContext *context, const struct redis_url *url,
    int limit_ms, struct err *err) MUST_CHECK;

#endif
