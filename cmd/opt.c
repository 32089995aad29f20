#include "cmd/opt.h"

#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/time/duration.h"

/* Values of getopt_long for long options: past all letters. */
enum { OPT_LONG = 256, OPT_LONG_HELP = 128, OPT_LONG_VERSION = 129 };

static const struct opt own[] = {
	{ 'h', "help", OPT_FLAG, { 0 }, NULL, .help = "print this help" },
	{ 0, "version", OPT_FLAG, { 0 }, NULL, .help = "print the version" },
};

void
opt_list_release(struct opt_list *list)
{
	free(list->item);
	*list = (struct opt_list){ 0 };
}

static size_t
opt_count(const struct opt *opts)
{
	size_t n = 0;

	while (opts != NULL && opts[n].name != NULL)
		n++;
	return n;
}

static bool
opt_parse_int(const struct opt *opt, const char *text, struct err *err)
{
	int64_t max = opt->min == 0 && opt->max == 0 ? INT_MAX : opt->max;
	size_t sign = text[0] == '-';
	size_t digits = strspn(text + sign, "0123456789");
	int64_t n;

	if (digits == 0 || text[sign + digits] != '\0')
		return err_set(err, ERR_USAGE,
		    "--%s: '%s' is not a whole number", opt->name, text);
	n = strtoll(text, NULL, 10); /* stops at the ends of its range */
	if (n < opt->min || n > max)
		return err_set(err, ERR_USAGE,
		    "--%s: '%s' is not from %lld to %lld", opt->name, text,
		    (long long)opt->min, (long long)max);
	*opt->to.number = n;
	return true;
}

static bool
opt_parse_duration(const struct opt *opt, const char *text, struct err *err)
{
	int64_t ms;

	if (text == NULL ||
	    ((opt->allow & OPT_NONE_OK) != 0 && strcmp(text, "none") == 0)) {
		*opt->to.ms = OPT_NO_LIMIT;
		return true;
	}
	if (!duration_parse(text, (struct place){ 0 }, &ms, err)) {
		err->code = ERR_USAGE;
		return err_prefix(err, "--%s", opt->name);
	}
	if (ms == 0 && (opt->allow & OPT_ZERO_OK) == 0)
		return err_set(err, ERR_USAGE,
		    "--%s: '%s' is not greater than 0", opt->name, text);
	*opt->to.ms = ms;
	return true;
}

static bool
opt_set(const struct opt *opt, const char *text, struct err *err)
{
	switch (opt->kind) {
	case OPT_FLAG:
		*opt->to.flag = true;
		return true;
	case OPT_TEXT:
	case OPT_TIME:
		*opt->to.text = text;
		return true;
	case OPT_INT:
		return opt_parse_int(opt, text, err);
	case OPT_DURATION:
		return opt_parse_duration(opt, text, err);
	case OPT_LIST: {
		struct opt_list *list = opt->to.list;

		list->item = mem_grow(
		    list->item, list->len + 1, sizeof *list->item);
		list->item[list->len++] = text;
		return true;
	}
	}
	abort(); /* -Wswitch names what is missing above */
}

/* The name of a long option as it was typed, without dashes and argument. */
static char *
opt_typed_name(const char *word)
{
	word += strspn(word, "-");
	return mem_strndup(word, strcspn(word, "="));
}

static void
opt_unknown(
    const struct option *longs, size_t n, const char *word, struct err *err)
{
	char *typed = opt_typed_name(word);
	const char **names = mem_zalloc(n, sizeof *names);
	const char *near;
	size_t i;

	for (i = 0; i < n; i++)
		names[i] = longs[i].name;
	near = str_nearest(typed, names, n);
	for (i = 0; i < n && strcmp(names[i], typed) != 0; i++)
		;
	if (i < n)
		err_set(
		    err, ERR_USAGE, "option '--%s' takes no argument", typed);
	else if (near != NULL)
		err_set(err, ERR_USAGE,
		    "unknown option '--%s', did you mean '--%s'?", typed, near);
	else
		err_set(err, ERR_USAGE, "unknown option '--%s'", typed);
	free(names);
	free(typed);
}

/* The table as getopt_long wants it: letters, and long options by index. */
static void
opt_compile(const struct opt *opts, size_t n, bool stops, struct str *letters,
    struct option *longs)
{
	size_t i;

	str_add(letters, stops ? "+:h" : ":h");
	for (i = 0; i < n; i++) {
		bool has_arg = opts[i].kind != OPT_FLAG;
		bool may_be_bare = (opts[i].allow & OPT_BARE_OK) != 0;

		longs[i] = (struct option){ opts[i].name,
			may_be_bare   ? optional_argument
			    : has_arg ? required_argument
				      : no_argument,
			NULL, OPT_LONG + (int)i };
		if (opts[i].letter == 0)
			continue;
		str_push(letters, (char)opts[i].letter);
		if (has_arg)
			str_push(letters, ':');
	}
	longs[n] = (struct option){ "help", no_argument, NULL, OPT_LONG_HELP };
	longs[n + 1] = (struct option){ "version", no_argument, NULL,
		OPT_LONG_VERSION };
}

