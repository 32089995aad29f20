#include "lib/base/startup.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* Beyond this nobody counts one by one; a child closes the rest itself. */
#define STARTUP_FDS 4096

static void
tidy_fds(void)
{
	struct rlimit limit;
	int fd, end = STARTUP_FDS;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			_exit(125); /* and there is nowhere to say why */
	} while (fd <= 2);
	close(fd);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    limit.rlim_cur < STARTUP_FDS)
		end = (int)limit.rlim_cur;
	for (fd = 3; fd < end; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void
tidy_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_IGN };
	sigset_t none;

	sigaction(SIGPIPE, &action, NULL);
	action.sa_handler = SIG_DFL;
	sigaction(SIGCHLD, &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

void
startup_tidy(void)
{
	tidy_fds();
	tidy_signals();
}
