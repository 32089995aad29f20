#include "test/bench/lib/redis.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "test/bench/lib/daemon.h"

static pid_t server;

static pid_t owner;

/* Clients are children, and leave it alone. */
static void
server_stop(void)
{
	if (getpid() != owner)
		return;
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

static void
server_exec(const char *socket)
{
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(null, 0);
	dup2(null, 1);
	execlp("redis-server", "redis-server", "--port", "0", "--unixsocket",
	    socket, "--save", "", "--daemonize", "no", (char *)NULL);
	_exit(127);
}

char *
bench_redis(void)
{
	char *socket = bench_path("redis.sock"), *url;
	int i;

	url = mem_printf("redis+unix://%s", socket);
	unlink(socket);
	server = fork();
	if (server == 0)
		server_exec(socket);
	owner = getpid();
	atexit(server_stop);
	for (i = 0; access(socket, F_OK) != 0; i++) {
		if (i == 1000)
			bench_die("there is no redis-server");
		usleep(10000);
	}
	free(socket);
	return url;
}

struct redis_link *
bench_link(const char *url_text)
{
	/* the link borrows it, and lives as long as the program */
	static struct redis_url url;
	struct redis_link *link;
	struct err err;

	if (!redis_url_parse(url_text, &url, &err))
		bench_die("%s", err.msg);
	link = redis_link_new(&url, "bench");
	if (!redis_link_open(link, &err))
		bench_die("%s", err.msg);
	return link;
}
