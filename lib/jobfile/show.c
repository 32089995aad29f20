/*
 * A job's keys as text that could be pasted into a jobfile again, but for the
 * secrets, which are masked.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/base/str.h"
#include "lib/jobfile/loader.h"
#include "lib/time/duration.h"
#include "lib/time/stamp.h"
#include "lib/time/zone.h"

#define MASK "****"

/* May it stand in YAML without quotes, in a list or map in one line, too? */
static bool
show_is_plain(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	if (*s == '\0' || strchr("-?:,[]{}#&*!|>'\"%@` ~", *s) != NULL)
		return false;
	for (; *s != '\0'; s++)
		if (*s < 0x20 || *s >= 0x7f || strchr(",[]{}\"", *s) != NULL ||
		    (*s == ':' && (s[1] == ' ' || s[1] == '\0')) ||
		    (*s == ' ' && (s[1] == '#' || s[1] == '\0')))
			return false;
	return true;
}

/* Double quotes, with what YAML escapes in them. */
static void
show_text(struct str *out, const char *text)
{
	struct str visible = { 0 };
	const char *s;

	if (show_is_plain(text)) {
		str_add(out, text);
		return;
	}
	str_push(out, '"');
	for (s = text; *s != '\0'; s++) {
		if (*s != '"' && *s != '\\')
			continue;
		str_add_visible(&visible, text, (size_t)(s - text), false);
		str_addf(&visible, "\\%c", *s);
		text = s + 1;
	}
	str_add_visible(&visible, text, (size_t)(s - text), false);
	str_add(out, str_text(&visible));
	str_push(out, '"');
	str_release(&visible);
}

/* The same where ${VAR} would be expanded: what looks so is no such thing. */
static void
show_expanded(struct str *out, const char *text)
{
	struct str escaped = { 0 };
	const char *s;

	while ((s = strstr(text, "${")) != NULL) {
		str_addn(&escaped, text, (size_t)(s - text));
		str_add(&escaped, "$${");
		text = s + 2;
	}
	str_add(&escaped, text);
	show_text(out, str_text(&escaped));
	str_release(&escaped);
}

typedef void show_fn(struct str *out, const char *text);

static void
show_list(
    struct str *out, const char *const *list, bool is_one_bare, show_fn *show)
{
	size_t i;

	if (list == NULL || list[0] == NULL)
		return;
	if (is_one_bare && list[1] == NULL) {
		show(out, list[0]);
		return;
	}
	for (i = 0; list[i] != NULL; i++) {
		str_add(out, i == 0 ? "[" : ", ");
		show(out, list[i]);
	}
	str_push(out, ']');
}

static bool
show_holds(const char *name, size_t n, const char *word)
{
	size_t len = strlen(word), i;

	for (i = 0; i + len <= n; i++)
		if (strncasecmp(name + i, word, len) == 0)
			return true;
	return false;
}

/* Does a variable's name say that its value is nobody's business? */
static bool
show_is_secret(const char *name, size_t n)
{
	static const char *const words[] = { "PASSWORD", "PASSWD", "PASSPHRASE",
		"PWD_", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "AUTH",
		"COOKIE", "PRIVATE", "DSN" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(words); i++)
		if (show_holds(name, n, words[i]))
			return true;
	return n >= 4 && strncasecmp(name + n - 4, "PASS", 4) == 0;
}

/* The value, without the password of a URL in it. */
static void
show_mask_url(struct str *out, const char *value)
{
	const char *s = strstr(value, "://"), *at, *colon;

	if (s != NULL) {
		s += 3;
		at = s + strcspn(s, "/?# \t\n");
		while (at > s && *at != '@')
			at--;
		colon = memchr(s, ':', (size_t)(at - s));
		if (colon != NULL) {
			str_addn(out, value, (size_t)(colon + 1 - value));
			str_add(out, MASK);
			value = at;
		}
	}
	str_add(out, value);
}

