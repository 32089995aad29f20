#ifndef WJOBS_ERR_H
#define WJOBS_ERR_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What can fail returns bool and takes a `struct err *` last. On failure the
 * error is filled and the outputs are untouched. A struct err owns no memory,
 * so it may be copied, and dropped.
 */
#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define ARRAY_LEN(a)      (sizeof(a) / sizeof(a)[0])

/* Each kind of failure maps to one exit status, in cmd/main.c. */
enum err_code {
	ERR_NONE,
	ERR_SYNTAX,      /* a text that does not parse */
	ERR_RANGE,       /* it parses, and its value is not allowed */
	ERR_USAGE,       /* the command line is wrong: exit 2 */
	ERR_NOT_FOUND,   /* no such job, run, file of that name: exit 3 */
	ERR_UNREACHABLE, /* no scheduler, or the store does not answer: 4 */
	ERR_BUSY,        /* try later: exit 75 */
	ERR_CONFIG,      /* the jobfile is wrong: exit 78 */
	ERR_SYSTEM,      /* a system call failed; `sys` is its errno */
};

/* Where a text stands: line and column count from 1, 0 where unknown. */
struct place {
	const char *file; /* borrowed; NULL where there is no file */
	int line, col;
};

struct err {
	enum err_code code;
	int sys; /* errno, 0 if none */
	int line, col;
	char file[256];
	char msg[512]; /* may be cut */
};

/* All of these fill *err and return false, for `return err_set(...)`. */
bool err_set(struct err *err, enum err_code code, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* As err_set, with ": " and the text of errno `sys` appended. */
bool err_sys(struct err *err, int sys, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* As err_set, at a place. */
bool err_at(struct err *err, struct place at, enum err_code code,
    const char *fmt, ...) PRINTF_LIKE(4, 5);
/* Put "what: " before the message, to say whose it is. Returns false. */
bool err_prefix(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

#ifdef __clang_analyzer__
/* The analyzer sees no other file, so that it has to be told what comes back. */
#define err_set(...)    (err_set(__VA_ARGS__), false)
#define err_sys(...)    (err_sys(__VA_ARGS__), false)
#define err_at(...)     (err_at(__VA_ARGS__), false)
#define err_prefix(...) (err_prefix(__VA_ARGS__), false)
#endif

/* "file:line:col: msg", or as much of it as is known. */
size_t err_format(const struct err *err, char *buf, size_t size);

/* `at`, n columns to the right. */
struct place place_right(struct place at, size_t n);

/*
 * Many errors at once, in the order found: what a jobfile's reader gathers.
 * Warnings go into a list of their own.
 */
struct errlist {
	struct err *item;
	size_t len;
	size_t dropped; /* beyond ERRLIST_MAX */
};

#define ERRLIST_MAX 1000

void errlist_add(struct errlist *list, const struct err *err);
void errlist_release(struct errlist *list);

#endif
