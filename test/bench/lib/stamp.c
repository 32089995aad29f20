/*
 * stamp FILE ID - append the time at which this process began to FILE, in one
 * write. A program of its own, static, so that what is measured is the start
 * of a job and not the loading of libraries.
 */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	struct timespec now;
	char line[64];
	int fd, n;

	clock_gettime(CLOCK_REALTIME, &now);
	if (argc != 3)
		return 2;
	n = snprintf(line, sizeof line, "%lld.%09ld %s\n",
	    (long long)now.tv_sec, now.tv_nsec, argv[2]);
	fd = open(argv[1], O_WRONLY | O_APPEND | O_CREAT, 0666);
	return fd < 0 || write(fd, line, (size_t)n) != n;
}
