/*
 * Runs a command through lib/process and prints its result as NAME=VALUE
 * lines, or, of many runs, how many ended how.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/startup.h"
#include "lib/base/str.h"
#include "lib/process/env.h"
#include "lib/process/pool.h"
#include "lib/process/proc.h"

struct one {
	struct pool_seat seat;
	struct proc proc;
	struct tool *tool;
	struct env env;
	int number;
};

struct tool {
	struct ev_loop *loop;
	struct clock *clock;
	struct proc_host *host;
	struct pool pool;
	struct proc_command command;
	struct env env;
	struct str input;
	struct clock_timer stop, again, block;
	struct one *one;
	int count, at_once, left;
	int ok, failed, signalled, timed_out, unstarted, survivors;
	int64_t stop_ms, block_ms, linger_ms;
	bool stops_now, shows_output;
	struct ev_signal quit;
};

static const char *const stop_names[] = { "none", "timeout", "cancelled",
	"replaced", "shutdown" };

static void
print_text(const char *name, const char *s, size_t n)
{
	struct str text = { 0 };

	str_add_visible(&text, s, n, false);
	printf("%s=%s\n", name, str_text(&text));
	str_release(&text);
}

static void
print_result(const struct proc_result *r)
{
	printf("started=%d\n", r->started);
	if (r->err.code != ERR_NONE)
		printf("error=%s\nerrno=%d\nstep=%d\n", r->err.msg, r->err.sys,
		    (int)r->step);
	if (!r->started)
		return;
	printf("exit=%d\nsignal=%d\nstop=%s\nkilled=%d\n", r->exit_code,
	    r->signal, stop_names[r->stop], r->killed);
	printf("duration_ms=%lld\nspan_ms=%lld\n", (long long)r->duration_ms,
	    (long long)(r->ended_ms - r->started_ms));
	printf("user_us=%lld\nsystem_us=%lld\nmax_rss_kb=%lld\n",
	    (long long)r->user_us, (long long)r->system_us,
	    (long long)r->max_rss_kb);
	printf("bytes=%lld\nstderr_bytes=%lld\nhead_len=%zu\ntail_len=%zu\n",
	    (long long)r->output_bytes, (long long)r->stderr_bytes, r->head_len,
	    r->tail_len);
	printf("held=%d\nsurvivors=%d\n", r->was_held, r->survivors);
	if (r->head_len <= 4096)
		print_text("head", r->head, r->head_len);
	if (r->tail_len <= 4096)
		print_text("tail", r->tail, r->tail_len);
}

static void
count_result(struct tool *tool, const struct proc_result *r)
{
	tool->survivors += r->survivors;
	if (!r->started)
		tool->unstarted++;
	else if (r->stop == PROC_TIMED_OUT)
		tool->timed_out++;
	else if (r->signal != 0)
		tool->signalled++;
	else if (r->exit_code != 0)
		tool->failed++;
	else
		tool->ok++;
}

static void
on_ended(struct proc *proc, const struct proc_result *result)
{
	struct one *one = proc->data;
	struct tool *tool = one->tool;

	count_result(tool, result);
	if (tool->count == 1)
		print_result(result);
	env_release(&one->env);
	pool_give(&tool->pool, &one->seat);
	if (--tool->left == 0)
		ev_break(tool->loop, EVBREAK_ALL);
}

static void
on_output(struct proc *proc, int stream, const char *data, size_t n)
{
	(void)proc;
	print_text(stream == 1 ? "out" : "err", data, n);
}

static void
on_seated(struct pool_seat *seat)
{
	struct one *one = seat->data;
	struct tool *tool = one->tool;
	struct proc_command command = tool->command;
	char id[32];
	size_t i;

	if (tool->count > 1) {
		for (i = 0; i < tool->env.len; i++)
			env_put(&one->env, tool->env.item[i]);
		snprintf(id, sizeof id, "run-%d", one->number);
		env_set(&one->env, "WJOBS_RUN_ID", id);
		command.envp = env_items(&one->env);
	}
	one->proc.ended = on_ended;
	one->proc.output = tool->shows_output ? on_output : NULL;
	one->proc.data = one;
	proc_start(tool->host, &one->proc, &command);
}

static void
on_stop(struct clock_timer *timer)
{
	struct tool *tool = timer->data;

	proc_stop(&tool->one[0].proc, PROC_CANCELLED, tool->stops_now);
}

/* Signals wait for a while, so that many ends become one SIGCHLD. */
static void
on_block(struct clock_timer *timer)
{
	struct tool *tool = timer->data;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	usleep((useconds_t)tool->block_ms * 1000);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* As a filter does: pass it on, once to the command itself. */
static void
on_signal(struct ev_loop *loop, ev_signal *w, int revents)
{
	struct tool *tool = w->data;

	(void)loop;
	(void)revents;
	if (tool->count == 1)
		proc_signal(&tool->one[0].proc, w->signum);
}

static void
read_input(struct tool *tool, const char *path)
{
	FILE *in = fopen(path, "r");
	char buf[65536];
	size_t n;

	if (in == NULL)
		exit(2);
	while ((n = fread(buf, 1, sizeof buf, in)) > 0)
		str_addn(&tool->input, buf, n);
	fclose(in);
	tool->command.input = str_text(&tool->input);
	tool->command.input_len = tool->input.len;
}

static enum proc_output
output_of(const char *name)
{
	static const char *const names[] = { "capture", "pass", "tee", "file",
		"discard" };
	int i;

	for (i = 0; i < (int)ARRAY_LEN(names); i++)
		if (strcmp(names[i], name) == 0)
			return (enum proc_output)i;
	exit(2);
}

static void
load_env(struct tool *tool, const char *path)
{
	struct err err;

	if (!env_load(&tool->env, path, &err)) {
		char text[1024];

		err_format(&err, text, sizeof text);
		printf("error=%s\n", text);
		exit(1);
	}
}

static void
set_option(struct tool *tool, int c, const char *arg)
{
	switch (c) {
	case 'c':
		tool->command.text = arg;
		break;
	case 'S':
		tool->command.shell = arg;
		break;
	case 't':
		tool->command.timeout_ms = atoll(arg);
		break;
	case 'k':
		tool->command.kill_after_ms = atoll(arg);
		break;
	case 's':
		tool->command.stop_signal = (int)atoll(arg);
		break;
	case 'K':
		tool->command.kill_orphans = true;
		break;
	case 'o':
		tool->command.output = output_of(arg);
		break;
	case 'f':
		tool->command.output_file = arg;
		break;
	case '2':
		tool->command.split_stderr = true;
		break;
	case 'l':
		tool->command.output_limit = atoll(arg);
		break;
	case 'i':
		read_input(tool, arg);
		break;
	case 'I':
		tool->command.inherit_input = true;
		break;
	case 'L':
		tool->command.live_path = arg;
		break;
	case 'd':
		tool->command.dir = arg;
		break;
	case 'P':
		tool->command.path_env = arg;
		break;
	case 'x':
		tool->stop_ms = atoll(arg);
		break;
	case 'X':
		tool->stops_now = true;
		break;
	case 'n':
		tool->count = (int)atoll(arg);
		break;
	case 'j':
		tool->at_once = (int)atoll(arg);
		break;
	case 'B':
		tool->block_ms = atoll(arg);
		break;
	case 'e':
		env_put(&tool->env, arg);
		break;
	case 'E':
		load_env(tool, arg);
		break;
	case 'C':
		env_release(&tool->env);
		env_clean(&tool->env);
		break;
	case 'O':
		tool->shows_output = true;
		break;
	case 'w':
		tool->linger_ms = atoll(arg);
		break;
	default:
		exit(2);
	}
}

static void
run_all(struct tool *tool)
{
	int i;

	tool->left = tool->count;
	tool->one = mem_zalloc((size_t)tool->count, sizeof *tool->one);
	pool_init(&tool->pool, tool->at_once);
	for (i = 0; i < tool->count; i++) {
		tool->one[i].tool = tool;
		tool->one[i].number = i;
		tool->one[i].seat.seated = on_seated;
		tool->one[i].seat.data = &tool->one[i];
		pool_ask(&tool->pool, &tool->one[i].seat);
	}
	ev_run(tool->loop, 0);
	pool_release(&tool->pool);
}

static void
on_again(struct clock_timer *timer)
{
	struct tool *tool = timer->data;

	ev_break(tool->loop, EVBREAK_ALL);
}

static void
set_timers(struct tool *tool)
{
	tool->stop = (struct clock_timer){ .fire = on_stop, .data = tool };
	tool->block = (struct clock_timer){ .fire = on_block, .data = tool };
	tool->again = (struct clock_timer){ .fire = on_again, .data = tool };
	if (tool->stop_ms >= 0)
		clock_set_in(tool->clock, &tool->stop, tool->stop_ms);
	if (tool->block_ms >= 0)
		clock_set_in(tool->clock, &tool->block, 0);
	ev_signal_init(&tool->quit, on_signal, SIGINT);
	tool->quit.data = tool;
	ev_signal_start(tool->loop, &tool->quit);
	ev_unref(tool->loop);
}

/* What init would have to clean up after us. */
static void
print_children(void)
{
	siginfo_t info = { 0 };

	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
		puts("children=none");
	else
		printf("children=%s\n", info.si_pid != 0 ? "zombie" : "alive");
}

static void
tool_close(struct tool *tool)
{
	clock_stop(&tool->stop);
	clock_stop(&tool->block);
	ev_ref(tool->loop);
	ev_signal_stop(tool->loop, &tool->quit);
	proc_host_close(tool->host);
	clock_close(tool->clock);
	ev_loop_destroy(tool->loop);
	env_release(&tool->env);
	str_release(&tool->input);
	free(tool->one);
}

int
main(int argc, char **argv)
{
	struct tool tool = { .count = 1,
		.at_once = 4,
		.stop_ms = -1,
		.block_ms = -1,
		.linger_ms = 0,
		.command = { .timeout_ms = -1,
		    .kill_after_ms = 10000,
		    .stop_signal = SIGTERM,
		    .output_limit = 65536 } };
	struct rusage usage;
	int c;

	startup_tidy();
	env_inherit(&tool.env);
	env_set(&tool.env, "WJOBS_RUN_ID", "run-0");
	while ((c = getopt(argc, argv,
		    "+c:S:t:k:s:Ko:f:2l:i:IL:d:P:x:Xn:j:B:e:E:COw:")) != -1)
		set_option(&tool, c, optarg);
	if (tool.command.text == NULL)
		tool.command.argv = (const char *const *)argv + optind;
	tool.command.envp = env_items(&tool.env);
	tool.loop = ev_loop_new(0);
	tool.clock = clock_open(tool.loop);
	tool.host = proc_host_open(tool.loop, tool.clock);
	set_timers(&tool);
	run_all(&tool);
	if (tool.linger_ms > 0) { /* go on reaping orphans for a while */
		clock_set_in(tool.clock, &tool.again, tool.linger_ms);
		ev_run(tool.loop, 0);
	}
	if (tool.count > 1)
		printf("ok=%d\nfailed=%d\nsignalled=%d\ntimed_out=%d\n"
		       "unstarted=%d\nsurvivors=%d\n",
		    tool.ok, tool.failed, tool.signalled, tool.timed_out,
		    tool.unstarted, tool.survivors);
	print_children();
	getrusage(RUSAGE_SELF, &usage);
	printf("own_rss_kb=%ld\n", usage.ru_maxrss);
	tool_close(&tool);
	return 0;
}
