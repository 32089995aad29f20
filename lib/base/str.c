#include "lib/base/str.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/mem.h"

void
str_release(struct str *str)
{
	if (str == NULL)
		return;
	free(str->s);
	*str = (struct str){ 0 };
}

void
str_clear(struct str *str)
{
	str->len = 0;
	if (str->s != NULL)
		str->s[0] = '\0';
}

const char *
str_text(const struct str *str)
{
	return str->s != NULL ? str->s : "";
}

char *
str_take(struct str *str)
{
	char *s = str->s != NULL ? str->s : mem_strdup("");

	*str = (struct str){ 0 };
	return s;
}

static void
str_reserve(struct str *str, size_t more)
{
	size_t need = str->len + more + 1;

	if (need <= str->room)
		return;
	if (str->room < 32)
		str->room = 32;
	while (str->room < need)
		str->room *= 2;
	str->s = mem_realloc(str->s, str->room, 1);
}

void
str_push(struct str *str, char c)
{
	str_addn(str, &c, 1);
}

void
str_add(struct str *str, const char *s)
{
	str_addn(str, s, strlen(s));
}

void
str_addn(struct str *str, const char *s, size_t n)
{
	str_reserve(str, n);
	if (n != 0)
		memcpy(str->s + str->len, s, n);
	str->len += n;
	str->s[str->len] = '\0';
}

void
str_addf(struct str *str, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	str_reserve(str, (size_t)n);
	va_start(ap, fmt);
	vsnprintf(str->s + str->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	str->len += (size_t)n;
}

/*
 * Decode one code point of at most n bytes into *cp. Returns its length, or 0
 * where the bytes are not UTF-8 (RFC 3629: no overlong forms, no surrogates).
 */
static size_t
utf8_decode(const unsigned char *s, size_t n, uint32_t *cp)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len, i;

	if (s[0] < 0x80) {
		*cp = s[0];
		return 1;
	}
	if (s[0] >= 0xc2 && s[0] < 0xe0)
		len = 2;
	else if (s[0] >= 0xe0 && s[0] < 0xf0)
		len = 3;
	else if (s[0] >= 0xf0 && s[0] < 0xf5)
		len = 4;
	else
		return 0;
	if (len > n)
		return 0;
	*cp = s[0] & (0xffu >> (len + 1));
	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*cp = *cp << 6 | (s[i] & 0x3fu);
	}
	if (*cp < least[len] || *cp > 0x10ffff ||
	    (*cp >= 0xd800 && *cp < 0xe000))
		return 0;
	return len;
}

/* Controls, and what reorders or hides the text around it. */
static bool
utf8_is_hostile(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x061c ||
	    (cp >= 0x200e && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) ||
	    (cp >= 0x2066 && cp <= 0x2069) || cp == 0xfeff;
}

void
str_add_visible(struct str *str, const char *s, size_t n, bool keep_lines)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t i, len;
	uint32_t cp;

	for (i = 0; i < n; i += len) {
		len = utf8_decode(p + i, n - i, &cp);
		if (len == 0) {
			str_addf(str, "\\x%02x", p[i]);
			len = 1;
		} else if (keep_lines && (cp == '\n' || cp == '\t')) {
			str_push(str, s[i]);
		} else if (cp == '\n' || cp == '\t' || cp == '\r') {
			str_push(str, '\\');
			str_push(str,
			    cp == '\n'       ? 'n'
				: cp == '\t' ? 't'
					     : 'r');
		} else if (!utf8_is_hostile(cp)) {
			str_addn(str, s + i, len);
		} else {
			str_addf(str, cp < 0x80 ? "\\x%02x" : "\\u%04x",
			    (unsigned)cp);
		}
	}
}

void
str_add_utf8(struct str *str, const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t i, len;
	uint32_t cp;

	for (i = 0; i < n; i += len) {
		len = utf8_decode(p + i, n - i, &cp);
		if (len == 0 || cp == 0) {
			str_add(str, "\xef\xbf\xbd");
			len = 1;
		} else {
			str_addn(str, s + i, len);
		}
	}
}

/* Edit distance where two neighbours swapped count as one edit; cut at 99. */
static unsigned
str_distance(const char *a, const char *b)
{
	size_t n = strlen(b), i, j;
	unsigned row[3][65];

	if (n > 64 || strlen(a) > 64)
		return 99;
	for (j = 0; j <= n; j++)
		row[0][j] = (unsigned)j;
	for (i = 1; a[i - 1] != '\0'; i++) {
		unsigned *now = row[i % 3], *up = row[(i + 2) % 3];
		unsigned *up2 = row[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (j = 1; j <= n; j++) {
			unsigned d = up[j - 1] + (a[i - 1] != b[j - 1]);

			if (up[j] + 1 < d)
				d = up[j] + 1;
			if (now[j - 1] + 1 < d)
				d = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && up2[j - 2] + 1 < d)
				d = up2[j - 2] + 1;
			now[j] = d;
		}
	}
	return row[strlen(a) % 3][n];
}

const char *
str_nearest(const char *word, const char *const *names, size_t n)
{
	size_t len = strlen(word);
	/* a third of the word, rounded up, or down for a short one */
	unsigned best = (unsigned)(len < 5 ? len + 1 : len + 2) / 3, d;
	const char *found = NULL;
	size_t i;

	for (i = 0; i < n; i++) {
		d = strcasecmp(word, names[i]) == 0
		    ? 0
		    : str_distance(word, names[i]);
		if (d < best || (d == best && found == NULL)) {
			best = d;
			found = names[i];
		}
	}
	return found;
}

bool
str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}
