#include "lib/base/startup.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static void
tidy_fds(void)
{
	int fd;

	for (fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		if (open("/dev/null", O_RDWR) != fd)
			_exit(125); /* and there is nowhere to say why */
	}
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