static void
show_pairs(struct str *out, const char *const *list, bool is_expanded)
{
	size_t i;

	for (i = 0; list != NULL && list[i] != NULL; i++) {
		size_t n = strcspn(list[i], "=");
		struct str value = { 0 };

		str_add(out, i == 0 ? "{ " : ", ");
		str_addn(out, list[i], n);
		str_add(out, ": ");
		if (show_is_secret(list[i], n) && list[i][n + 1] != '\0')
			str_add(&value, MASK);
		else
			show_mask_url(&value, list[i] + n + 1);
		(is_expanded ? show_expanded : show_text)(
		    out, str_text(&value));
		str_release(&value);
	}
	if (i != 0)
		str_add(out, " }");
}

static void
show_duration(struct str *out, int64_t ms)
{
	char buf[DURATION_TEXT_SIZE];

	str_add(out, ms == JOB_NO_LIMIT ? "none" : duration_format(ms, buf));
}

static void
show_size(struct str *out, int64_t bytes)
{
	static const char units[] = "KMG";
	int u = -1;

	while (u < 2 && bytes != 0 && bytes % 1024 == 0) {
		bytes /= 1024;
		u++;
	}
	str_addf(out, "%lld", (long long)bytes);
	if (u >= 0)
		str_push(out, units[u]);
}

static void
show_codes(struct str *out, const struct job_codes *codes, const char *first)
{
	const char *comma = first;
	int i;

	for (i = 0; i < 256; i++)
		if (job_code_is_in(codes, i)) {
			str_addf(out, "%s%d", comma, i);
			comma = ", ";
		}
}

static void
show_retry_on(struct str *out, const struct job_retry *retry)
{
	static const char *const words[] = { "any", "exit", "signal", "timeout",
		"spawn", "output" };
	const char *comma = "";
	size_t i;

	str_push(out, '[');
	for (i = 0; i < ARRAY_LEN(words); i++)
		if ((retry->on >> i & 1) != 0) {
			str_addf(out, "%s%s", comma, words[i]);
			comma = ", ";
		}
	show_codes(out, &retry->codes, comma);
	str_push(out, ']');
}

static void
show_signal(struct str *out, int number)
{
	const char *name = job_signal_name(number);

	if (name != NULL)
		str_add(out, name);
	else
		str_addf(out, "%d", number);
}

static void
show_time(struct str *out, const struct job *job)
{
	char buf[STAMP_TEXT_SIZE];

	if (job->kind == JOB_INTERVAL)
		str_add(out,
		    stamp_rfc3339(job->when.anchor_ms, job->when.zone, buf));
}

static void
show_interval(struct str *out, const struct job *job, const struct key *key)
{
	const void *field = (const char *)job + key->offset;
	bool is_interval = key->offset ==
	    offsetof(struct job, when.interval_ms);

	if (!is_interval || (job->kind == JOB_INTERVAL && job->cron == NULL))
		show_duration(out, *(const int64_t *)field);
}

static void
show_command(struct str *out, const char *command, const char **argv)
{
	if (command != NULL)
		show_text(out, command);
	else
		show_list(out, (const char *const *)argv, false, show_text);
}

static void
show_hook(struct str *out, const struct key *key, const struct job *job)
{
	enum job_hook hook = (enum job_hook)key->min;

	if (job_has_hook(job, hook))
		show_command(out, job->hooks->on[hook].command,
		    job->hooks->on[hook].argv);
	else if (keyset_has(&job->written, (size_t)(key - keys_job)))
		str_add(out, "none");
}

static void
show_repeat(struct str *out, int64_t ms)
{
	if (ms == JOB_REPEAT_ONCE)
		str_add(out, "once");
	else if (ms == JOB_REPEAT_EVERY)
		str_add(out, "every");
	else
		show_duration(out, ms);
}

