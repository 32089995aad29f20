#include "test/nemesis/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

/* Fills *at; returns its length. */
static socklen_t
net_address(const char *text, struct sockaddr_storage *at)
{
	struct sockaddr_un *un = (struct sockaddr_un *)at;
	struct sockaddr_in *in = (struct sockaddr_in *)at;
	const char *colon = strrchr(text, ':');
	char host[64];

	memset(at, 0, sizeof *at);
	if (strchr(text, '/') != NULL || colon == NULL) {
		un->sun_family = AF_UNIX;
		snprintf(un->sun_path, sizeof un->sun_path, "%s", text);
		return sizeof *un;
	}
	snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
		die(text);
	return sizeof *in;
}

static int
net_socket(const struct sockaddr_storage *at)
{
	return socket(
	    at->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

int
net_listen(const char *address)
{
	struct sockaddr_storage at;
	socklen_t len = net_address(address, &at);
	int fd = net_socket(&at), on = 1;

	if (at.ss_family == AF_UNIX)
		unlink(address);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 ||
	    listen(fd, 128) != 0)
		die(address);
	return fd;
}

int
net_connect(const char *address)
{
	struct sockaddr_storage at;
	socklen_t len = net_address(address, &at);
	int fd = net_socket(&at);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&at, len) != 0 &&
	    errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}
