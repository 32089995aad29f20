/*
 * Redis URLs from anywhere. What is shown of one names the same place, and is
 * shown as itself; what may be its password is in no error.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/redis_url.h"
#include "test/fuzz/must.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static bool
is_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void
check_url(const struct redis_url *url)
{
	struct redis_url again;
	struct err err;

	must((url->host == NULL) != (url->socket == NULL));
	must(url->port >= 1 && url->port <= 65535);
	must(url->db >= 0 && url->db <= REDIS_URL_DB_MAX);
	must(url->prefix[0] != '\0' && strpbrk(url->prefix, "{}") == NULL);
	must(url->password == NULL || url->password_file == NULL);
	must(redis_url_parse(url->shown, &again, &err));
	must(strcmp(again.shown, url->shown) == 0);
	must(is_same(again.host, url->host) && again.port == url->port);
	must(is_same(again.socket, url->socket));
	must(is_same(again.user, url->user) && again.password == NULL);
	must(again.db == url->db && is_same(again.prefix, url->prefix));
	must(again.is_tls == url->is_tls);
	redis_url_release(&again);
}

/* The input within a password, whatever it makes of what is around it. */
static void
check_secret(const char *text)
{
	static const char *const around[][2] = { { "redis://:", "@h/0" },
		{ "redis://u:", "@h:x" }, { "redis+unix://:", "@/s?db=x" },
		{ "rediss://u:", "@[::1]?x" } };
	struct redis_url url;
	struct err err;
	size_t i;

	for (i = 0; i < ARRAY_LEN(around); i++) {
		char *whole = mem_printf(
		    "%sCANARY%sCANARY%s", around[i][0], text, around[i][1]);

		if (redis_url_parse(whole, &url, &err)) {
			must(strstr(url.shown, "CANARY") == NULL);
			redis_url_release(&url);
		} else {
			must(strstr(err.msg, "CANARY") == NULL);
		}
		free(whole);
	}
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	char *text = mem_strndup((const char *)data, size);
	struct redis_url url;
	struct err err;

	if (redis_url_parse(text, &url, &err)) {
		check_url(&url);
		redis_url_release(&url);
	}
	check_secret(text);
	free(text);
	return 0;
}
