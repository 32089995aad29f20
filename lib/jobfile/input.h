#ifndef WJOBS_INPUT_H
#define WJOBS_INPUT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The bytes of a jobfile, a piece at a time, from memory or from a file, which
 * is never held as a whole unless there is an error to explain. What libyaml
 * would take for text, or refuse without saying why, is found here.
 */
#define INPUT_MAX ((size_t)64 << 20)

enum input_fault {
	INPUT_FINE,
	INPUT_NUL,    /* at byte fault_at */
	INPUT_UTF16,  /* begins with UTF-16's mark */
	INPUT_LARGE,  /* over INPUT_MAX */
	INPUT_SYSTEM, /* errno `sys` */
};

struct input {
	const char *text; /* of n bytes: all there is; NULL for a file */
	size_t n;
	int fd;    /* -1 for memory; borrowed */
	char *own; /* a file's text, once it was asked for */
	size_t given;
	enum input_fault fault;
	size_t fault_at;
	int sys;
};

/* The next bytes, none at the end. False where `fault` says why. */
bool input_next(struct input *input, void *buf, size_t size, size_t *got);
/* Let text and n be all there is, from the begin. False if it is not to be. */
bool input_whole(struct input *input);
void input_release(struct input *input);

#endif
