#include "cmd/output.h"

#include <stdio.h>
#include <string.h>

void
output_release(struct output *output)
{
	str_release(&output->rest);
}

/* How many of the last bytes begin a character that is not complete yet. */
static size_t
output_unfinished(const char *s, size_t n)
{
	size_t back;

	for (back = 1; back <= 3 && back <= n; back++) {
		unsigned char c = (unsigned char)s[n - back];

		if (c < 0x80)
			return 0;
		if (c >= 0xc0) {
			size_t len = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

			return len > back ? back : 0;
		}
	}
	return 0;
}

static void
output_put_visible(const char *s, size_t n)
{
	struct str text = { 0 };

	str_add_visible(&text, s, n, true);
	fwrite(str_text(&text), 1, text.len, stdout);
	str_release(&text);
}

void
output_put(struct output *output, const char *data, size_t n)
{
	struct str *rest = &output->rest;
	size_t keep;

	if (n == 0)
		return;
	output->is_in_line = data[n - 1] != '\n';
	if (!output->is_visible) {
		fwrite(data, 1, n, stdout);
		return;
	}
	str_addn(rest, data, n);
	keep = output_unfinished(rest->s, rest->len);
	output_put_visible(rest->s, rest->len - keep);
	memmove(rest->s, rest->s + rest->len - keep, keep);
	rest->len = keep;
	rest->s[keep] = '\0';
}

void
output_end(struct output *output)
{
	output_put_visible(str_text(&output->rest), output->rest.len);
	str_clear(&output->rest);
	if (output->is_visible && output->is_in_line)
		putchar('\n');
	output->is_in_line = false;
}

void
output_skip(struct output *output, uint64_t n)
{
	output_end(output);
	fflush(stdout); /* the note stands where the bytes stood */
	cli_note(
	    output->cli, "%llu bytes are left out here", (unsigned long long)n);
}

int64_t
output_omitted(const struct record *record)
{
	int64_t kept = (int64_t)(record->head_len + record->tail_len);

	return record->output_bytes > kept ? record->output_bytes - kept : 0;
}

void
output_record(struct output *output, const struct record *record)
{
	int64_t omitted = output_omitted(record);

	output_put(output, record->head, record->head_len);
	if (omitted > 0)
		output_skip(output, (uint64_t)omitted);
	output_put(output, record->tail, record->tail_len);
	output_end(output);
}
