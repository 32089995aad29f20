/*
 * The link to a Redis, for tests.
 *
 *   url           reads lines; answers each with what it means, or why it is
 *                 none
 *   sha1 TEXT     its SHA-1
 *   hostile HELLO REPLY
 *                 a server of our own sends HELLO, which may be "", to what it
 *                 is told first, and REPLY to the next; then it is silent, or
 *                 where REPLY is "" closes. Says what PING got.
 *   backoff N     the waits before N tries
 *   talk URL      does what the lines of its input say, and answers with a line
 *                 each ("! CMD" and "script" with none):
 *
 *     call WORD...          a command and its reply
 *     script NAME TEXT      lets NAME be this script
 *     run NAME ARG...       a script and its reply
 *     push WORD...          pushed, as is
 *     eval NAME ARG...      a script; nothing is answered
 *     take N                takes that many replies, or until one fails and
 *                           none is left
 *     open, drop, note, left
 *     ! CMD                 a shell does this
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/startup.h"
#include "lib/base/str.h"
#include "lib/store/redis_link.h"

#define SCRIPTS 8

static void
print_part(const char *name, const char *value)
{
	if (value != NULL)
		printf(" %s=%s", name, value);
}

static void
do_url(const char *text)
{
	struct redis_url url;
	struct err err;

	if (!redis_url_parse(text, &url, &err)) {
		printf("%s\n", err.msg);
		return;
	}
	printf("%s", url.is_tls ? "tls" : url.host != NULL ? "tcp" : "unix");
	print_part("host", url.host);
	if (url.host != NULL)
		printf(" port=%d", url.port);
	print_part("socket", url.socket);
	print_part("user", url.user);
	print_part("password", url.password);
	print_part("file", url.password_file);
	if (url.db != 0)
		printf(" db=%d", url.db);
	if (strcmp(url.prefix, "wjobs:") != 0)
		print_part("prefix", url.prefix);
	printf(" %s\n", url.shown);
	redis_url_release(&url);
}

static int
urls(void)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		do_url(line);
	}
	free(line);
	return 0;
}

/* ---- talk */

struct talk {
	struct redis_link *link;
	struct redis_args args;
	struct redis_script script[SCRIPTS];
	char *name[SCRIPTS];
};

static void
print_reply(const redisReply *reply)
{
	struct str visible = { 0 };
	size_t i;

	switch (reply->type) {
	case REDIS_REPLY_INTEGER:
		printf("%lld", reply->integer);
		return;
	case REDIS_REPLY_NIL:
		printf("nil");
		return;
	case REDIS_REPLY_ARRAY:
		printf("[");
		for (i = 0; i < reply->elements; i++) {
			printf(i != 0 ? " " : "");
			print_reply(redis_reply_at(reply, i));
		}
		printf("]");
		return;
	default:
		str_add_visible(&visible, reply->str, reply->len, false);
		printf("%.200s", str_text(&visible));
		str_release(&visible);
	}
}

static void
print_err(const struct err *err)
{
	printf("%s: %s\n",
	    err->code == ERR_UNREACHABLE  ? "unreachable"
		: err->code == ERR_CONFIG ? "config"
		: err->code == ERR_SYSTEM ? "refused"
					  : "?",
	    err->msg);
}

static void
print_answer(bool is_good, redisReply *reply, const struct err *err)
{
	if (is_good) {
		print_reply(reply);
		printf("\n");
		freeReplyObject(reply);
	} else {
		print_err(err);
	}
}

static struct redis_script *
find_script(struct talk *talk, const char *name)
{
	size_t i;

	for (i = 0; i < SCRIPTS; i++) {
		if (talk->name[i] == NULL)
			talk->name[i] = mem_strdup(name);
		if (strcmp(talk->name[i], name) == 0)
			return &talk->script[i];
	}
	fprintf(stderr, "link: too many scripts\n");
	exit(2);
}

static void
take(struct talk *talk, int n)
{
	redisReply *reply = NULL;
	struct err err;
	bool is_good;

	while (n-- > 0) {
		is_good = redis_link_take(talk->link, &reply, &err);
		print_answer(is_good, reply, &err);
		if (!is_good && redis_link_left(talk->link) == 0)
			break;
	}
}

/* The words of a line after its first two, as arguments. */
static void
split(struct talk *talk, char *rest)
{
	char *save = NULL, *word;

	redis_args_clear(&talk->args);
	for (word = strtok_r(rest, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save))
		redis_args_text(&talk->args, word);
}

static void
answer(struct talk *talk, const char *verb, char *rest)
{
	redisReply *reply = NULL;
	bool is_good;
	struct err err;
	char *note;

	split(talk, rest);
	if (strcmp(verb, "call") == 0) {
		is_good = redis_link_call(
		    talk->link, &talk->args, &reply, &err);
		print_answer(is_good, reply, &err);
	} else if (strcmp(verb, "push") == 0) {
		redis_link_push(talk->link, &talk->args);
	} else if (strcmp(verb, "take") == 0) {
		take(talk, atoi(rest));
	} else if (strcmp(verb, "open") == 0) {
		if (redis_link_open(talk->link, &err))
			printf("open\n");
		else
			print_err(&err);
	} else if (strcmp(verb, "drop") == 0) {
		redis_link_drop(talk->link);
	} else if (strcmp(verb, "left") == 0) {
		printf("%zu\n", redis_link_left(talk->link));
	} else if (strcmp(verb, "note") == 0) {
		note = redis_link_note(talk->link);
		printf("%s\n", note != NULL ? note : "-");
		free(note);
	} else {
		fprintf(stderr, "link: '%s' is no verb\n", verb);
		exit(2);
	}
}

