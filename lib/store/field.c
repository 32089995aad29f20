#include "lib/store/field.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/time/stamp.h"

/* 15 digits print 0.2 as 0.2, and milliseconds of the epoch whole. */
#define FIELD_JSON_FLAGS \
	(JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15))

struct field_value
field_text(const char *text)
{
	return text != NULL ? field_bytes(text, strlen(text)) : field_null();
}

struct field_value
field_bytes(const char *text, size_t len)
{
	return (struct field_value){
		.kind = FIELD_TEXT, .is.text = text, .len = len
	};
}

struct field_value
field_int(int64_t number)
{
	return (struct field_value){ .kind = FIELD_INT, .is.number = number };
}

struct field_value
field_real(double real)
{
	return (struct field_value){ .kind = FIELD_REAL, .is.real = real };
}

struct field_value
field_bool(bool truth)
{
	return (struct field_value){ .kind = FIELD_BOOL, .is.truth = truth };
}

struct field_value
field_id(const struct ulid *id)
{
	return (struct field_value){ .kind = FIELD_ID, .is.id = id };
}

struct field_value
field_time(int64_t ms, const struct zone *zone)
{
	if (ms == CLOCK_NONE || ms == CLOCK_NEVER)
		return field_null();
	return (struct field_value){
		.kind = FIELD_TIME, .is.number = ms, .zone = zone
	};
}

struct field_value
field_span(int64_t ms)
{
	return ms < 0 ? field_null() : field_real((double)ms / 1000);
}

struct field_value
field_list(const char *const *list)
{
	if (list == NULL || list[0] == NULL)
		return field_null();
	if (list[1] == NULL)
		return field_text(list[0]);
	return (struct field_value){ .kind = FIELD_LIST, .is.list = list };
}

/* A number of seconds; whole ones without a point, in bare and in JSON. */
static json_t *
field_json_number(double real)
{
	if (real == floor(real) && fabs(real) < 1e15)
		return json_integer((json_int_t)real);
	return json_real(real);
}

static json_t *
field_json_text(const char *s, size_t n)
{
	struct str text = { 0 };
	json_t *json;

	str_add_utf8(&text, s, n);
	json = json_stringn_nocheck(str_text(&text), text.len);
	str_release(&text);
	return json;
}

static json_t *
field_json_time(
    const struct field_style *style, int64_t ms, const struct zone *zone)
{
	char buf[STAMP_TEXT_SIZE];

	if (style->epoch)
		return field_json_number((double)ms / 1000);
	return json_string_nocheck(
	    stamp_rfc3339(ms, style->utc ? NULL : zone, buf));
}

static json_t *
field_json_pairs(const char *text)
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
		    field_json_text(sign + 1, (size_t)(end - sign - 1)));
	}
	str_release(&key);
	return json;
}

static json_t *field_json_object(const struct field_style *style,
    const struct field *field, const size_t *pick, size_t n, const void *row);

static json_t *
field_json_value(const struct field_style *style,
    const struct field_value *value, const void *row)
{
	char id[ULID_LEN + 1];
	json_t *list;
	size_t i;

	switch (value->kind) {
	case FIELD_NULL:
		break;
	case FIELD_TEXT:
		return field_json_text(value->is.text, value->len);
	case FIELD_INT:
		return json_integer(value->is.number);
	case FIELD_REAL:
		return field_json_number(value->is.real);
	case FIELD_BOOL:
		return json_boolean(value->is.truth);
	case FIELD_ID:
		ulid_format(value->is.id, id);
		return json_string_nocheck(id);
	case FIELD_TIME:
		return field_json_time(style, value->is.number, value->zone);
	case FIELD_PAIRS:
		return field_json_pairs(value->is.text);
	case FIELD_TREE:
		return field_json_object(
		    style, value->tree, NULL, value->len, row);
	case FIELD_ROWS:
		list = json_array();
		for (i = 0; i < value->n; i++)
			json_array_append_new(list,
			    field_json_object(style, value->tree, NULL,
				value->len,
				(const char *)value->rows + i * value->size));
		return list;
	case FIELD_LIST:
		list = json_array();
		for (i = 0; value->is.list[i] != NULL; i++)
			json_array_append_new(list,
			    field_json_text(
				value->is.list[i], strlen(value->is.list[i])));
		return list;
	case FIELD_TIMES:
		list = json_array();
		for (i = 0; i < value->len; i++)
			json_array_append_new(list,
			    field_json_time(
				style, value->times[i], value->zone));
		return list;
	}
	return json_null();
}

/* pick NULL: all n fields. */
static json_t *
field_json_object(const struct field_style *style, const struct field *field,
    const size_t *pick, size_t n, const void *row)
{
	json_t *json = json_object();
	size_t i;

	for (i = 0; i < n; i++) {
		const struct field *f = &field[pick != NULL ? pick[i] : i];
		struct field_value value = f->get(row, f);

		json_object_set_new_nocheck(
		    json, f->name, field_json_value(style, &value, row));
	}
	return json;
}

static int
field_add_dumped(const char *s, size_t n, void *data)
{
	str_addn(data, s, n);
	return 0;
}

char *
field_json(const struct field_style *style, const struct field *field,
    const size_t *pick, size_t n, const void *row)
{
	json_t *json = field_json_object(style, field, pick, n, row);
	struct str text = { 0 };

	json_dump_callback(json, field_add_dumped, &text, FIELD_JSON_FLAGS);
	json_decref(json);
	return str_take(&text);
}

static void
field_add_dump(struct str *out, const struct field_style *style,
    const struct field_value *value, const void *row)
{
	json_t *json = field_json_value(style, value, row);

	if (json_is_string(json))
		str_add(out, json_string_value(json));
	else
		json_dump_callback(json, field_add_dumped, out,
		    FIELD_JSON_FLAGS | JSON_ENCODE_ANY);
	json_decref(json);
}

void
field_add_bare(struct str *out, const struct field_style *style,
    const struct field_value *value, const void *row)
{
	size_t i;

	switch (value->kind) {
	case FIELD_NULL:
		break;
	case FIELD_TEXT:
	case FIELD_PAIRS:
		str_add_visible(out, value->is.text,
		    value->kind == FIELD_TEXT ? value->len
					      : strlen(value->is.text),
		    false);
		break;
	case FIELD_LIST:
		for (i = 0; value->is.list[i] != NULL; i++) {
			str_add(out, i > 0 ? "; " : "");
			str_add_visible(out, value->is.list[i],
			    strlen(value->is.list[i]), false);
		}
		break;
	case FIELD_INT:
	case FIELD_REAL:
	case FIELD_BOOL:
	case FIELD_ID:
	case FIELD_TIME:
	case FIELD_TIMES:
	case FIELD_TREE:
	case FIELD_ROWS:
		field_add_dump(out, style, value, row);
		break;
	}
}
