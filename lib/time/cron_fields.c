#include "lib/time/cron_fields.h"

#include <string.h>
#include <strings.h>

#include "lib/base/hash.h"
#include "lib/time/cron.h"

/*
 * Fields of a cron expression to their bit sets. Each field is a list of
 * items, each item is read by one function into the set of its field; what
 * only the two day fields know (L, W, #) goes into sets of its own.
 */

enum { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };

static const char *const month_names[] = { "jan", "feb", "mar", "apr", "may",
	"jun", "jul", "aug", "sep", "oct", "nov", "dec" };
static const char *const weekday_names[] = { "sun", "mon", "tue", "wed", "thu",
	"fri", "sat" };

static const struct field {
	const char *name, *range; /* range: for people */
	int min, max;             /* of a value */
	int end;                  /* of *, n/step */
	int hash_end;             /* of H and ~ */
	int first_name, n_names;  /* the value of name[0] */
	const char *const *names;
} fields[FIELDS] = {
	[SECOND] = { "second", "0 to 59", 0, 59, 59, 59, 0, 0, NULL },
	[MINUTE] = { "minute", "0 to 59", 0, 59, 59, 59, 0, 0, NULL },
	[HOUR] = { "hour", "0 to 23", 0, 23, 23, 23, 0, 0, NULL },
	[DAY] = { "day of month", "1 to 31", 1, 31, 31, 28, 0, 0, NULL },
	[MONTH] = { "month", "1 to 12 or jan to dec", 1, 12, 12, 12, 1, 12,
	    month_names },
	[WEEKDAY] = { "weekday", "0 to 7 or sun to sat", 0, 7, 6, 6, 0, 7,
	    weekday_names },
};

struct parser {
	const char *text; /* all of it */
	const char *p;    /* what is read next */
	const char *item; /* where the item at hand begins */
	const struct field *field;
	const char *name; /* the job's, for H and ~ */
	struct place at;  /* of text */
	struct err *err;
	struct cron cron;
};

/* A range with a step, before it becomes bits. */
struct range {
	int low, high, step;
};

static struct place
place_of(const struct parser *ps, const char *p)
{
	return place_right(ps->at, (size_t)(p - ps->text));
}

/* The length of the item at hand, for messages. */
static int
item_len(const struct parser *ps)
{
	const char *end = ps->item;

	while (*end != '\0' && *end != ',' && !cron_is_blank(*end))
		end++;
	return end - ps->item < 64 ? (int)(end - ps->item) : 64;
}

/* "minute: '5x' is not 0 to 59" and the like; `what` says what it is not. */
static bool
fail(struct parser *ps, enum err_code code, const char *what)
{
	return err_at(ps->err, place_of(ps, ps->item), code,
	    "%s: '%.*s' %s (%s is %s)", ps->field->name, item_len(ps), ps->item,
	    what, ps->field->name, ps->field->range);
}

static bool
at_item_end(const struct parser *ps)
{
	return *ps->p == '\0' || *ps->p == ',' || cron_is_blank(*ps->p);
}

static bool
take(struct parser *ps, char c)
{
	if (*ps->p != c)
		return false;
	ps->p++;
	return true;
}

