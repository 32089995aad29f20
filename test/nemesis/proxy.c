/*
 * proxy SERVER LISTEN... - stand between a Redis and its clients, and be the
 * network that fails. An address is a socket's path or HOST:PORT (numbers).
 * Each LISTEN is a line, numbered from 1. Standard input takes commands, one a
 * text line, LINE being a number or `all`; each is answered on standard output:
 *
 *   pass LINE         all goes through, from now on and what was held back
 *   delay LINE MS     each reply comes so much later
 *   drop LINE K       of each K-th reply nothing comes, nor of later ones on
 *                     that connection: it was lost, and what it answers done
 *   lose LINE K       the connection is closed in place of each K-th reply
 *   trunc LINE K      the same, after a piece of the reply
 *   hole LINE         nothing goes either way, and nobody is told; what was
 *                     sent arrives when the line passes again
 *   away LINE         as hole, and deaf to what is told to `all`
 *   refuse LINE       connections are closed as they come
 *   cut LINE          those that are open are closed, once
 *   half LINE         their clients are told the end, but still heard, once
 *   count LINE        "count LINE connections=N trips=N replies=N CMD=N..."
 *   reset LINE        counts begin anew
 *
 * A round trip is commands one way and then replies the other, however many
 * were sent together. It also says when the machine itself stood still: "stall
 * FROM TO" in nanoseconds. It ends at the end of its standard input.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "test/nemesis/net.h"
#include "test/nemesis/resp.h"

enum mode { PASS, DELAY, DROP, LOSE, TRUNC, HOLE, AWAY, REFUSE };

static const char *const modes[] = { "pass", "delay", "drop", "lose", "trunc",
	"hole", "away", "refuse" };

#define NAMES_MAX 64

struct line {
	int fd;
	enum mode mode;
	int64_t arg; /* MS or K */
	int64_t replies, trips, connections;
	struct {
		char name[24];
		int64_t n;
	} count[NAMES_MAX];
};

/* One way through. Bytes are read only when those before have gone out. */
struct flow {
	struct resp resp;
	char buf[16384];
	size_t at, len;
	int64_t not_before_ms;
	bool is_over; /* its source has ended */
	bool is_told; /* and the other end knows it */
};

struct pair {
	struct line *line;
	int client, server;
	struct flow up, down; /* to the server; to the client */
	bool is_asking;       /* bytes went up since the last that came down */
	bool is_mute;         /* what the server says is thrown away */
	bool is_dead;
	struct pair *next;
};

static struct line *line;
static size_t lines;
static struct pair *pairs;
static const char *server;

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
line_count(struct line *l, const char *name)
{
	int i;

	for (i = 0; i < NAMES_MAX - 1 && l->count[i].n > 0; i++)
		if (strcmp(l->count[i].name, name) == 0)
			break;
	if (l->count[i].n++ == 0)
		snprintf(l->count[i].name, sizeof l->count[i].name, "%s", name);
}

static void
line_accept(struct line *l)
{
	int client = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct pair *p;
	int to;

	if (client < 0)
		return;
	to = l->mode != REFUSE ? net_connect(server) : -1;
	if (to < 0) {
		close(client);
		return;
	}
	p = mem_zalloc(1, sizeof *p);
	p->line = l;
	p->client = client;
	p->server = to;
	p->next = pairs;
	pairs = p;
	l->connections++;
}

/* Of each K-th reply, at its first byte: how much of n bytes still goes out. */
static size_t
reply_begins(struct pair *p, size_t at, size_t n)
{
	struct line *l = p->line;

	l->replies++;
	if (l->mode < DROP || l->mode > TRUNC || l->replies % l->arg != 0)
		return n;
	p->is_mute = true;
	p->is_dead = l->mode != DROP;
	return l->mode == TRUNC ? at + (n - at + 1) / 2 : at;
}

/* What the server said: how much of it the client gets to see. */
static size_t
replies_seen(struct pair *p, size_t n)
{
	struct flow *f = &p->down;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!f->resp.is_inside) {
			n = reply_begins(p, i, n);
			if (p->is_mute)
				return n;
		}
		resp_feed(&f->resp, f->buf[i]);
	}
	return n;
}