static void
show_value(struct str *out, const struct key *key, const struct job *job)
{
	const void *field = (const char *)job + key->offset;
	const char *text;

	switch (key->type) {
	case KEY_BOOL:
		str_add(out, *(const bool *)field ? "true" : "false");
		break;
	case KEY_CRON:
		show_list(out, (const char *const *)job->cron, true, show_text);
		break;
	case KEY_DURATION:
		show_interval(out, job, key);
		break;
	case KEY_TIME:
		show_time(out, job);
		break;
	case KEY_ZONE:
		show_text(out, zone_name(job->when.zone));
		break;
	case KEY_COMMAND:
		show_command(out, job->command, job->argv);
		break;
	case KEY_HOOK:
		show_hook(out, key, job);
		break;
	case KEY_REPEAT:
		if (job_has_hook(job, JOB_ON_FAILURE))
			show_repeat(out, job->hooks->failure_repeat_ms);
		break;
	case KEY_FILES:
		show_list(out, *(const char *const *const *)field, true,
		    show_expanded);
		break;
	case KEY_ENV:
	case KEY_METADATA:
		show_pairs(out, *(const char *const *const *)field,
		    key->type == KEY_ENV);
		break;
	case KEY_SIGNAL:
		show_signal(out, *(const int *)field);
		break;
	case KEY_CODES:
		str_push(out, '[');
		show_codes(out, field, "");
		str_push(out, ']');
		break;
	case KEY_RETRY_ON:
		show_retry_on(out, &job->retry);
		break;
	case KEY_CHOICE:
		str_add(out, key->choices[*(const int *)field]);
		break;
	case KEY_INT:
		str_addf(out, "%d", *(const int *)field);
		break;
	case KEY_FRACTION:
		str_addf(out, "%.15g", *(const double *)field);
		break;
	case KEY_SIZE:
		show_size(out, *(const int64_t *)field);
		break;
	case KEY_DIR:
		show_expanded(out, *(const char *const *)field);
		break;
	default:
		text = *(const char *const *)field;
		if (text != NULL)
			show_text(out, text);
	}
}

/* "{ max: 3, delay: 1s }": the keys behind a group's own line. */
static void
show_group(struct str *out, const struct key *group, const struct job *job)
{
	const struct key *key = group + 1, *end = keys_job + keys_job_len;
	size_t n = strlen(group->name);

	for (; key < end && strncmp(key->name, group->name, n) == 0 &&
	     key->name[n] == '.';
	     key++) {
		str_add(out, key == group + 1 ? "{ " : ", ");
		str_addf(out, "%s: ", key->name + n + 1);
		show_value(out, key, job);
	}
	str_add(out, " }");
}

static bool
show_is_written(const struct job *job, const struct key *key)
{
	struct keyset of_key = keys_in_group(keys_job, keys_job_len, key);
	size_t i;

	while (keyset_pop(&of_key, &i))
		if (keyset_has(&job->written, i))
			return true;
	return false;
}

static unsigned
show_of(const struct job *job)
{
	if (job->kind == JOB_HANDLER)
		return KEY_OF_HANDLER;
	return job->handler != NULL ? KEY_OF_WORK : KEY_OF_COMMAND;
}

void
jobfile_show(const struct jobfile *file, const struct job *job,
    jobfile_show_fn *show, void *data)
{
	struct str out = { 0 };
	unsigned of = show_of(job);
	bool is_default;
	size_t i;

	for (i = 0; i < keys_job_len; i++) {
		const struct key *key = &keys_job[i];

		if (strchr(key->name, '.') != NULL || !keys_is_of(key, of))
			continue;
		str_clear(&out);
		is_default = !show_is_written(job, key);
		if (key->type == KEY_GROUP)
			show_group(&out, key, job);
		else
			show_value(&out, key, job);
		/* the file's variables were written, if not by the job */
		if (key->type == KEY_ENV && file->env != NULL)
			is_default = false;
		if (out.len != 0)
			show(data, key->name, str_text(&out), is_default);
	}
	str_release(&out);
}
