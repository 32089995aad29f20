#include "cmd/out.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

/* 15 digits print 0.2 as 0.2, and milliseconds of the epoch whole. */
#define OUT_JSON_FLAGS \
	(JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15))

/* From here on an instant without its year would mislead. */
#define OUT_FAR_MS (INT64_C(300) * 24 * 60 * 60 * 1000)

struct out_value
out_text(const char *text)
{
	return text != NULL ? out_bytes(text, strlen(text)) : out_null();
}

struct out_value
out_bytes(const char *text, size_t len)
{
	return (
	    struct out_value){ .kind = OUT_TEXT, .is.text = text, .len = len };
}

struct out_value
out_int(int64_t number)
{
	return (struct out_value){ .kind = OUT_INT, .is.number = number };
}

struct out_value
out_real(double real)
{
	return (struct out_value){ .kind = OUT_REAL, .is.real = real };
}

struct out_value
out_bool(bool truth)
{
	return (struct out_value){ .kind = OUT_BOOL, .is.truth = truth };
}

struct out_value
out_id(const struct ulid *id)
{
	return (struct out_value){ .kind = OUT_ID, .is.id = id };
}

struct out_value
out_time(int64_t ms, const struct zone *zone)
{
	if (ms == CLOCK_NONE || ms == CLOCK_NEVER)
		return out_null();
	return (struct out_value){
		.kind = OUT_TIME, .is.number = ms, .zone = zone
	};
}

struct out_value
out_span(int64_t ms)
{
	return ms < 0 ? out_null() : out_real((double)ms / 1000);
}

struct out_value
out_list(const char *const *list)
{
	if (list == NULL || list[0] == NULL)
		return out_null();
	if (list[1] == NULL)
		return out_text(list[0]);
	return (struct out_value){ .kind = OUT_LIST, .is.list = list };
}

/* A number of seconds; whole ones without a point, in bare and in JSON. */
static json_t *
out_json_number(double real)
{
	if (real == floor(real) && fabs(real) < 1e15)
		return json_integer((json_int_t)real);
	return json_real(real);
}

static json_t *
out_json_text(const char *s, size_t n)
{
	struct str text = { 0 };
	json_t *json;

	str_add_utf8(&text, s, n);
	json = json_stringn_nocheck(str_text(&text), text.len);
	str_release(&text);
	return json;
}

static json_t *
out_json_time(const struct out *out, int64_t ms, const struct zone *zone)
{
	char buf[STAMP_TEXT_SIZE];

	if (out->epoch)
		return out_json_number((double)ms / 1000);
	return json_string_nocheck(
	    stamp_rfc3339(ms, out->utc ? NULL : zone, buf));
}

static json_t *
out_json_pairs(const char *text)
{
	json_t *json = json_object();
	struct str key = { 0 };
	const char *end, *sign;

	for (; *text != '\0'; text = *end != '\0' ? end + 1 : end) {
		end = strchrnul(text, '\n');
		sign = memchr(text, '=', (size_t)(end - text));
		if (sign == NULL)
			continue;
		str_clear(&key);
		str_add_utf8(&key, text, (size_t)(sign - text));
		json_object_set_new_nocheck(json, str_text(&key),
		    out_json_text(sign + 1, (size_t)(end - sign - 1)));
	}
	str_release(&key);
	return json;
}

static json_t *
out_json_object(const struct out *out, const struct out_field *field,
    const size_t *pick, size_t n, const void *row);

