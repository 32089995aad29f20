#include "cmd/guard.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/filter.h"
#include "lib/base/clock.h"
#include "lib/process/spawn.h"
#include "lib/store/renew.h"

/*
 * There is no event loop: what may happen is a signal, or that it is time. The
 * lock of ttl counts as lost when it was not extended for two thirds of that,
 * so that TERM and, half of the rest later, KILL come before it expires.
 */
#define GUARD_LOOK_MS INT64_C(1000) /* a machine that slept is looked at */

static const int passed_on[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

struct guarding {
	const struct guard *guard;
	struct renew *renew;
	pthread_t thread; /* that waits */
	sigset_t signals;
	pid_t pid;
	bool is_lost, is_killed;
	int64_t kill_ms; /* of clock_boot_ms, once it is lost */
	struct err *err;
};

/* Wakes the one who waits: SIGCHLD means "look". */
static void
guard_on_loss(void *data)
{
	struct guarding *guarding = data;

	pthread_kill(guarding->thread, SIGCHLD);
}

/* What we were told to ignore (nohup) stays ignored. */
static void
guard_block_signals(struct guarding *guarding)
{
	struct sigaction old;
	size_t i;

	sigemptyset(&guarding->signals);
	sigaddset(&guarding->signals, SIGCHLD);
	for (i = 0; i < ARRAY_LEN(passed_on); i++)
		if (sigaction(passed_on[i], NULL, &old) != 0 ||
		    old.sa_handler != SIG_IGN)
			sigaddset(&guarding->signals, passed_on[i]);
	sigprocmask(SIG_BLOCK, &guarding->signals, NULL);
}

static bool
guard_start_renewal(struct guarding *guarding, struct err *err)
{
	const struct acquire *acquire = guarding->guard->acquire;
	struct renew_ask ask = { .where = acquire->where,
		.key = acquire->key,
		.token = acquire->token,
		.ttl_ms = acquire->ttl_ms,
		.asked_ms = acquire->asked_ms,
		.lost = guard_on_loss,
		.data = guarding };

	return renew_start(&ask, &guarding->renew, err);
}

static bool
guard_start(struct guarding *guarding, enum spawn_step *step)
{
	const struct guard *guard = guarding->guard;
	struct spawn spawn = { .path = guard->path,
		.argv = (const char *const *)guard->argv,
		.envp = (const char *const *)environ,
		.fd = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO },
		.keep_fds = true,
		/* nobody would stop it in time any more */
		.death_signal = guard->goes_on ? 0 : SIGTERM };

	return spawn_start(&spawn, &guarding->pid, step, guarding->err);
}

static void
guard_lose(struct guarding *guarding, bool is_gone, int64_t until_ms)
{
	const struct guard *guard = guarding->guard;
	const struct acquire *acquire = guard->acquire;

	guarding->is_lost = true;
	acquire_say_lost(acquire, is_gone,
	    guard->goes_on ? "the command goes on" : "the command is stopped",
	    guarding->err);
	if (guard->goes_on) {
		cli_note(guard->cli, "%s", guarding->err->msg);
		*guarding->err = (struct err){ 0 }; /* told */
		return;
	}
	guarding->kill_ms = is_gone ? clock_boot_ms() + acquire->ttl_ms / 6
				    : until_ms - acquire->ttl_ms / 6;
	kill(-guarding->pid, SIGTERM);
}

/* What is due is done; returns how long until the next look. */
static int64_t
guard_look(struct guarding *guarding)
{
	int64_t ttl_ms = guarding->guard->acquire->ttl_ms;
	int64_t now_ms = clock_boot_ms(), until_ms, left_ms = GUARD_LOOK_MS;
	bool is_gone;

	if (!guarding->is_lost) {
		is_gone = renew_is_lost(guarding->renew);
		until_ms = renew_until_ms(guarding->renew);
		left_ms = until_ms - ttl_ms / 3 - now_ms;
		if (is_gone || left_ms <= 0)
			guard_lose(guarding, is_gone, until_ms);
	}
	if (guarding->is_lost && !guarding->guard->goes_on &&
	    !guarding->is_killed) {
		left_ms = guarding->kill_ms - now_ms;
		if (left_ms <= 0) {
			guarding->is_killed = true;
			kill(-guarding->pid, SIGKILL);
		}
	}
	if (left_ms <= 0 || left_ms > GUARD_LOOK_MS)
		return GUARD_LOOK_MS;
	return left_ms;
}

/* Until the command has ended. */
static int
guard_wait(struct guarding *guarding)
{
	struct timespec ts;
	int64_t ms;
	int status, sig;
	pid_t ended;

	for (;;) {
		ms = guard_look(guarding);
		ts.tv_sec = (time_t)(ms / 1000);
		ts.tv_nsec = (long)(ms % 1000) * 1000000;
		sig = sigtimedwait(&guarding->signals, NULL, &ts);
		if (sig > 0 && sig != SIGCHLD)
			kill(-guarding->pid, sig);
		ended = waitpid(guarding->pid, &status, WNOHANG);
		if (ended == guarding->pid)
			return status;
		if (ended < 0 && errno != EINTR)
			return 0;
	}
}

static int
guard_status(int status)
{
	if (WIFSIGNALED(status))
		return FILTER_SIGNAL_BASE + WTERMSIG(status);
	return WEXITSTATUS(status);
}

int
guard_run(const struct guard *guard, struct err *err)
{
	struct guarding guarding = {
		.guard = guard, .thread = pthread_self(), .err = err
	};
	enum spawn_step step;
	int status;

	guard_block_signals(&guarding);
	if (!guard_start_renewal(&guarding, err)) {
		acquire_release(guard->acquire);
		return FILTER_FAILED;
	}
	if (guard_start(&guarding, &step))
		status = guard_status(guard_wait(&guarding));
	else
		status = step == SPAWN_EXEC ? filter_spawn_status(err->sys)
					    : FILTER_FAILED;
	renew_stop(guarding.renew);
	return status;
}
