#include "test/nemesis/resp.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void
resp_begin(struct resp *r)
{
	memset(r, 0, sizeof *r);
	r->is_inside = true;
	r->need = 1;
}

static void
resp_letter(struct resp *r, char byte)
{
	if (r->has_word || r->word_len + 1 >= (int)sizeof r->word)
		return;
	r->word[r->word_len++] = (char)toupper((unsigned char)byte);
	r->word[r->word_len] = '\0';
}

/* A header is whole: what it announces. */
static void
resp_header(struct resp *r)
{
	int64_t n = strtoll(r->line + 1, NULL, 10);

	r->line[r->len] = '\0';
	r->len = 0;
	r->need--;
	if (r->line[0] == '*' && n > 0) {
		r->need += n;
	} else if (r->line[0] == '$' && n >= 0) {
		r->need++;
		r->in_text = true;
		r->skip = n + 2;
	}
}

bool
resp_feed(struct resp *r, char byte)
{
	if (!r->is_inside)
		resp_begin(r);
	if (r->in_text) {
		if (--r->skip >= 2)
			resp_letter(r, byte);
		if (r->skip > 0)
			return false;
		r->in_text = false;
		r->has_word = true;
		r->need--;
	} else if (byte != '\n') {
		if (r->len + 1 < (int)sizeof r->line)
			r->line[r->len++] = byte;
		return false;
	} else {
		resp_header(r);
	}
	r->is_inside = r->need > 0;
	return !r->is_inside;
}
