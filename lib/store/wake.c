#include "lib/store/wake.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/redis_url.h"
#include "lib/base/ulid.h"
#include "lib/store/wake_redis.h"

/*
 * A listener's socket is made under a hidden name and renamed when it listens:
 * whoever rings removes what nobody listens at, and must not meet a new one
 * between its making and its binding.
 */
#define PREFIX    "wake-"
#define SUFFIX    ".sock"
#define NAME_SIZE 48

struct wake {
	struct wake_redis *redis; /* or all that follows */
	struct ev_loop *loop;
	void (*rang)(void *data);
	void *data;
	int dir, fd;
	char name[NAME_SIZE];
	ev_io io;
};

/*
 * The path of name in the directory that dir is open for. One that is too long
 * for an address goes by the descriptor, where the system can do that.
 */
static void
set_address(
    struct sockaddr_un *address, const char *path, int dir, const char *name)
{
	size_t size = sizeof address->sun_path;

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if ((size_t)snprintf(address->sun_path, size, "%s/%s", path, name) >=
	    size)
		snprintf(
		    address->sun_path, size, "/proc/self/fd/%d/%s", dir, name);
}

static int
open_socket(void)
{
	return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static bool
is_listener(const char *name)
{
	size_t len = strlen(name), ends = strlen(SUFFIX);

	return strncmp(name, PREFIX, strlen(PREFIX)) == 0 && len > ends &&
	    strcmp(name + len - ends, SUFFIX) == 0;
}

/* One that is full has been rung already. */
static void
ring_one(int fd, const char *path, int dir, const char *name)
{
	struct sockaddr_un address;
	struct stat st;

	set_address(&address, path, dir, name);
	if (sendto(fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL,
		(const struct sockaddr *)&address, sizeof address) == 0 ||
	    errno != ECONNREFUSED)
		return;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISSOCK(st.st_mode))
		unlinkat(dir, name, 0);
}

void
wake_ring(const struct store_place *place)
{
	const char *path = place->runtime_dir;
	struct dirent *entry;
	DIR *dir;
	int fd;

	if (redis_url_is(place->store) || (dir = opendir(path)) == NULL)
		return;
	if ((fd = open_socket()) >= 0) {
		while ((entry = readdir(dir)) != NULL)
			if (is_listener(entry->d_name))
				ring_one(fd, path, dirfd(dir), entry->d_name);
		close(fd);
	}
	closedir(dir);
}

/* However often it rang, it is one hint. */
static void
on_datagram(struct ev_loop *loop, ev_io *io, int revents)
{
	struct wake *wake = io->data;
	char any;

	(void)loop;
	(void)revents;
	while (recv(wake->fd, &any, sizeof any, MSG_DONTWAIT) >= 0)
		;
	wake->rang(wake->data);
}

/* Made, closed to others, and shown. */
static bool
bind_name(struct wake *wake, const char *path, struct err *err)
{
	char hidden[NAME_SIZE + 1];
	struct sockaddr_un address;

	snprintf(hidden, sizeof hidden, ".%s", wake->name);
	set_address(&address, path, wake->dir, hidden);
	if (bind(wake->fd, (const struct sockaddr *)&address, sizeof address) !=
	    0)
		return err_sys(err, errno, "cannot make '%s/%s'", path, hidden);
	if (fchmodat(wake->dir, hidden, 0600, 0) == 0 &&
	    renameat(wake->dir, hidden, wake->dir, wake->name) == 0)
		return true;
	err_sys(err, errno, "cannot make '%s/%s'", path, wake->name);
	unlinkat(wake->dir, hidden, 0);
	return false;
}

static bool
listen_at(struct wake *wake, const char *path, struct err *err)
{
	uint32_t any;

	wake->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (wake->dir < 0)
		return err_sys(err, errno, "cannot open '%s'", path);
	if ((wake->fd = open_socket()) < 0)
		return err_sys(err, errno, "cannot make a socket");
	/* others may have this process id, in containers of their own */
	random_bytes(&any, sizeof any);
	snprintf(wake->name, sizeof wake->name, PREFIX "%lld-%08x" SUFFIX,
	    (long long)getpid(), (unsigned)any);
	if (bind_name(wake, path, err))
		return true;
	wake->name[0] = '\0';
	return false;
}

static bool
open_wake(struct wake *wake, const struct store_place *place, struct err *err)
{
	if (redis_url_is(place->store)) {
		wake->redis = wake_redis_open(
		    wake->loop, place->store, wake->rang, wake->data, err);
		return wake->redis != NULL;
	}
	/* removes what those left who were killed */
	wake_ring(place);
	if (!listen_at(wake, place->runtime_dir, err))
		return false;
	ev_io_init(&wake->io, on_datagram, wake->fd, EV_READ);
	wake->io.data = wake;
	ev_io_start(wake->loop, &wake->io);
	return true;
}

struct wake *
wake_open(struct ev_loop *loop, const struct store_place *place,
    void (*rang)(void *data), void *data, struct err *err)
{
	struct wake *wake = mem_zalloc(1, sizeof *wake);

	wake->loop = loop;
	wake->rang = rang;
	wake->data = data;
	wake->dir = wake->fd = -1;
	ev_init(&wake->io, on_datagram);
	if (open_wake(wake, place, err))
		return wake;
	wake_close(wake);
	return NULL;
}

void
wake_close(struct wake *wake)
{
	if (wake == NULL)
		return;
	wake_redis_close(wake->redis);
	ev_io_stop(wake->loop, &wake->io);
	if (wake->name[0] != '\0')
		unlinkat(wake->dir, wake->name, 0);
	if (wake->fd >= 0)
		close(wake->fd);
	if (wake->dir >= 0)
		close(wake->dir);
	free(wake);
}
