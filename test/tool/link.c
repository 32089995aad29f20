/*
 * The link to a Redis, for tests.
 *
 *   url           reads lines; answers each with what it means, or why it is
 *                 none
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/redis_url.h"

static void
print_part(const char *name, const char *value)
{
	if (value != NULL)
		printf(" %s=%s", name, value);
}

static void
do_url(const char *text)
{
	struct redis_url url;
	struct err err;

	if (!redis_url_parse(text, &url, &err)) {
		printf("%s\n", err.msg);
		return;
	}
	printf("%s", url.is_tls ? "tls" : url.host != NULL ? "tcp" : "unix");
	print_part("host", url.host);
	if (url.host != NULL)
		printf(" port=%d", url.port);
	print_part("socket", url.socket);
	print_part("user", url.user);
	print_part("password", url.password);
	print_part("file", url.password_file);
	if (url.db != 0)
		printf(" db=%d", url.db);
	if (strcmp(url.prefix, "wjobs:") != 0)
		print_part("prefix", url.prefix);
	printf(" %s\n", url.shown);
	redis_url_release(&url);
}

static int
urls(void)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		do_url(line);
	}
	free(line);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "url") == 0)
		return urls();
	fprintf(stderr, "usage: link url\n");
	return 2;
}
