#include "lib/jobfile/explain.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/err.h"

/* How much of the user's text a message repeats. */
#define QUOTED_MAX 120

/* A line of the file: what is from s to end, without its line break. */
struct line {
	const char *s, *end;
	const char *key; /* NULL if the line has none */
	size_t key_len;
	const char *value; /* after "key: " or "- ", at most end */
};

static bool
is_break(char c)
{
	return c == '\n' || c == '\r';
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The end of a quoted text that begins at s: behind the quote, or end. */
static const char *
skip_quoted(const char *s, const char *end)
{
	char quote = *s++;

	for (; s < end; s++) {
		if (quote == '"' && *s == '\\')
			s++;
		else if (*s == quote && quote == '\'' && s + 1 < end &&
		    s[1] == '\'')
			s++;
		else if (*s == quote)
			return s + 1;
	}
	return end;
}

/* Where the colon of "key: " is in [s, end), or NULL. */
static const char *
find_colon(const char *s, const char *end)
{
	if (s < end && (*s == '"' || *s == '\''))
		s = skip_quoted(s, end);
	for (; s < end; s++)
		if (*s == ':' && (s + 1 == end || is_blank(s[1])))
			return s;
		else if (*s == '#' || *s == '{' || *s == '[')
			return NULL;
	return NULL;
}

static bool
line_find(const struct explain *fault, int number, struct line *line)
{
	const char *s = fault->text, *end = s + fault->n, *colon;

	for (; number > 1 && s < end; number--) {
		while (s < end && !is_break(*s))
			s++;
		if (s + 1 < end && s[0] == '\r' && s[1] == '\n')
			s++;
		s += s < end;
	}
	if (number != 1 || s >= end)
		return false;
	*line = (struct line){ .s = s };
	while (s < end && !is_break(*s))
		s++;
	line->end = s;
	for (s = line->s; s < line->end && is_blank(*s);)
		s++;
	while (s + 1 < line->end && *s == '-' && is_blank(s[1]))
		for (s++; s < line->end && is_blank(*s);)
			s++;
	if ((colon = find_colon(s, line->end)) != NULL) {
		line->key = s;
		line->key_len = (size_t)(colon - s);
		for (s = colon + 1; s < line->end && is_blank(*s);)
			s++;
	}
	line->value = s;
	return true;
}

/* Characters, not bytes, from the line's begin, counted from 1. */
static int
line_col(const struct line *line, const char *s)
{
	const char *p;
	int col = 1;

	for (p = line->s; p < s; p++)
		col += (*p & 0xc0) != 0x80;
	return col;
}

static const char *
line_at(const struct line *line, int col)
{
	const char *s = line->s;

	while (col > 1 && s < line->end) {
		s++;
		while (s < line->end && (*s & 0xc0) == 0x80)
			s++;
		col--;
	}
	return s;
}

/* Where [s, end) ends without its comment and the blanks around it. */
static const char *
trim(const char *s, const char *end)
{
	const char *p;

	for (p = s; p + 1 < end; p++)
		if (is_blank(p[0]) && p[1] == '#') {
			end = p;
			break;
		}
	while (end > s && is_blank(end[-1]))
		end--;
	return end;
}

static bool
holds(const char *s, const char *end, char c)
{
	return end > s && memchr(s, c, (size_t)(end - s)) != NULL;
}

/* "text that ... must be quoted: write 'TEXT'" into the hint. */
static bool
say_quote(struct explain *fault, const struct line *line, const char *s,
    const char *end, const char *what)
{
	const char *quote = "\"", *p;
	size_t len;

	end = trim(s, end);
	if (holds(s, end, '"') || holds(s, end, '\\'))
		quote = "'";
	fault->col = line_col(line, s);
	snprintf(fault->hint, sizeof fault->hint,
	    "text that %s must be quoted: write %s", what, quote);
	len = strlen(fault->hint);
	for (p = s; p < end && p - s < QUOTED_MAX && len < QUOTED_MAX * 3;
	     p++) {
		fault->hint[len++] = *p;
		if (*p == '\'' && *quote == '\'')
			fault->hint[len++] = *p;
	}
	snprintf(fault->hint + len, sizeof fault->hint - len, "%s%s",
	    p < end ? "..." : "", quote);
	return true;
}

static bool
say_tab(struct explain *fault, const struct line *line, const char *s)
{
	fault->col = line_col(line, s);
	snprintf(fault->hint, sizeof fault->hint,
	    "a tab where YAML allows none: indent and separate with blanks");
	return true;
}

/* The end of the brackets that open at s, or NULL where they do not close. */
static const char *
skip_brackets(const char *s, const char *end)
{
	int depth = 0;

	for (; s < end; s++) {
		if (*s == '[' || *s == '{')
			depth++;
		else if ((*s == ']' || *s == '}') && --depth == 0)
			return s + 1;
	}
	return NULL;
}

/* Is there something but a comment in [s, end)? */
static bool
is_more(const char *s, const char *end)
{
	while (s < end && is_blank(*s))
		s++;
	return s < end && *s != '#';
}

/* `[ -f x ] && y`, `{ a; } | b`, `"a" b`: YAML stops half-way. */
static bool
explain_half(struct explain *fault, const struct line *line)
{
	const char *s = line->value, *rest;

	if (s == line->end)
		return false;
	if (*s == '[' || *s == '{') {
		rest = skip_brackets(s, line->end);
		if (rest != NULL && !is_more(rest, line->end))
			return false;
		if (rest == NULL &&
		    (fault->problem == NULL ||
			strstr(fault->problem, "expected ',' or") == NULL))
			return false;
		return say_quote(fault, line, s, line->end,
		    *s == '[' ? "begins with '['" : "begins with '{'");
	}
	if (*s == '"' || *s == '\'') {
		rest = skip_quoted(s, line->end);
		return is_more(rest, line->end) &&
		    say_quote(
			fault, line, s, line->end, "goes on after a quote");
	}
	return false;
}

static const struct {
	char c;
	const char *what;
} first[] = {
	{ '*', "begins with '*'" },
	{ '@', "begins with '@'" },
	{ '`', "begins with '`'" },
	{ '%', "begins with '%'" },
	{ '&', "begins with '&'" },
	{ '!', "begins with '!'" },
	{ '|', "begins with '|'" },
	{ '>', "begins with '>'" },
};

/* An entry of "{cron: * * * * *, command: x}" or of "[* * * * *]". */
static bool
explain_entry(struct explain *fault, const struct line *line)
{
	const char *at = line_at(line, fault->col), *end;
	size_t i;

	if (*line->value != '[' && *line->value != '{')
		return false;
	/* libyaml's place is the star or, where nothing follows, behind it */
	if (at > line->s && at[-1] == '*')
		at--;
	for (i = 0; i < ARRAY_LEN(first) && at < line->end; i++) {
		if (*at != first[i].c)
			continue;
		for (end = at; end < line->end && strchr(",]}", *end) == NULL;)
			end++;
		fault->is_last = true;
		return say_quote(fault, line, at, end, first[i].what);
	}
	return false;
}

/* A character that means something to YAML where a text begins with it. */
static bool
explain_first(struct explain *fault, const struct line *line)
{
	const char *s = line->value;
	size_t i;

	if (s == line->end)
		return false;
	for (i = 0; i < ARRAY_LEN(first); i++)
		if (*s == first[i].c)
			return say_quote(
			    fault, line, s, line->end, first[i].what);
	return explain_entry(fault, line);
}

/* `echo a: b`: a colon and a blank end a key. */
static bool
explain_colon(struct explain *fault, const struct line *line)
{
	const char *s = line->value;

	if (line->key == NULL || s == line->end || fault->problem == NULL ||
	    strstr(fault->problem, "mapping values are not allowed") == NULL ||
	    find_colon(s, line->end) == NULL)
		return false;
	return say_quote(
	    fault, line, s, line->end, "holds a colon and a blank");
}

/* `command:true`, which is one word. */
static bool
explain_joined(struct explain *fault, const struct line *line)
{
	const char *s = line->value, *p = s;

	if (line->key != NULL)
		return false;
	while (p < line->end &&
	    ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		*p == '_' || (p > s && *p >= '0' && *p <= '9')))
		p++;
	if (p == s || p + 1 >= line->end || *p != ':')
		return false;
	fault->col = line_col(line, p);
	snprintf(fault->hint, sizeof fault->hint,
	    "a blank is missing after '%.*s:'", (int)(p + 1 - s - 1), s);
	return true;
}