/* run and eval NAME ARG..., and script NAME TEXT. */
static void
with_script(struct talk *talk, const char *verb, char *rest)
{
	char *args = rest + strcspn(rest, " ");
	struct redis_script *script;
	redisReply *reply = NULL;
	bool is_good;
	struct err err;

	if (*args != '\0')
		*args++ = '\0';
	script = find_script(talk, rest);
	if (strcmp(verb, "script") == 0) {
		script->text = mem_strdup(args);
		return;
	}
	split(talk, args);
	if (strcmp(verb, "eval") == 0) {
		redis_link_eval(talk->link, script, &talk->args);
		return;
	}
	is_good = redis_link_run(talk->link, script, &talk->args, &reply, &err);
	print_answer(is_good, reply, &err);
}

static void
do_line(struct talk *talk, char *line)
{
	char *rest = line + strcspn(line, " ");

	fflush(stdout);
	if (*rest != '\0')
		*rest++ = '\0';
	if (strcmp(line, "!") == 0) {
		if (system(rest) != 0)
			printf("'%s' failed\n", rest);
	} else if (strcmp(line, "run") == 0 || strcmp(line, "eval") == 0 ||
	    strcmp(line, "script") == 0) {
		with_script(talk, line, rest);
	} else {
		answer(talk, line, rest);
	}
}

static int
talk_to(const char *text)
{
	struct talk talk = { 0 };
	struct redis_url url;
	char *line = NULL;
	size_t size = 0, i;
	struct err err;

	if (!redis_url_parse(text, &url, &err)) {
		print_err(&err);
		return 1;
	}
	talk.link = redis_link_new(&url, "a test");
	while (getline(&line, &size, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		do_line(&talk, line);
	}
	free(line);
	redis_link_free(talk.link);
	redis_args_release(&talk.args);
	for (i = 0; i < SCRIPTS; i++) {
		free(talk.name[i]);
		free((char *)talk.script[i].text);
	}
	redis_url_release(&url);
	return 0;
}

/* ---- hostile */

struct hostile {
	int listener;
	const char *say[2];
};

static void
write_all(int fd, const char *text)
{
	size_t n = strlen(text);
	ssize_t wrote = 1;

	for (; n > 0 && wrote > 0; n -= (size_t)wrote, text += wrote)
		if ((wrote = write(fd, text, n)) < 0)
			return;
}

/* One connection: an answer to each of the first two things it says. */
static void *
serve(void *data)
{
	const struct hostile *hostile = data;
	int fd = accept(hostile->listener, NULL, NULL), i;
	char buf[4096];

	for (i = 0; i < 2; i++)
		if (read(fd, buf, sizeof buf) > 0)
			write_all(fd, hostile->say[i]);
	while (hostile->say[1][0] != '\0' && read(fd, buf, sizeof buf) > 0)
		;
	close(fd);
	return NULL;
}

static int
be_hostile(const char *hello, const char *reply)
{
	struct hostile hostile = { .say = { hello, reply } };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char path[] = "fake.XXXXXX", *here = getcwd(NULL, 0), *text;
	struct talk talk = { 0 };
	struct redis_url url;
	pthread_t thread;
	struct err err;

	close(mkstemp(path));
	unlink(path);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	hostile.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(hostile.listener, (struct sockaddr *)&address,
		sizeof address) != 0 ||
	    listen(hostile.listener, 8) != 0 ||
	    pthread_create(&thread, NULL, serve, &hostile) != 0)
		return 1;
	text = mem_printf("redis+unix://%s/%s", here, path);
	if (!redis_url_parse(text, &url, &err))
		return 1;
	/* the directory's name is another one in each test */
	snprintf(url.shown, strlen(url.shown) + 1, "fake");
	talk.link = redis_link_new(&url, "a test");
	do_line(&talk, (char[]){ "call PING" });
	redis_link_free(talk.link);
	pthread_join(thread, NULL);
	redis_args_release(&talk.args);
	redis_url_release(&url);
	close(hostile.listener);
	unlink(path);
	free(text);
	free(here);
	return 0;
}

static int
backoff(int n)
{
	unsigned i;

	for (i = 0; i < (unsigned)n; i++)
		printf("%" PRId64 "\n", redis_backoff_ms(i));
	return 0;
}

int
main(int argc, char **argv)
{
	char sha[SHA1_TEXT_SIZE];

	startup_tidy();
	if (argc == 2 && strcmp(argv[1], "url") == 0)
		return urls();
	if (argc == 3 && strcmp(argv[1], "talk") == 0)
		return talk_to(argv[2]);
	if (argc == 4 && strcmp(argv[1], "hostile") == 0)
		return be_hostile(argv[2], argv[3]);
	if (argc == 3 && strcmp(argv[1], "backoff") == 0)
		return backoff(atoi(argv[2]));
	if (argc == 3 && strcmp(argv[1], "sha1") == 0) {
		sha1_text(argv[2], strlen(argv[2]), sha);
		puts(sha);
		return 0;
	}
	fprintf(stderr, "usage: link url | sha1 | hostile | backoff | talk\n");
	return 2;
}
