#include "cmd/out.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

/* From here on an instant without its year would mislead. */
#define OUT_FAR_MS (INT64_C(300) * 24 * 60 * 60 * 1000)

/* -o is how fields are asked for, so its error is where they are listed. */
static bool
out_unknown(const struct out *out, const char *word, struct err *err)
{
	const char **names = mem_zalloc(out->n, sizeof *names);
	const char *near;
	struct str all = { 0 };
	size_t i;

	for (i = 0; i < out->n; i++) {
		names[i] = out->field[i].name;
		str_addf(&all, "%s%s", i > 0 ? " " : "", names[i]);
	}
	near = str_nearest(word, names, out->n);
	err_set(err, ERR_USAGE, "-o: unknown field '%s'%s%s%s (there are %s)",
	    word, near != NULL ? ", did you mean '" : "",
	    near != NULL ? near : "", near != NULL ? "'?" : "", str_text(&all));
	str_release(&all);
	free(names);
	return false;
}

static bool
out_pick(struct out *out, const char *name, size_t len, struct err *err)
{
	char *word = mem_strndup(name, len);
	bool found = false;
	size_t i;

	for (i = 0; i < out->n && !found; i++)
		found = strcmp(out->field[i].name, word) == 0;
	if (found) {
		out->pick = mem_grow(
		    out->pick, out->picks + 1, sizeof *out->pick);
		out->pick[out->picks++] = i - 1;
	} else {
		out_unknown(out, word, err);
	}
	free(word);
	return found;
}

bool
out_begin(struct out *out, const struct field *field, size_t n, struct err *err)
{
	const char *name = out->names;
	size_t i, len;

	out->field = field;
	out->n = n;
	if (out->style.utc && out->style.epoch)
		return err_set(
		    err, ERR_USAGE, "--utc and --epoch exclude each other");
	for (; name != NULL; name = name[len] != '\0' ? name + len + 1 : NULL) {
		len = strcspn(name, ",");
		if (!out_pick(out, name, len, err))
			return false;
	}
	if (out->names != NULL)
		return true;
	for (i = 0; i < n; i++) {
		if (field[i].only_named)
			continue;
		out->pick = mem_grow(
		    out->pick, out->picks + 1, sizeof *out->pick);
		out->pick[out->picks++] = i;
	}
	return true;
}

void
out_release(struct out *out)
{
	free(out->pick);
	*out = (struct out){ 0 };
}

bool
out_is_machine(const struct out *out)
{
	return out->json || out->names != NULL;
}

void
out_row(const struct out *out, const void *row)
{
	struct str text = { 0 };
	char *json;
	size_t i;

	if (out->json) {
		json = field_json(
		    &out->style, out->field, out->pick, out->picks, row);
		fputs(json, stdout);
		free(json);
	}
	for (i = 0; i < out->picks && !out->json; i++) {
		const struct field *field = &out->field[out->pick[i]];
		struct field_value value = field->get(row, field);

		if (i > 0)
			str_push(&text, '\t');
		field_add_bare(&text, &out->style, &value, row);
	}
	fwrite(str_text(&text), 1, text.len, stdout);
	putchar('\n');
	str_release(&text);
}

const char *
out_human(const struct out *out, int64_t ms, const struct zone *zone,
    char buf[STAMP_TEXT_SIZE])
{
	if (ms == CLOCK_NONE || ms == CLOCK_NEVER)
		return "-";
	if (!out->style.epoch)
		return stamp_human(ms, out->style.utc ? NULL : zone, buf);
	if (ms % 1000 == 0)
		snprintf(buf, STAMP_TEXT_SIZE, "%lld", (long long)(ms / 1000));
	else
		snprintf(buf, STAMP_TEXT_SIZE, "%.3f", (double)ms / 1000);
	return buf;
}

const char *
out_short(const struct out *out, int64_t ms, const struct zone *zone,
    char buf[STAMP_TEXT_SIZE])
{
	int64_t far_ms = ms - clock_now_ms();

	out_human(out, ms, zone, buf);
	if (out->style.epoch ||
	    strlen(buf) != strlen("2026-11-24 03:00:00 +0100"))
		return ms == CLOCK_NONE || ms == CLOCK_NEVER ? "-" : buf;
	if (far_ms > OUT_FAR_MS || far_ms < -OUT_FAR_MS) {
		memmove(buf + 10, buf + 19, 7); /* the day tells enough */
	} else {
		memmove(buf, buf + 5, 11);
		memmove(buf + 11, buf + 19, 7);
	}
	return buf;
}

int
out_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

bool
out_is_wide(int columns)
{
	int width = out_width();

	return width == 0 || width >= columns;
}

bool
out_has_colour(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) &&
	    (no_color == NULL || no_color[0] == '\0') && term != NULL &&
	    strcmp(term, "dumb") != 0;
}

void
out_table(const struct table *table)
{
	table_print(table, stdout, out_width(), out_has_colour());
}
