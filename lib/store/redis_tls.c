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

#else

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdint.h>

#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

bool
redis_tls_check(const struct redis_url *url, struct err *err)
{
	(void)url;
	(void)err;
	return true;
}

/* The name that the certificate must have, and that the server is told. */
static bool
name_host(SSL *ssl, const char *host)
{
	unsigned char address[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, host, address) == 1 ||
	    inet_pton(AF_INET6, host, address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(
			   SSL_get0_param(ssl), host) == 1;
	return SSL_set1_host(ssl, host) == 1 &&
	    SSL_set_tlsext_host_name(ssl, host) == 1;
}

/*
 * hiredis would believe any name in a certificate, so that the session is made
 * here. NULL where OpenSSL is out of memory or has no authorities.
 */
static SSL *
new_session(const char *host)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
	SSL *ssl = NULL;

	if (tls != NULL && SSL_CTX_set_default_verify_paths(tls) == 1 &&
	    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) == 1) {
		SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
		ssl = SSL_new(tls);
	}
	SSL_CTX_free(tls); /* the session has it still */
	if (ssl == NULL || name_host(ssl, host))
		return ssl;
	SSL_free(ssl);
	return NULL;
}

static bool
fail(const SSL *ssl, const struct redis_url *url, struct err *err)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	long verified = SSL_get_verify_result(ssl);

	if (verified != X509_V_OK)
		return err_set(err, ERR_CONFIG,
		    "the certificate of '%s' is not good: %s", url->shown,
		    X509_verify_cert_error_string(verified));
	return err_set(err, ERR_UNREACHABLE, "cannot speak TLS with '%s': %s",
	    url->shown,
	    reason != NULL ? reason : "no answer in time, or none in TLS");
}

/* hiredis begins TLS where it may block, so that the socket does, for a time. */
static bool
begin(redisContext *context, SSL *ssl, int limit_ms)
{
	struct timeval limit = { limit_ms / 1000, limit_ms % 1000 * 1000 };
	int flags = fcntl(context->fd, F_GETFL);
	bool is_good;

	fcntl(context->fd, F_SETFL, flags & ~O_NONBLOCK);
	redisSetTimeout(context, limit);
	is_good = redisInitiateSSL(context, ssl) == REDIS_OK;
	fcntl(context->fd, F_SETFL, flags);
	return is_good;
}

bool
redis_tls_start(redisContext *context, const struct redis_url *url,
    int limit_ms, struct err *err)
{
	SSL *ssl = new_session(url->host);
	bool is_good;

	if (ssl == NULL)
		return err_set(
		    err, ERR_SYSTEM, "cannot begin TLS for '%s'", url->shown);
	if (begin(context, ssl, limit_ms))
		return true; /* the session is the context's */
	is_good = fail(ssl, url, err);
	SSL_free(ssl);
	return is_good;
}

#endif