static void
commands_seen(struct pair *p, size_t n)
{
	struct flow *f = &p->up;
	size_t i;

	for (i = 0; i < n; i++)
		if (resp_feed(&f->resp, f->buf[i]))
			line_count(p->line, f->resp.word);
	if (!p->is_asking)
		p->line->trips++;
	p->is_asking = true;
}

static void
flow_read(struct pair *p, struct flow *f, int from)
{
	ssize_t n = read(from, f->buf, sizeof f->buf);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		f->is_over = true;
		return;
	}
	f->at = 0;
	f->len = (size_t)n;
	if (f == &p->up) {
		commands_seen(p, f->len);
		return;
	}
	p->is_asking = false;
	f->len = p->is_mute ? 0 : replies_seen(p, f->len);
	f->not_before_ms = p->line->mode == DELAY ? now_ms() + p->line->arg : 0;
}

static void
flow_write(struct pair *p, struct flow *f, int to)
{
	ssize_t n = send(to, f->buf + f->at, f->len - f->at, MSG_NOSIGNAL);

	if (n >= 0)
		f->at += (size_t)n;
	else if (errno != EAGAIN && errno != EINTR) {
		p->is_dead = true;
		f->at = f->len;
	}
	if (f->at == f->len)
		f->at = f->len = 0;
}

/* An end is passed on when all before it has been. */
static void
flow_end(struct pair *p, struct flow *f, int to)
{
	if (!f->is_over || f->len > 0 || f->is_told)
		return;
	f->is_told = true;
	shutdown(to, SHUT_WR);
	/* A client that has gone may have sent what is still to be done. */
	if (f == &p->down || p->down.is_over)
		p->is_dead = true;
}

static void
pairs_sweep(void)
{
	struct pair **at = &pairs, *p;

	while ((p = *at) != NULL) {
		flow_end(p, &p->up, p->server);
		flow_end(p, &p->down, p->client);
		if (!p->is_dead || (p->down.len > 0 && !p->down.is_told)) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		close(p->client);
		close(p->server);
		free(p);
	}
}

/* ---- commands */

static void
line_tell(const struct line *l)
{
	int i;

	printf("count %d connections=%lld trips=%lld replies=%lld",
	    (int)(l - line) + 1, (long long)l->connections, (long long)l->trips,
	    (long long)l->replies);
	for (i = 0; i < NAMES_MAX && l->count[i].n > 0; i++)
		printf(" %s=%lld", l->count[i].name, (long long)l->count[i].n);
	putchar('\n');
}

static void
line_reset(struct line *l)
{
	memset(l->count, 0, sizeof l->count);
	l->replies = l->trips = l->connections = 0;
}

static void
line_end_pairs(const struct line *l, bool is_half)
{
	struct pair *p;

	for (p = pairs; p != NULL; p = p->next) {
		if (p->line != l)
			continue;
		p->down.len = 0;
		p->is_mute = true;
		if (is_half)
			shutdown(p->client, SHUT_WR);
		else
			p->is_dead = true;
	}
}

static bool
line_is_held(const struct line *l)
{
	return l->mode == HOLE || l->mode == AWAY;
}

static bool
line_command(struct line *l, const char *word, int64_t arg)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(modes); i++) {
		if (strcmp(word, modes[i]) != 0)
			continue;
		l->mode = (enum mode)i;
		l->arg = arg > 0 ? arg : 1;
		return true;
	}
	if (strcmp(word, "cut") == 0 || strcmp(word, "half") == 0)
		line_end_pairs(l, *word == 'h');
	else if (strcmp(word, "count") == 0)
		line_tell(l);
	else if (strcmp(word, "reset") == 0)
		line_reset(l);
	else
		return false;
	return true;
}

static void
command(const char *text)
{
	char word[16] = "", which[16] = "", value[16] = "";
	size_t i, n = 0;
	bool is_all, ok = false;

	sscanf(text, "%15s %15s %15s", word, which, value);
	is_all = strcmp(which, "all") == 0;
	if (!is_all)
		n = strtoul(which, NULL, 10);
	for (i = 0; i < lines; i++)
		if (is_all ? line[i].mode != AWAY : n == i + 1)
			ok = line_command(
			    &line[i], word, strtoll(value, NULL, 10));
	printf("%s %s\n", ok ? "ok" : "what?", text);
	fflush(stdout);
}

