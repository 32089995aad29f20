/*
 * The time layer for tests: reads lines, and answers each with a line. What is
 * refused is answered "COLUMN: MESSAGE".
 *
 *   sets [NAME]   EXPR                     the bit sets of an expression
 *   words         EXPR                     it in plain words
 *   fires N       ZONE TAB EXPRS TAB FROM  the next N instants, in the zone;
 *                                          EXPRS are divided by ";"
 *   why           EXPR TAB TIME            the fields that leave it out
 *   duration      TEXT                     milliseconds, as written, for people
 *   human         MS                       a number of milliseconds for people
 *   stamp         ZONE TAB LOOK TAB TEXT   the instant; now is 2026-01-02 03:04
 *   zone          NAME                     its name, and 2026's offsets
 *   default       (anything)               the name of the system's zone
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/time/cron_why.h"
#include "lib/time/duration.h"
#include "lib/time/stamp.h"
#include "lib/time/when.h"

#define NOW_MS     INT64_C(1767323040000) /* 2026-01-02T03:04:00Z */
#define FIELDS_MAX 3

static const struct place start = { "-", 1, 1 };

static void
print_err(const struct err *err)
{
	printf("%d: %s\n", err->col, err->msg);
}

static void
print_set(const char *name, uint64_t set, uint64_t all)
{
	const char *comma = "";
	int i;

	if (set == 0 || set == all)
		return;
	printf(" %s=", name);
	for (i = 0; i < 64; i++)
		if (set >> i & 1) {
			printf("%s%d", comma, i);
			comma = ",";
		}
}

/* Sets that hold all of their field are left out. */
static void
print_cron(const struct cron *cron)
{
	char name[8];
	int i;

	printf("%s%s%s", cron->six ? "six" : "five", cron->wild ? " wild" : "",
	    cron->star_day || cron->star_weekday ? " both" : " either");
	print_set("s", cron->seconds, (UINT64_C(1) << 60) - 1);
	print_set("m", cron->minutes, (UINT64_C(1) << 60) - 1);
	print_set("h", cron->hours, 0xffffff);
	print_set("d", cron->days, 0xfffffffe);
	print_set("L", cron->last_days, 0);
	print_set("W", cron->near_days, 0);
	print_set("mon", cron->months, 0x1ffe);
	print_set("w", cron->weekdays, 0x7f);
	print_set("wL", cron->last_weekdays, 0);
	for (i = 0; i < 5; i++) {
		snprintf(name, sizeof name, "w#%d", i + 1);
		print_set(name, cron->nth_weekdays[i], 0);
	}
	putchar('\n');
}

static void
do_sets(char **field, const char *name)
{
	char text[DURATION_TEXT_SIZE];
	struct cron_parsed parsed;
	struct err err;

	if (!cron_parse(field[0], name, start, &parsed, &err))
		print_err(&err);
	else if (parsed.special == CRON_EVERY)
		printf("every %s\n", duration_format(parsed.every_ms, text));
	else if (parsed.special == CRON_REBOOT)
		puts("reboot");
	else
		print_cron(&parsed.cron);
}

/* EXPRS in a zone as a schedule. */
static bool
read_when(const char *zone, char *exprs, struct when *when, struct err *err)
{
	char *next;

	*when = (struct when){ .zone = zone_find(zone, err) };
	if (when->zone == NULL)
		return false;
	for (; exprs != NULL; exprs = next) {
		struct cron_parsed parsed;

		next = strchr(exprs, ';');
		if (next != NULL)
			*next++ = '\0';
		if (!cron_parse(exprs, "job", start, &parsed, err)) {
			when_release(when);
			return false;
		}
		if (parsed.special == CRON_FIELDS) {
			when->cron = mem_grow(
			    when->cron, when->n + 1, sizeof *when->cron);
			when->cron[when->n++] = parsed.cron;
		} else {
			when->kind = parsed.special == CRON_EVERY
			    ? WHEN_INTERVAL
			    : WHEN_REBOOT;
			when->interval_ms = parsed.every_ms;
		}
	}
	return true;
}

static void
do_words(char **field, const char *unused)
{
	struct str out = { 0 };
	struct when when;
	struct err err;

	(void)unused;
	if (!read_when("UTC", field[0], &when, &err)) {
		print_err(&err);
		return;
	}
	when_describe(&when, &out);
	puts(str_text(&out));
	str_release(&out);
	when_release(&when);
}

static void
do_fires(char **field, const char *count)
{
	char text[STAMP_TEXT_SIZE];
	int n = count != NULL ? (int)strtol(count, NULL, 10) : 3;
	struct when when;
	struct err err;
	int64_t t;

	if (!read_when(field[0], field[1], &when, &err) ||
	    !stamp_parse(
		field[2], start, when.zone, NOW_MS, STAMP_BACK, &t, &err)) {
		print_err(&err);
		return;
	}
	for (; n > 0; n--) {
		t = when_next(&when, t);
		if (t == WHEN_NEVER) {
			printf("never");
			break;
		}
		printf("%s%s", stamp_rfc3339(t, when.zone, text),
		    n > 1 ? " " : "");
	}
	putchar('\n');
	when_release(&when);
}

