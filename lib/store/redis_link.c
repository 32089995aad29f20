/*
 * What is pushed is kept as it will be sent, until its whole pipeline has been
 * taken: so that a script which the server does not know can be sent once more
 * without asking its caller for the arguments again.
 */
#include "lib/store/redis_link.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/base/ulid.h"
#include "lib/store/redis_error.h"
#include "lib/store/redis_greet.h"
#include "lib/store/redis_wire.h"

/* Above this a buffer is given back after its pipeline. */
#define ROOM_MAX (1 << 18)

/* A command whose reply has not been taken. */
struct pending {
	struct redis_script *script; /* NULL: a plain command */
	/* What follows the script's name in `out`, and how many words it is. */
	size_t tail, tail_len, words;
	redisReply *reply; /* NULL: not read yet */
};

struct redis_link {
	const struct redis_url *url;
	char *name;
	struct redis_wire wire;
	struct str out; /* of all that are pending */
	size_t sent;    /* of out, given to the wire */
	struct pending *pending;
	size_t n, room;
	size_t taken, got; /* of pending: taken, and read */
	uint64_t made;     /* connections so far */
};

struct redis_link *
redis_link_new(const struct redis_url *url, const char *name)
{
	struct redis_link *link = mem_zalloc(1, sizeof *link);

	link->url = url;
	link->name = mem_strdup(name);
	return link;
}

void
redis_link_free(struct redis_link *link)
{
	if (link == NULL)
		return;
	redis_link_drop(link);
	str_release(&link->out);
	free(link->pending);
	free(link->name);
	free(link);
}

const struct redis_url *
redis_link_url(const struct redis_link *link)
{
	return link->url;
}

/* The pipeline is through, or gone. */
static void
forget(struct redis_link *link)
{
	size_t i;

	for (i = link->taken; i < link->n; i++)
		freeReplyObject(link->pending[i].reply);
	link->n = link->taken = link->got = link->sent = 0;
	if (link->out.room > ROOM_MAX)
		str_release(&link->out);
	else
		str_clear(&link->out);
}

void
redis_link_drop(struct redis_link *link)
{
	redis_wire_close(&link->wire);
	forget(link);
}

bool
redis_link_open(struct redis_link *link, struct err *err)
{
	struct redis_wire *wire = &link->wire;

	/* nothing is on its way, so nothing is lost with it */
	if (wire->context != NULL && link->sent == 0 &&
	    redis_wire_is_stale(wire))
		redis_wire_close(wire);
	if (wire->context != NULL)
		return true;
	link->made++;
	return redis_wire_open(wire, link->url, err) &&
	    redis_greet(wire, link->url, link->name, err);
}

void
redis_args_key(struct redis_args *args, const struct redis_link *link,
    const char *fmt, ...)
{
	char *rest = NULL;
	char *key;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&rest, fmt, ap) < 0)
		rest = NULL;
	va_end(ap);
	key = mem_printf("{%s}%s", link->url->prefix, rest != NULL ? rest : "");
	redis_args_text(args, key);
	free(key);
	free(rest);
}

/* ---- pushing */

static void
add_word(struct str *out, const char *word, size_t n)
{
	str_addf(out, "$%zu\r\n", n);
	str_addn(out, word, n);
	str_add(out, "\r\n");
}

static void
add_args(struct str *out, const struct redis_args *args)
{
	size_t i, begin = 0;

	for (i = 0; i < args->n; i++) {
		add_word(out, args->buf + begin, args->end[i] - begin);
		begin = args->end[i];
	}
}

/* Who begins anew in the midst of a pipeline wants no more of it. */
static struct pending *
push(struct redis_link *link)
{
	if (link->taken != 0)
		redis_link_drop(link);
	if (link->n == link->room) {
		link->room = link->room * 2 + 16;
		link->pending = mem_realloc(
		    link->pending, link->room, sizeof *link->pending);
	}
	link->pending[link->n] = (struct pending){ 0 };
	return &link->pending[link->n++];
}

void
redis_link_push(struct redis_link *link, const struct redis_args *args)
{
	push(link);
	str_addf(&link->out, "*%zu\r\n", args->n);
	add_args(&link->out, args);
}

void
redis_link_eval(struct redis_link *link, struct redis_script *script,
    const struct redis_args *args)
{
	struct pending *pending = push(link);
	const char *prefix = link->url->prefix;
	struct str *out = &link->out;

	if (script->sha[0] == '\0')
		sha1_text(script->text, strlen(script->text), script->sha);
	pending->script = script;
	pending->words = args->n + 4; /* EVALSHA, name, 1, key */
	str_addf(out, "*%zu\r\n", pending->words);
	add_word(out, "EVALSHA", 7);
	add_word(out, script->sha, strlen(script->sha));
	pending->tail = out->len;
	str_addf(
	    out, "$1\r\n1\r\n$%zu\r\n{%s}\r\n", strlen(prefix) + 2, prefix);
	add_args(out, args);
	pending->tail_len = out->len - pending->tail;
}

/* ---- taking */

static bool
read_next(struct redis_link *link, struct err *err)
{
	return redis_wire_get(
		   &link->wire, &link->pending[link->got].reply, err) &&
	    ++link->got != 0;
}

static bool
is_unknown(const struct pending *pending)
{
	const redisReply *reply = pending->reply;

	return pending->script != NULL && reply != NULL &&
	    reply->type == REDIS_REPLY_ERROR &&
	    redis_error_is_noscript(reply->str);
}

