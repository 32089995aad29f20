#include "cmd/payload.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/store/work.h"

static bool
payload_too_long(const char *what, struct err *err)
{
	return err_set(err, ERR_USAGE,
	    "--payload: %s is longer than %d bytes (1 MiB), which is as much "
	    "as a piece of work may have",
	    what, WORK_PAYLOAD_MAX);
}

static bool
payload_read_all(int fd, const char *what, struct str *payload, struct err *err)
{
	char buf[65536];
	size_t room;
	ssize_t n;

	for (;;) {
		room = WORK_PAYLOAD_MAX + 1 - payload->len;
		n = read(fd, buf, room < sizeof buf ? room : sizeof buf);
		if (n == 0)
			return true;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err_sys(err, errno, "--payload: cannot read %s", what);
			err->code = ERR_USAGE;
			return false;
		}
		str_addn(payload, buf, (size_t)n);
		if (payload->len > WORK_PAYLOAD_MAX)
			return payload_too_long(what, err);
	}
}

static bool
payload_read_file(const char *path, struct str *payload, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct str what = { 0 };
	bool ok;

	if (fd < 0) {
		err_sys(err, errno, "--payload: cannot open '%s'", path);
		err->code = ERR_USAGE;
		return false;
	}
	str_addf(&what, "'%s'", path);
	ok = payload_read_all(fd, str_text(&what), payload, err);
	str_release(&what);
	close(fd);
	return ok;
}

bool
payload_read(const char *option, struct str *payload, struct err *err)
{
	if (option == NULL)
		return true;
	if (strcmp(option, "-") == 0)
		return payload_read_all(
		    STDIN_FILENO, "standard input", payload, err);
	if (option[0] == '@')
		return payload_read_file(option + 1, payload, err);
	if (strlen(option) > WORK_PAYLOAD_MAX)
		return payload_too_long("the text", err);
	str_add(payload, option);
	return true;
}