static void
commands_read(void)
{
	static char buf[4096];
	static size_t len;
	ssize_t n = read(STDIN_FILENO, buf + len, sizeof buf - 1 - len);
	char *end;

	if (n <= 0)
		exit(0);
	len += (size_t)n;
	buf[len] = '\0';
	while ((end = strchr(buf, '\n')) != NULL) {
		*end++ = '\0';
		command(buf);
		len -= (size_t)(end - buf);
		memmove(buf, end, len + 1);
	}
}

/* ---- the loop */

/* What there is to wait for, and how long at most. */
static int
flow_wants(
    const struct flow *f, struct pollfd *from, struct pollfd *to, int64_t now)
{
	if (f->len == 0) {
		from->events |= f->is_over ? 0 : POLLIN;
		return -1;
	}
	if (f->not_before_ms > now)
		return (int)(f->not_before_ms - now);
	to->events |= POLLOUT;
	return -1;
}

static int
sooner(int a, int b)
{
	return a < 0 ? b : b < 0 || a < b ? a : b;
}

static int
pair_wants(const struct pair *p, struct pollfd *fds, int64_t now)
{
	bool is_held = line_is_held(p->line);
	int wait;

	fds[0] = (struct pollfd){ .fd = is_held ? -1 : p->client };
	fds[1] = (struct pollfd){ .fd = is_held ? -1 : p->server };
	wait = flow_wants(&p->up, &fds[0], &fds[1], now);
	wait = sooner(wait, flow_wants(&p->down, &fds[1], &fds[0], now));
	/* An end that is known already would wake us for ever. */
	if (fds[0].events == 0)
		fds[0].fd = -1;
	if (fds[1].events == 0)
		fds[1].fd = -1;
	return is_held ? -1 : wait;
}

static void
pair_turn(struct pair *p, const struct pollfd *fds, int64_t now)
{
	if (fds[0].revents != 0 && p->up.len == 0 && !p->up.is_over)
		flow_read(p, &p->up, p->client);
	if (fds[1].revents != 0 && p->down.len == 0 && !p->down.is_over)
		flow_read(p, &p->down, p->server);
	if (line_is_held(p->line))
		return;
	if (p->up.len > 0)
		flow_write(p, &p->up, p->server);
	if (p->down.len > 0 && p->down.not_before_ms <= now)
		flow_write(p, &p->down, p->client);
}

#define PULSE_MS 50
#define STALL_MS 150

/* Nobody is on time on a machine that does not get around to waking us. */
static void
stall_tell(int64_t ms)
{
	struct timespec ts;
	int64_t to_ms;

	if (ms < STALL_MS)
		return;
	clock_gettime(CLOCK_REALTIME, &ts);
	to_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
	printf("stall %lld000000 %lld000000\n", (long long)(to_ms - ms),
	    (long long)to_ms);
	fflush(stdout);
}

static void
turn(void)
{
	static struct pollfd *fds;
	size_t n = 1 + lines, i;
	int64_t now = now_ms();
	struct pair *p, *first = pairs;
	int wait = PULSE_MS;

	for (p = pairs; p != NULL; p = p->next)
		n += 2;
	fds = mem_realloc(fds, n, sizeof *fds);
	fds[0] = (struct pollfd){ STDIN_FILENO, POLLIN, 0 };
	for (i = 0; i < lines; i++)
		fds[1 + i] = (struct pollfd){
			line_is_held(&line[i]) ? -1 : line[i].fd, POLLIN, 0
		};
	for (p = pairs, i = 1 + lines; p != NULL; p = p->next, i += 2)
		wait = sooner(wait, pair_wants(p, &fds[i], now));
	if (poll(fds, n, wait) < 0 && errno != EINTR)
		exit(1);
	stall_tell(now_ms() - now - wait);
	now = now_ms();
	for (p = first, i = 1 + lines; p != NULL; p = p->next, i += 2)
		pair_turn(p, &fds[i], now);
	for (i = 0; i < lines; i++)
		if (fds[1 + i].revents != 0)
			line_accept(&line[i]);
	if (fds[0].revents != 0)
		commands_read();
	pairs_sweep();
}

int
main(int argc, char **argv)
{
	int i;

	if (argc < 3) {
		fputs("usage: proxy SERVER LISTEN...\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	server = argv[1];
	lines = (size_t)argc - 2;
	line = mem_zalloc(lines, sizeof *line);
	for (i = 2; i < argc; i++)
		line[i - 2].fd = net_listen(argv[i]);
	for (;;)
		turn();
}
