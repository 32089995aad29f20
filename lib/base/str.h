#ifndef WJOBS_STR_H
#define WJOBS_STR_H

#include <stddef.h>

#include "lib/base/err.h"

/* A string that grows. Zeroed is empty; `s` is NULL or NUL-terminated. */
struct str {
	char *s;
	size_t len, room;
};

void str_release(struct str *str);
void str_clear(struct str *str); /* keeps the room */
/* The text, never NULL, borrowed until the next change. */
const char *str_text(const struct str *str);
/* The text itself, never NULL, the caller's to free(3); str is empty after. */
char *str_take(struct str *str);

void str_push(struct str *str, char c);
void str_add(struct str *str, const char *s);
void str_addn(struct str *str, const char *s, size_t n);
void str_addf(struct str *str, const char *fmt, ...) PRINTF_LIKE(2, 3);

/*
 * Bytes from elsewhere made safe to show on a terminal or in a log: C0, DEL,
 * C1, bidi controls and what is not UTF-8 appear as \n, \t, \x1b, \u202e.
 * Where keep_lines is set, newline and tab stay as they are.
 */
void str_add_visible(struct str *str, const char *s, size_t n, bool keep_lines);
/* Bytes as valid UTF-8: each that is not becomes U+FFFD. NUL too. */
void str_add_utf8(struct str *str, const char *s, size_t n);

/*
 * The one of n names that is nearest to word by edit distance, or NULL where
 * none is near enough to have been meant.
 */
const char *str_nearest(const char *word, const char *const *names, size_t n);

bool str_starts(const char *s, const char *prefix);

#endif