/* L, W and H, as the names, may be written in any case. */
static bool
take_letter(struct parser *ps, char upper)
{
	return take(ps, upper) || take(ps, (char)(upper | 0x20));
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits into *n; what is too large for any field stays too large. */
static bool
read_number(struct parser *ps, int *n)
{
	if (!is_digit(*ps->p))
		return false;
	for (*n = 0; is_digit(*ps->p); ps->p++)
		if (*n < 100000)
			*n = *n * 10 + (*ps->p - '0');
	return true;
}

static bool
read_name(struct parser *ps, int *n)
{
	const struct field *f = ps->field;
	int i;

	for (i = 0; i < f->n_names; i++)
		if (strncasecmp(ps->p, f->names[i], 3) == 0) {
			ps->p += 3;
			*n = f->first_name + i;
			return true;
		}
	return false;
}

/* A number in the field's range, or one of its names. */
static bool
read_value(struct parser *ps, int *n)
{
	if (read_number(ps, n)) {
		if (*n < ps->field->min || *n > ps->field->max)
			return fail(ps, ERR_RANGE, "is out of range");
		return true;
	}
	if (read_name(ps, n))
		return true;
	return fail(ps, ERR_SYNTAX,
	    at_item_end(ps) && ps->p == ps->item ? "is empty"
						 : "is not understood");
}

static uint64_t
seed_of(const struct parser *ps)
{
	return hash_text(ps->name, (uint64_t)(ps->field - fields) + 1);
}

/* "/step", if there is one; n tells whether there was. */
static bool
read_step(struct parser *ps, struct range *r, bool *given)
{
	const struct field *f = ps->field;

	*given = take(ps, '/');
	if (!*given)
		return true;
	if (!read_number(ps, &r->step))
		return fail(ps, ERR_SYNTAX, "has no number after its /");
	if (r->step == 0)
		return fail(ps, ERR_RANGE, "has a step of zero");
	if (r->step > f->end - f->min + 1)
		return fail(ps, ERR_RANGE, "has a step larger than its field");
	return true;
}

static uint64_t
range_bits(const struct range *r)
{
	uint64_t bits = 0;
	int i;

	if (r->step == 1)
		return (UINT64_C(2) << r->high) - (UINT64_C(1) << r->low);
	for (i = r->low; i <= r->high; i += r->step)
		bits |= UINT64_C(1) << i;
	return bits;
}

/* The high end of "low-". Sunday is 7 there, unless it is all of it. */
static bool
read_high(struct parser *ps, struct range *r)
{
	bool named = !is_digit(*ps->p);

	if (!read_value(ps, &r->high))
		return false;
	if (ps->field == &fields[WEEKDAY] && named && r->high == 0 &&
	    r->low > 0)
		r->high = 7;
	return r->low <= r->high || fail(ps, ERR_RANGE, "runs backwards");
}

/*
 * One value of [low, high] for this job and field; with a step, each step-th
 * from one of the first.
 */
static bool
read_hashed(struct parser *ps, struct range *r, uint64_t *bits)
{
	int width = r->high - r->low + 1;
	bool stepped;

	if (!read_step(ps, r, &stepped))
		return false;
	if (stepped && r->step < width)
		width = r->step;
	r->low += (int)(seed_of(ps) % (uint64_t)width);
	*bits |= stepped ? range_bits(r) : UINT64_C(1) << r->low;
	return true;
}

/* After "H": "", "(a-b)", each with a step or without. */
static bool
read_h(struct parser *ps, uint64_t *bits)
{
	struct range r = { ps->field->min, ps->field->hash_end, 1 };

	if (take(ps, '(')) {
		if (!read_value(ps, &r.low))
			return false;
		if (!take(ps, '-'))
			return fail(ps, ERR_SYNTAX, "is not H(LOW-HIGH)");
		if (!read_high(ps, &r))
			return false;
		if (!take(ps, ')'))
			return fail(ps, ERR_SYNTAX, "is not H(LOW-HIGH)");
	}
	return read_hashed(ps, &r, bits);
}

/* After "~" or "a~": "", "b". */
static bool
read_tilde(struct parser *ps, int low, uint64_t *bits)
{
	struct range r = { low, ps->field->hash_end, 1 };

	if (r.low > r.high) /* 30~, as a day */
		r.high = ps->field->end;
	if (!at_item_end(ps) && *ps->p != '/' && !read_value(ps, &r.high))
		return false;
	if (r.low > r.high)
		return fail(ps, ERR_RANGE, "runs backwards");
	return read_hashed(ps, &r, bits);
}

/* "L", "LW", "L-n" of the day of month. */
static bool
read_last_day(struct parser *ps)
{
	int back = 0;

	if (take_letter(ps, 'W')) {
		ps->cron.near_days |= 1;
		return true;
	}
	if (take(ps, '-')) {
		if (!read_number(ps, &back))
			return fail(ps, ERR_SYNTAX, "has no number after L-");
		if (back > 30)
			return fail(ps, ERR_RANGE,
			    "is before the month; L-30 goes farthest");
	}
	ps->cron.last_days |= UINT32_C(1) << back;
	return true;
}

/* After a single weekday: "L" or "#n". */
static bool
read_weekday_mark(struct parser *ps, int day, bool *marked)
{
	uint8_t bit = (uint8_t)(1u << day % 7);
	int n;

	*marked = true;
	if (take_letter(ps, 'L')) {
		ps->cron.last_weekdays |= bit;
	} else if (take(ps, '#')) {
		if (!read_number(ps, &n))
			return fail(
			    ps, ERR_SYNTAX, "has no number after its #");
		if (n < 1 || n > 5)
			return fail(ps, ERR_RANGE,
			    "is never: a month has a first to a fifth of each");
		ps->cron.nth_weekdays[n - 1] |= bit;
	} else {
		*marked = false;
	}
	return true;
}

/* What only one of the two day fields knows, after its first value. */
static bool
read_mark(struct parser *ps, int value, bool *marked)
{
	*marked = false;
	if (ps->field == &fields[WEEKDAY])
		return read_weekday_mark(ps, value, marked);
	if (ps->field == &fields[DAY] && take_letter(ps, 'W')) {
		ps->cron.near_days |= UINT32_C(1) << value;
		*marked = true;
	}
	return true;
}

/* An item that begins with a value: n, n/step, a-b, a-b/step, a~b, marks. */
static bool
read_from_value(struct parser *ps, uint64_t *bits)
{
	struct range r = { 0, 0, 1 };
	bool done, stepped;

	if (!read_value(ps, &r.low) || !read_mark(ps, r.low, &done))
		return false;
	if (done)
		return true;
	if (take(ps, '~'))
		return read_tilde(ps, r.low, bits);
	if (take(ps, '-')) {
		if (!read_high(ps, &r) || !read_step(ps, &r, &stepped))
			return false;
	} else {
		if (!read_step(ps, &r, &stepped))
			return false;
		if (stepped && r.low > ps->field->end)
			r.low = ps->field->min; /* Sunday as 7 */
		r.high = stepped ? ps->field->end : r.low;
	}
	*bits |= range_bits(&r);
	return true;
}

static bool
read_item(struct parser *ps, uint64_t *bits)
{
	struct range r = { ps->field->min, ps->field->end, 1 };
	bool stepped;

	ps->item = ps->p;
	if (take(ps, '*')) {
		if (!read_step(ps, &r, &stepped))
			return false;
		*bits |= range_bits(&r);
	} else if (take(ps, '?')) {
		*bits |= range_bits(&r);
	} else if (take(ps, '~')) {
		if (!read_tilde(ps, ps->field->min, bits))
			return false;
	} else if (take_letter(ps, 'H')) {
		if (!read_h(ps, bits))
			return false;
	} else if (ps->field == &fields[DAY] && take_letter(ps, 'L')) {
		if (!read_last_day(ps))
			return false;
	} else if (!read_from_value(ps, bits)) {
		return false;
	}
	return at_item_end(ps) || fail(ps, ERR_SYNTAX, "is not understood");
}

static bool
read_field(struct parser *ps, const struct field *field, uint64_t *bits)
{
	*bits = 0;
	ps->p = cron_skip_blanks(ps->p);
	ps->field = field;
	do {
		if (!read_item(ps, bits))
			return false;
	} while (take(ps, ','));
	return true;
}

static int
count_words(const char *p)
{
	int n = 0;

	for (p = cron_skip_blanks(p); *p != '\0';
	     p = cron_skip_blanks(cron_skip_word(p)))
		n++;
	return n;
}

static bool
is_star(const char *p)
{
	return *p == '*' || *p == '?';
}

/* What is derived from the sets. False where no day is ever named. */
static bool
settle(struct cron *cron)
{
	uint8_t nth = 0;
	int i;

	for (i = 0; i < 5; i++)
		nth |= cron->nth_weekdays[i];
	cron->special = cron->last_days != 0 || cron->near_days != 0 ||
	    cron->last_weekdays != 0 || nth != 0;
	cron->every_day = cron->days == UINT32_C(0xfffffffe) &&
	    cron->months == 0x1ffe && cron->weekdays == 0x7f;
	/* the calendar repeats after 400 years, so from 2000 on is for ever */
	return cron->every_day ||
	    cron_next(cron, INT64_C(946684800)) != INT64_MAX;
}

static bool
read_fields(struct parser *ps)
{
	struct cron *cron = &ps->cron;
	const char *starts[FIELDS];
	uint64_t bits[FIELDS] = { [SECOND] = 1 };
	int i;

	for (i = cron->six ? SECOND : MINUTE; i < FIELDS; i++) {
		starts[i] = cron_skip_blanks(ps->p);
		if (!read_field(ps, &fields[i], &bits[i]))
			return false;
	}
	cron->seconds = bits[SECOND];
	cron->minutes = bits[MINUTE];
	cron->hours = (uint32_t)bits[HOUR];
	cron->days = (uint32_t)bits[DAY];
	cron->months = (uint32_t)bits[MONTH];
	cron->weekdays = (uint8_t)((bits[WEEKDAY] | bits[WEEKDAY] >> 7) & 0x7f);
	cron->star_day = is_star(starts[DAY]);
	cron->star_weekday = is_star(starts[WEEKDAY]);
	cron->wild = *starts[MINUTE] == '*' || *starts[HOUR] == '*';
	if (settle(cron))
		return true;
	return err_at(ps->err, place_of(ps, starts[DAY]), ERR_RANGE,
	    "day of month: '%s' never fires: its months have no such day "
	    "(day of month is 1 to 31)",
	    ps->text);
}

bool
cron_fields(const char *text, const char *name, struct place at,
    struct cron *cron, struct err *err)
{
	struct parser ps = {
		.text = text, .p = text, .name = name, .at = at, .err = err
	};
	int n = count_words(text);

	if (n != 5 && n != 6)
		return err_at(err, place_of(&ps, cron_skip_blanks(text)),
		    ERR_SYNTAX,
		    "'%s' has %d field%s, where a cron expression has 5 "
		    "(minute "
		    "hour day-of-month month weekday) or 6 with the second "
		    "first",
		    text, n, n == 1 ? "" : "s");
	ps.cron.six = n == 6;
	if (!read_fields(&ps))
		return false;
	*cron = ps.cron;
	return true;
}