/* `interval: - 5m`: a list's first item on the key's own line. */
static bool
explain_dash(struct explain *fault, const struct line *line)
{
	const char *s = line->value;

	if (line->key == NULL || s + 1 >= line->end || *s != '-' ||
	    !is_blank(s[1]))
		return false;
	fault->col = line_col(line, s);
	snprintf(fault->hint, sizeof fault->hint,
	    "a list's '- ' begins a line of its own; or quote the text");
	return true;
}

static bool
explain_line(struct explain *fault, int number)
{
	struct line line;
	const char *s;

	if (number < 1 || !line_find(fault, number, &line))
		return false;
	if (number != fault->line) {
		fault->line = number;
		fault->col = 1;
	}
	for (s = line.s; s < line.end && is_blank(*s); s++)
		if (*s == '\t')
			return say_tab(fault, &line, s);
	fault->key = line.key;
	fault->key_len = line.key_len;
	s = line_at(&line, fault->col);
	if (s < line.end && *s == '\t')
		return say_tab(fault, &line, s);
	return explain_half(fault, &line) || explain_first(fault, &line) ||
	    explain_colon(fault, &line) || explain_dash(fault, &line) ||
	    explain_joined(fault, &line);
}

/* What has no text to quote: libyaml's words, with what they mean. */
static bool
explain_rest(struct explain *fault)
{
	const char *context = fault->context, *problem = fault->problem;

	if (context != NULL && problem != NULL &&
	    strstr(context, "scanning a quoted scalar") != NULL &&
	    strstr(problem, "end of stream") != NULL) {
		fault->line = fault->context_line;
		fault->col = fault->context_col;
		fault->is_last = true;
		snprintf(fault->hint, sizeof fault->hint,
		    "this quote is never closed");
		return true;
	}
	if (problem != NULL && context != NULL &&
	    strstr(context, "parsing a block") != NULL &&
	    strstr(problem, "did not find expected") != NULL) {
		snprintf(fault->hint, sizeof fault->hint,
		    "not YAML: this line is indented neither as the one above "
		    "nor as one that it could belong to");
		return true;
	}
	return false;
}

bool
explain_fault(struct explain *fault)
{
	int line = fault->line, col = fault->col;

	/* a text over several lines is noticed on a later one */
	if (explain_line(fault, line) ||
	    (fault->context != NULL && fault->context_line != line &&
		fault->context_line >= line - 1 &&
		explain_line(fault, fault->context_line)) ||
	    explain_line(fault, line - 1))
		return true;
	fault->line = line;
	fault->col = col;
	fault->key = NULL;
	return explain_rest(fault);
}
