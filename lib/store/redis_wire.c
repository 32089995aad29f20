#include "lib/store/redis_wire.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/str.h"
#include "lib/store/redis_tls.h"

/* What no answer to wjobs comes near to. */
#define ELEMENTS_MAX (1 << 24)
#define DEPTH_MAX    7
#define REPLY_MAX    ((size_t)512 << 20)

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The events that came; 0 with errno, ETIMEDOUT among them. */
static short
wait_for(int fd, short events, int64_t until_ms)
{
	struct pollfd poller = { fd, events, 0 };
	int64_t left_ms;
	int n;

	do {
		left_ms = until_ms - now_ms();
		n = poll(&poller, 1, left_ms > 0 ? (int)left_ms : 0);
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		errno = ETIMEDOUT;
	return n > 0 ? poller.revents : 0;
}

/* ---- connecting */

/* A socket, or -1 with errno. */
static int
connect_to(const struct sockaddr *address, socklen_t len, int64_t until_ms)
{
	int fd = socket(
	    address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int failed = 0;
	socklen_t size = sizeof failed;

	if (fd < 0)
		return -1;
	if (connect(fd, address, len) != 0) {
		failed = errno;
		if (failed == EINPROGRESS) {
			if (wait_for(fd, POLLOUT, until_ms) == 0)
				failed = errno;
			else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed,
				     &size) != 0)
				failed = errno;
		}
	}
	if (failed == 0)
		return fd;
	close(fd);
	errno = failed;
	return -1;
}

static int
connect_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	/* redis_url has seen that it fits */
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	return connect_to((const struct sockaddr *)&address, sizeof address,
	    now_ms() + REDIS_CONNECT_MS);
}

/* Small commands go at once, and a peer that has vanished is noticed. */
static void
tune(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
#ifdef TCP_KEEPIDLE
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){ 15 }, sizeof(int));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &(int){ 5 }, sizeof(int));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &(int){ 3 }, sizeof(int));
#endif
}

/* Each address of the host has its share of the time. */
static int
connect_addresses(const struct addrinfo *list)
{
	int64_t end_ms = now_ms() + REDIS_CONNECT_MS, left_ms;
	const struct addrinfo *at;
	int n = 0, fd = -1;

	for (at = list; at != NULL; at = at->ai_next)
		n++;
	for (at = list; at != NULL && fd < 0; at = at->ai_next, n--) {
		left_ms = end_ms - now_ms();
		fd = connect_to(at->ai_addr, at->ai_addrlen,
		    now_ms() + (left_ms > 0 ? left_ms / n : 0));
	}
	if (fd >= 0)
		tune(fd);
	return fd;
}

static int
connect_host(const struct redis_url *url, struct err *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	char port[8];
	int failed, fd;

	snprintf(port, sizeof port, "%d", url->port);
	failed = getaddrinfo(url->host, port, &hints, &list);
	if (failed != 0) {
		err_set(err, ERR_UNREACHABLE, "cannot connect to '%s': %s",
		    url->shown,
		    failed == EAI_SYSTEM ? strerror(errno)
					 : gai_strerror(failed));
		return -1;
	}
	fd = connect_addresses(list);
	if (fd < 0)
		err_set(err, ERR_UNREACHABLE, "cannot connect to '%s': %s",
		    url->shown, strerror(errno));
	freeaddrinfo(list);
	return fd;
}

/* hiredis believes whatever length and depth an array says it has. */
#if HIREDIS_MAJOR < 1
typedef int elements_t;
#else
typedef size_t elements_t;
#endif

static void *
create_array(const redisReadTask *task, elements_t n)
{
	const struct redis_wire *wire = task->privdata;
	const redisReadTask *up;
	int depth = 0;

	/* what is freed by recursion must have an end */
	for (up = task; up != NULL && depth <= DEPTH_MAX; up = up->parent)
		depth++;
	/* an int is below 0 where the length did not fit */
	if ((size_t)n > ELEMENTS_MAX || depth > DEPTH_MAX)
		return NULL;
	return wire->functions.createArray(task, n);
}

static void
guard_reader(struct redis_wire *wire)
{
	redisReader *reader = wire->context->reader;

	wire->functions = wire->guarded = *reader->fn;
	wire->guarded.createArray = create_array;
	reader->fn = &wire->guarded;
	reader->privdata = wire;
}

bool
redis_wire_open(
    struct redis_wire *wire, const struct redis_url *url, struct err *err)
{
	int fd;

	*wire = (struct redis_wire){ .shown = url->shown,
		.is_tls = url->is_tls };
	if (url->is_tls && !redis_tls_check(url, err))
		return false;
	if (url->socket == NULL)
		fd = connect_host(url, err);
	else if ((fd = connect_socket(url->socket)) < 0)
		err_set(err, ERR_UNREACHABLE, "cannot connect to '%s': %s",
		    url->shown, strerror(errno));
	if (fd < 0)
		return false;
	if ((wire->context = redisConnectFd(fd)) == NULL) {
		close(fd);
		return err_set(err, ERR_SYSTEM, "no memory is left");
	}
	if (url->is_tls &&
	    !redis_tls_start(wire->context, url, REDIS_CONNECT_MS, err)) {
		redis_wire_close(wire);
		return false;
	}
	wire->context->flags &= ~REDIS_BLOCK;
	guard_reader(wire);
	return true;
}

