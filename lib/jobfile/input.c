#include "lib/jobfile/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"

static bool
input_fail(struct input *input, enum input_fault fault, size_t at)
{
	input->fault = fault;
	input->fault_at = at;
	return false;
}

/* What comes next, unseen. */
static bool
input_fetch(struct input *input, void *buf, size_t size, size_t *got)
{
	ssize_t n;

	if (input->fd < 0) {
		*got = input->n - input->given;
		if (*got > size)
			*got = size;
		if (*got != 0)
			memcpy(buf, input->text + input->given, *got);
		return true;
	}
	do
		n = pread(input->fd, buf, size, (off_t)input->given);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		input->sys = errno;
		return input_fail(input, INPUT_SYSTEM, input->given);
	}
	*got = (size_t)n;
	return true;
}

static bool
input_is_utf16(const unsigned char *s, size_t n)
{
	return n >= 2 &&
	    ((s[0] == 0xff && s[1] == 0xfe) || (s[0] == 0xfe && s[1] == 0xff));
}

bool
input_next(struct input *input, void *buf, size_t size, size_t *got)
{
	const char *nul;
	size_t n;

	if (!input_fetch(input, buf, size, &n))
		return false;
	if (input->given == 0 && input_is_utf16(buf, n))
		return input_fail(input, INPUT_UTF16, 0);
	if (input->given + n > INPUT_MAX)
		return input_fail(input, INPUT_LARGE, 0);
	nul = n != 0 ? memchr(buf, '\0', n) : NULL;
	if (nul != NULL)
		return input_fail(input, INPUT_NUL,
		    input->given + (size_t)(nul - (const char *)buf));
	input->given += n;
	*got = n;
	return true;
}

bool
input_whole(struct input *input)
{
	struct input again = { .fd = input->fd };
	size_t room = 65536, got = 1;
	char *text = NULL;

	if (input->text != NULL || input->fd < 0)
		return input->text != NULL;
	while (got != 0 && again.given <= INPUT_MAX) {
		text = mem_realloc(text, room += room, 1);
		if (!input_fetch(
			&again, text + again.given, room - again.given, &got)) {
			free(text);
			return false;
		}
		again.given += got;
	}
	input->text = input->own = text;
	input->n = again.given;
	return true;
}

void
input_release(struct input *input)
{
	free(input->own);
	input->own = NULL;
	input->text = NULL;
}