/* Is there one of the same script before it, that will make it known? */
static bool
is_told(const struct redis_link *link, size_t i)
{
	size_t k;

	for (k = link->taken; k < i; k++)
		if (link->pending[k].script == link->pending[i].script &&
		    link->pending[k].reply == NULL)
			return true;
	return false;
}

static void
send_again(struct redis_link *link, size_t i, bool is_whole)
{
	struct pending *pending = &link->pending[i];
	const struct redis_script *script = pending->script;
	struct str out = { 0 };

	str_addf(&out, "*%zu\r\n", pending->words);
	if (!is_whole && is_told(link, i)) {
		add_word(&out, "EVALSHA", 7);
		add_word(&out, script->sha, strlen(script->sha));
	} else {
		add_word(&out, "EVAL", 4);
		add_word(&out, script->text, strlen(script->text));
	}
	str_addn(&out, link->out.s + pending->tail, pending->tail_len);
	redis_wire_put(&link->wire, str_text(&out), out.len);
	str_release(&out);
	freeReplyObject(pending->reply);
	pending->reply = NULL;
}

/*
 * Read what is on its way, then send the unknown scripts again: the first of
 * each as a whole, in a second round (somebody flushes them) all.
 */
static bool
teach(struct redis_link *link, bool is_whole, struct err *err)
{
	size_t i;

	while (link->got < link->n)
		if (!read_next(link, err))
			return false;
	for (i = link->taken; i < link->n; i++)
		if (is_unknown(&link->pending[i]))
			send_again(link, i, is_whole);
	for (i = link->taken; i < link->n; i++)
		if (link->pending[i].reply == NULL &&
		    !redis_wire_get(&link->wire, &link->pending[i].reply, err))
			return false;
	return true;
}

/* The reply of the first that is pending. */
static bool
read_first(struct redis_link *link, struct err *err)
{
	struct pending *first = &link->pending[link->taken];

	if (!redis_link_open(link, err))
		return false;
	if (link->sent < link->out.len) {
		redis_wire_put(&link->wire, link->out.s + link->sent,
		    link->out.len - link->sent);
		link->sent = link->out.len;
	}
	if (first->reply == NULL && !read_next(link, err))
		return false;
	if (is_unknown(first) && !teach(link, false, err))
		return false;
	return !is_unknown(first) || teach(link, true, err);
}

static bool
refuse(struct redis_link *link, redisReply *reply, struct err *err)
{
	bool is_spoilt = redis_error_explain(link->url->shown, reply->str, err);

	freeReplyObject(reply);
	if (is_spoilt)
		redis_link_drop(link);
	return false;
}

bool
redis_link_take(struct redis_link *link, redisReply **reply, struct err *err)
{
	redisReply *got;

	if (link->taken == link->n)
		return err_set(err, ERR_UNREACHABLE, "'%s' was asked nothing",
		    link->url->shown);
	if (!read_first(link, err)) {
		redis_link_drop(link);
		return false;
	}
	got = link->pending[link->taken].reply;
	link->pending[link->taken++].reply = NULL;
	if (link->taken == link->n)
		forget(link);
	if (got->type == REDIS_REPLY_ERROR)
		return refuse(link, got, err);
	*reply = got;
	return true;
}

uint64_t
redis_link_made(const struct redis_link *link)
{
	return link->made;
}

size_t
redis_link_left(const struct redis_link *link)
{
	return link->n - link->taken;
}

bool
redis_link_call(struct redis_link *link, const struct redis_args *args,
    redisReply **reply, struct err *err)
{
	if (link->n != 0)
		redis_link_drop(link);
	redis_link_push(link, args);
	return redis_link_take(link, reply, err);
}

bool
redis_link_run(struct redis_link *link, struct redis_script *script,
    const struct redis_args *args, redisReply **reply, struct err *err)
{
	if (link->n != 0)
		redis_link_drop(link);
	redis_link_eval(link, script, args);
	return redis_link_take(link, reply, err);
}

bool
redis_reply_bad(
    const struct redis_link *link, const char *what, struct err *err)
{
	return err_set(err, ERR_UNREACHABLE,
	    "'%s' gave an answer that is none to %s", link->url->shown, what);
}

/* INFO is permitted to more users than CONFIG GET is. */
char *
redis_link_note(struct redis_link *link)
{
	static const char name[] = "\nmaxmemory_policy:";
	struct redis_args args = { 0 };
	redisReply *reply = NULL;
	char *note = NULL;
	const char *text, *policy;
	struct err err;
	size_t n;

	redis_args_text(&args, "INFO");
	redis_args_text(&args, "memory");
	if (redis_link_call(link, &args, &reply, &err) &&
	    redis_reply_text(reply, &text, &n) &&
	    (policy = strstr(text, name)) != NULL) {
		policy += sizeof name - 1;
		n = strspn(policy, "abcdefghijklmnopqrstuvwxyz-");
		if (n != strlen("noeviction") ||
		    strncmp(policy, "noeviction", n) != 0)
			note = mem_printf("'%s' evicts keys when its memory is "
					  "full (maxmemory-policy %.*s), and "
					  "claims and history among them: set "
					  "it to noeviction",
			    link->url->shown, (int)n, policy);
	}
	freeReplyObject(reply);
	redis_args_release(&args);
	return note;
}

int64_t
redis_backoff_ms(unsigned attempt)
{
	int64_t most = attempt < 6 ? INT64_C(100) << attempt : REDIS_BACKOFF_MS;
	uint32_t any;

	random_bytes(&any, sizeof any);
	if (most > REDIS_BACKOFF_MS)
		most = REDIS_BACKOFF_MS;
	return most / 2 + any % (uint32_t)(most / 2 + 1);
}