static json_t *
out_json(const struct out *out, const struct out_value *value, const void *row)
{
	char id[ULID_LEN + 1];
	json_t *list;
	size_t i;

	switch (value->kind) {
	case OUT_NULL:
		break;
	case OUT_TEXT:
		return out_json_text(value->is.text, value->len);
	case OUT_INT:
		return json_integer(value->is.number);
	case OUT_REAL:
		return out_json_number(value->is.real);
	case OUT_BOOL:
		return json_boolean(value->is.truth);
	case OUT_ID:
		ulid_format(value->is.id, id);
		return json_string_nocheck(id);
	case OUT_TIME:
		return out_json_time(out, value->is.number, value->zone);
	case OUT_PAIRS:
		return out_json_pairs(value->is.text);
	case OUT_TREE:
		return out_json_object(out, value->tree, NULL, value->len, row);
	case OUT_ROWS:
		list = json_array();
		for (i = 0; i < value->n; i++)
			json_array_append_new(list,
			    out_json_object(out, value->tree, NULL, value->len,
				(const char *)value->rows + i * value->size));
		return list;
	case OUT_LIST:
		list = json_array();
		for (i = 0; value->is.list[i] != NULL; i++)
			json_array_append_new(list,
			    out_json_text(
				value->is.list[i], strlen(value->is.list[i])));
		return list;
	case OUT_TIMES:
		list = json_array();
		for (i = 0; i < value->len; i++)
			json_array_append_new(list,
			    out_json_time(out, value->times[i], value->zone));
		return list;
	}
	return json_null();
}

/* pick NULL: all n fields. */
static json_t *
out_json_object(const struct out *out, const struct out_field *field,
    const size_t *pick, size_t n, const void *row)
{
	json_t *json = json_object();
	size_t i;

	for (i = 0; i < n; i++) {
		const struct out_field *f = &field[pick != NULL ? pick[i] : i];
		struct out_value value = f->get(row, f);

		json_object_set_new_nocheck(
		    json, f->name, out_json(out, &value, row));
	}
	return json;
}

/*
 * A value alone: what JSON would say, without its quotes; null is nothing. A
 * tab or newline within a text is made visible, so that a line has its fields.
 */
static void
out_bare(const struct out *out, const struct out_value *value, const void *row)
{
	struct str text = { 0 };
	json_t *json;
	size_t i;

	switch (value->kind) {
	case OUT_NULL:
		break;
	case OUT_TEXT:
	case OUT_PAIRS:
		str_add_visible(&text, value->is.text,
		    value->kind == OUT_TEXT ? value->len
					    : strlen(value->is.text),
		    false);
		break;
	case OUT_LIST:
		for (i = 0; value->is.list[i] != NULL; i++) {
			str_add(&text, i > 0 ? "; " : "");
			str_add_visible(&text, value->is.list[i],
			    strlen(value->is.list[i]), false);
		}
		break;
	case OUT_INT:
	case OUT_REAL:
	case OUT_BOOL:
	case OUT_ID:
	case OUT_TIME:
	case OUT_TIMES:
	case OUT_TREE:
	case OUT_ROWS:
		json = out_json(out, value, row);
		if (json_is_string(json))
			fputs(json_string_value(json), stdout);
		else
			json_dumpf(
			    json, stdout, OUT_JSON_FLAGS | JSON_ENCODE_ANY);
		json_decref(json);
		break;
	}
	fwrite(str_text(&text), 1, text.len, stdout);
	str_release(&text);
}

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
out_begin(
    struct out *out, const struct out_field *field, size_t n, struct err *err)
{
	const char *name = out->names;
	size_t i, len;

	out->field = field;
	out->n = n;
	if (out->utc && out->epoch)
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
	json_t *json;
	size_t i;

	if (out->json) {
		json = out_json_object(
		    out, out->field, out->pick, out->picks, row);
		json_dumpf(json, stdout, OUT_JSON_FLAGS);
		json_decref(json);
	}
	for (i = 0; i < out->picks && !out->json; i++) {
		const struct out_field *field = &out->field[out->pick[i]];
		struct out_value value = field->get(row, field);

		if (i > 0)
			putchar('\t');
		out_bare(out, &value, row);
	}
	putchar('\n');
}

const char *
out_human(const struct out *out, int64_t ms, const struct zone *zone,
    char buf[STAMP_TEXT_SIZE])
{
	if (ms == CLOCK_NONE || ms == CLOCK_NEVER)
		return "-";
	if (!out->epoch)
		return stamp_human(ms, out->utc ? NULL : zone, buf);
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
	if (out->epoch || strlen(buf) != strlen("2026-11-24 03:00:00 +0100"))
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