/* EXPR and a local time: the fields that leave it out, in words. */
static void
do_why(char **field, const char *name)
{
	struct cron_parsed parsed;
	struct str text = { 0 };
	struct err err;
	int64_t ms;

	if (!cron_parse(field[0], name, start, &parsed, &err) ||
	    !stamp_parse(field[1], start, zone_find("UTC", &err), NOW_MS,
		STAMP_BACK, &ms, &err)) {
		print_err(&err);
		return;
	}
	cron_why_describe(&parsed.cron, ms / 1000, &text);
	printf("%s%s\n", str_text(&text),
	    (cron_why(&parsed.cron, ms / 1000) == 0) !=
		    cron_matches(&parsed.cron, ms / 1000)
		? " WRONG"
		: "");
	str_release(&text);
}

static void
do_duration(char **field, const char *unused)
{
	char text[DURATION_TEXT_SIZE], human[DURATION_TEXT_SIZE];
	struct err err;
	int64_t ms;

	(void)unused;
	if (!duration_parse(field[0], start, &ms, &err))
		print_err(&err);
	else
		printf("%" PRId64 " %s %s\n", ms, duration_format(ms, text),
		    duration_human(ms, human));
}

static void
do_human(char **field, const char *unused)
{
	char text[DURATION_TEXT_SIZE];

	(void)unused;
	puts(duration_human(strtoll(field[0], NULL, 10), text));
}

static void
do_stamp(char **field, const char *unused)
{
	char text[STAMP_TEXT_SIZE], human[STAMP_TEXT_SIZE];
	struct err err;
	const struct zone *zone = zone_find(field[0], &err);
	int64_t ms;

	(void)unused;
	if (zone == NULL ||
	    !stamp_parse(field[2], start, zone, NOW_MS,
		strcmp(field[1], "back") == 0 ? STAMP_BACK : STAMP_FORWARD, &ms,
		&err))
		print_err(&err);
	else
		printf("%s %s\n", stamp_rfc3339(ms, zone, text),
		    stamp_human(ms, zone, human));
}

static void
print_zone(const struct zone *zone, const struct err *err)
{
	struct zone_span winter, summer;

	if (zone == NULL) {
		print_err(err);
		return;
	}
	winter = zone_span_at(zone, INT64_C(1768435200)); /* 15 January */
	summer = zone_span_at(zone, INT64_C(1784073600)); /* 15 July */
	printf("%s %s %d %s %d\n", zone_name(zone), winter.abbreviation,
	    winter.offset_s, summer.abbreviation, summer.offset_s);
}

static void
do_zone(char **field, const char *unused)
{
	struct err err = { 0 };

	(void)unused;
	print_zone(zone_find(field[0], &err), &err);
}

static void
do_default(char **field, const char *unused)
{
	struct err err = { 0 };

	(void)field;
	(void)unused;
	print_zone(zone_default(&err), &err);
}

static const struct {
	const char *name;
	int fields;
	void (*run)(char **field, const char *arg);
} verbs[] = {
	{ "sets", 1, do_sets },
	{ "words", 1, do_words },
	{ "fires", 3, do_fires },
	{ "why", 2, do_why },
	{ "duration", 1, do_duration },
	{ "human", 1, do_human },
	{ "stamp", 3, do_stamp },
	{ "zone", 1, do_zone },
	{ "default", 1, do_default },
};

static void
answer(size_t verb, char *line, const char *arg)
{
	char *field[FIELDS_MAX] = { line };
	int n;

	line[strcspn(line, "\n")] = '\0';
	for (n = 1; n < verbs[verb].fields; n++) {
		char *tab = strchr(field[n - 1], '\t');

		if (tab == NULL) {
			puts("a field is missing");
			return;
		}
		*tab = '\0';
		field[n] = tab + 1;
	}
	verbs[verb].run(field, arg);
}

int
main(int argc, char **argv)
{
	char *line = NULL;
	size_t room = 0, verb = 0;

	while (argc > 1 && verb < ARRAY_LEN(verbs) &&
	    strcmp(verbs[verb].name, argv[1]) != 0)
		verb++;
	if (argc < 2 || verb == ARRAY_LEN(verbs)) {
		fputs("usage: time VERB [ARGUMENT] <LINES\n", stderr);
		return 2;
	}
	while (getline(&line, &room, stdin) > 0)
		answer(verb, line, argc > 2 ? argv[2] : "job");
	free(line);
	zone_forget_all();
	return 0;
}