void
redis_wire_close(struct redis_wire *wire)
{
	if (wire->context != NULL)
		redisFree(wire->context);
	wire->context = NULL;
	wire->is_sending = false;
}

/* TLS may say something at any time (tickets), so that only an end counts. */
bool
redis_wire_is_stale(const struct redis_wire *wire)
{
	short events = wire->is_tls ? POLLRDHUP : POLLIN;

	return wait_for(wire->context->fd, events, 0) != 0;
}

void
redis_wire_put(struct redis_wire *wire, const char *data, size_t n)
{
	redisAppendFormattedCommand(wire->context, data, n);
	wire->is_sending = true;
}

static bool
fail(struct redis_wire *wire, struct err *err)
{
	const redisContext *context = wire->context;
	struct str said = { 0 };

	switch (context->err) {
	case REDIS_ERR_EOF:
		err_set(err, ERR_UNREACHABLE, "'%s' has closed the connection",
		    wire->shown);
		break;
	case REDIS_ERR_PROTOCOL:
		str_add_visible(
		    &said, context->errstr, strlen(context->errstr), false);
		err_set(err, ERR_UNREACHABLE,
		    "'%s' does not answer as a Redis does: %s", wire->shown,
		    str_text(&said));
		break;
	default:
		err_set(err, ERR_UNREACHABLE,
		    "the connection to '%s' failed: %s", wire->shown,
		    context->errstr);
	}
	str_release(&said);
	redis_wire_close(wire);
	return false;
}

static bool
fail_late(struct redis_wire *wire, struct err *err)
{
	redis_wire_close(wire);
	return err_set(
	    err, ERR_UNREACHABLE, "'%s' does not answer in time", wire->shown);
}

/*
 * A server that wants no more clients says so, closes, and our sending fails:
 * what it said is what counts, so that reading goes on.
 */
static bool
send_some(struct redis_wire *wire)
{
	redisContext *context = wire->context;
	int is_done = 0;

	if (redisBufferWrite(context, &is_done) == REDIS_OK) {
		wire->is_sending = is_done == 0;
		return true;
	}
	wire->is_sending = false;
	if (context->err != REDIS_ERR_IO && context->err != REDIS_ERR_EOF)
		return false;
	context->err = 0;
	return true;
}

/* What is there of a reply; *has_more where something came. */
static bool
read_some(struct redis_wire *wire, bool *has_more)
{
	redisContext *context = wire->context;
	size_t before = context->reader->len;

	if (redisBufferRead(context) != REDIS_OK)
		return false;
	*has_more = context->reader->len != before;
	if (context->reader->len <= REPLY_MAX)
		return true;
	context->err = REDIS_ERR_PROTOCOL;
	snprintf(context->errstr, sizeof context->errstr,
	    "an answer of more than %zu bytes", REPLY_MAX);
	return false;
}

/* One reply from what was read; NULL where it is not there whole. */
static bool
parse(struct redis_wire *wire, void **reply)
{
	redisContext *context = wire->context;

	if (redisReaderGetReply(context->reader, reply) == REDIS_OK)
		return true;
	context->err = REDIS_ERR_PROTOCOL;
	snprintf(context->errstr, sizeof context->errstr, "%s",
	    context->reader->errstr);
	return false;
}

bool
redis_wire_get(struct redis_wire *wire, redisReply **reply, struct err *err)
{
	int64_t until_ms = now_ms() + REDIS_COMMAND_MS;
	int64_t end_ms = now_ms() + REDIS_REPLY_MS;
	/* what was only now sent has no answer yet: no use in reading */
	bool is_asked = wire->is_sending && !wire->is_tls;
	void *got = NULL;
	bool has_more;
	short came;

	for (;; is_asked = false) {
		has_more = false;
		if (!parse(wire, &got))
			return fail(wire, err);
		if (got != NULL)
			break;
		if ((wire->is_sending && !send_some(wire)) ||
		    (!is_asked && !read_some(wire, &has_more)))
			return fail(wire, err);
		if (!has_more) {
			came = wait_for(wire->context->fd,
			    wire->is_sending ? POLLIN | POLLOUT : POLLIN,
			    until_ms < end_ms ? until_ms : end_ms);
			if (came == 0)
				return fail_late(wire, err);
			has_more = (came & POLLOUT) != 0;
		}
		if (has_more)
			until_ms = now_ms() + REDIS_COMMAND_MS;
		if (now_ms() >= end_ms)
			return fail_late(wire, err);
	}
	*reply = got;
	return true;
}