static const struct opt *
opt_by_value(const struct opt *opts, size_t n, int value)
{
	size_t i;

	if (value >= OPT_LONG)
		return &opts[value - OPT_LONG];
	for (i = 0; i < n && opts[i].letter != value; i++)
		;
	return &opts[i];
}

/* The word of the long option just parsed; its argument may be the next. */
static const char *
opt_word(char **argv)
{
	bool is_apart = optarg != NULL && optarg == argv[optind - 1];

	return argv[optind - (is_apart ? 2 : 1)];
}

/*
 * getopt_long takes any unambiguous beginning of a name. A script that says
 * `--time` would break on the day a second option begins so: whole names only.
 */
static bool
opt_is_whole(const struct option *longs, int value, char **argv)
{
	size_t i = 0;
	char *typed;
	bool is_whole;

	if (value < OPT_LONG_HELP)
		return true;
	while (longs[i].val != value)
		i++;
	typed = opt_typed_name(opt_word(argv));
	is_whole = strcmp(typed, longs[i].name) == 0;
	free(typed);
	return is_whole;
}

/* What getopt_long answered that is no option of the table. */
static void
opt_misused(const struct opt *opts, const struct option *longs, int c,
    char **argv, struct err *err)
{
	size_t n = opt_count(opts);
	/* The word at fault; a letter's may be in the midst of its word. */
	const char *word = argv[optind - 1];

	if (c == ':' && optopt >= OPT_LONG)
		err_set(err, ERR_USAGE, "option '--%s' needs %s",
		    opts[optopt - OPT_LONG].name, opts[optopt - OPT_LONG].arg);
	else if (c == ':')
		err_set(err, ERR_USAGE, "option '-%c' needs %s", optopt,
		    opt_by_value(opts, n, optopt)->arg);
	else if (optopt > 0 && optopt < OPT_LONG_HELP)
		err_set(err, ERR_USAGE, "unknown option '-%c'", optopt);
	else
		opt_unknown(longs, n + 2, word, err);
}

enum opt_result
opt_parse(const struct opt *opts, bool stops, int *argc, char ***argv,
    struct err *err)
{
	size_t n = opt_count(opts);
	struct option *longs = mem_zalloc(n + 3, sizeof *longs);
	struct str letters = { 0 };
	enum opt_result result = OPT_PARSED;
	int c;

	opt_compile(opts, n, stops, &letters, longs);
	opterr = 0;
	optind = 0; /* glibc and musl: begin anew */
	while (result == OPT_PARSED &&
	    (c = getopt_long(*argc, *argv, letters.s, longs, NULL)) != -1) {
		if (!opt_is_whole(longs, c, *argv)) {
			opt_unknown(longs, n + 2, opt_word(*argv), err);
			result = OPT_FAILED;
		} else if (c == 'h' || c == OPT_LONG_HELP) {
			result = OPT_HELP;
		} else if (c == OPT_LONG_VERSION) {
			result = OPT_VERSION;
		} else if (c == '?' || c == ':') {
			opt_misused(opts, longs, c, *argv, err);
			result = OPT_FAILED;
		} else if (!opt_set(opt_by_value(opts, n, c), optarg, err)) {
			result = OPT_FAILED;
		}
	}
	*argc -= optind;
	*argv += optind;
	str_release(&letters);
	free(longs);
	return result;
}

static void
opt_spell(const struct opt *opt, struct str *to)
{
	str_clear(to);
	if (opt->letter != 0)
		str_addf(to, "-%c, ", opt->letter);
	else
		str_add(to, "    ");
	str_addf(to, "--%s", opt->name);
	if (opt->arg != NULL)
		str_addf(to, (opt->allow & OPT_BARE_OK) != 0 ? "[=%s]" : " %s",
		    opt->arg);
}

void
opt_help(const struct opt *opts, FILE *out)
{
	size_t n = opt_count(opts), i;
	struct str word = { 0 };
	size_t width = 0;

	for (i = 0; i < n; i++) {
		opt_spell(&opts[i], &word);
		if (word.len > width)
			width = word.len;
	}
	for (i = 0; i < n + ARRAY_LEN(own); i++) {
		const struct opt *opt = i < n ? &opts[i] : &own[i - n];

		opt_spell(opt, &word);
		fprintf(out, "  %-*s  %s\n", (int)(width > 13 ? width : 13),
		    word.s, opt->help);
	}
	str_release(&word);
}
