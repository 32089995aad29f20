#include "test/world/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "test/world/host_writer.h"
#include "test/world/shared_store.h"

#define RENEW_MS 10000
#define DOUBT_MS 20000
#define LOSS_MS  25000
#define LOOK_MS  500

/* A process: it goes on while its host is frozen. */
struct child {
	struct cluster_host *host;
	struct proc *proc;
	const struct run *run;
	const struct job *job;
	struct ulid id;
	uint64_t fence;
	int64_t ends_ms; /* by the store's clock */
	struct clock_timer timer;
	struct proc_result result;
	struct child *next;
};

static void
child_forget(struct child *child)
{
	struct child **at = &child->host->children;

	while (*at != child)
		at = &(*at)->next;
	*at = child->next;
	clock_stop(&child->timer);
	child->proc->pid = 0;
	free(child);
}

static void
child_end(struct clock_timer *timer)
{
	struct child *child = timer->data;
	struct proc *proc = child->proc;
	struct proc_result result = child->result;

	result.ended_ms = clock_wall_ms(child->host->clock);
	child_forget(child);
	proc->ended(proc, &result);
}

/* Who froze may go on past its lease; nobody else may. */
static bool
child_may_outlast(const struct child *old)
{
	const struct cluster_host *host = old->host;
	int64_t now = cluster_now_ms(host->cluster);

	return old->job->on_lease_loss == JOB_LEASE_CONTINUE ||
	    host->frozen_to_ms != 0 ||
	    (host->frozen_ms != 0 && now - host->frozen_ms < 60000);
}

static void
child_check_alone(const struct child *child)
{
	struct cluster *cluster = child->host->cluster;
	int64_t now = cluster_now_ms(cluster);
	const struct child *old;
	uint64_t sid;
	int i;

	if (child->job->overlap == JOB_ALLOW || child->fence == 0)
		return;
	for (i = 0; i < cluster->hosts; i++)
		for (old = cluster->host[i].children; old != NULL;
		     old = old->next) {
			if (old == child || old->job != child->job ||
			    old->fence == 0 || old->ends_ms <= now)
				continue;
			sid = shared_store_run_session(
			    cluster->store, &old->id);
			if (shared_store_is_alive(cluster->store, sid) ||
			    !child_may_outlast(old))
				cluster_fault(cluster, "%s: two at once",
				    child->job->name);
		}
}

static void
child_check_instant(const struct child *child)
{
	struct cluster *cluster = child->host->cluster;
	struct seen *seen = &cluster->seen[child->job - cluster->file.job];
	int64_t now = cluster_now_ms(cluster), due = child->run->due_ms;
	size_t i;

	/* begun without a claim: others may run it, too (on_lock_error) */
	if (child->fence == 0 && child->job->shared)
		return;
	if (now < due && child->job->shared)
		cluster_fault(
		    cluster, "%s: began before it was due", child->job->name);
	for (i = seen->n; i-- > 0;)
		if (seen->due[i] == due)
			cluster_fault(cluster, "%s: an instant was run twice",
			    child->job->name);
	seen->due = mem_grow(seen->due, seen->n + 1, sizeof *seen->due);
	seen->began = mem_grow(seen->began, seen->n + 1, sizeof *seen->began);
	seen->due[seen->n] = due;
	seen->began[seen->n++] = now;
	if (child->job->overlap != JOB_ALLOW && child->job->shared &&
	    child->fence <= seen->fence)
		cluster_fault(
		    cluster, "%s: a fence went back", child->job->name);
	if (child->fence > seen->fence)
		seen->fence = child->fence;
}

static void
child_check(const struct child *child)
{
	const struct run *run = child->run;

	child_check_alone(child);
	if (run->trigger != RECORD_IMMEDIATE && !run->is_rerun &&
	    run_record(run)->attempt == 1)
		child_check_instant(child);
}

static void
host_start(struct proc_host *processes, struct proc *proc,
    const struct proc_command *command)
{
	struct cluster_host *host = (struct cluster_host *)((char *)processes -
	    offsetof(struct cluster_host, processes));
	struct cluster *cluster = host->cluster;
	struct child *child = mem_zalloc(1, sizeof *child);
	int64_t lasts = cluster->lasts_ms;

	if (lasts == 0)
		lasts = cluster_random(cluster, 5) != 0
		    ? cluster_random(cluster, 400)
		    : cluster_random(cluster, 60000);
	proc->host = processes;
	proc->pid = (pid_t)++cluster->starts;
	*child = (struct child){ .host = host,
		.proc = proc,
		.run = proc->data,
		.job = ((struct run *)proc->data)->job,
		.id = ((struct run *)proc->data)->id,
		.next = host->children };
	child->fence = run_record(child->run)->fence;
	/* what goes on without an answer is as what began without one */
	if (child->job->on_lock_error == JOB_LOCK_RUN &&
	    run_record(child->run)->attempt > 1)
		child->fence = 0;
	child->result = (struct proc_result){ .started = true,
		.exit_code = cluster_random(cluster, 6) == 0,
		.max_rss_kb = -1,
		.started_ms = clock_wall_ms(host->clock),
		.duration_ms = lasts };
	if (command->timeout_ms >= 0 && lasts > command->timeout_ms) {
		lasts = command->timeout_ms;
		child->result.stop = PROC_TIMED_OUT;
	}
	child->ends_ms = cluster_now_ms(cluster) + lasts;
	child_check(child);
	host->children = child;
	child->timer.fire = child_end;
	child->timer.data = child;
	clock_set_in(host->clock, &child->timer, lasts);
	proc->start_ticks = 1;
	if (proc->began != NULL)
		proc->began(proc);
}

static void
host_stop_child(struct proc *proc, enum proc_stop why, bool now)
{
	struct cluster_host *host = (struct cluster_host *)((char *)proc->host -
	    offsetof(struct cluster_host, processes));
	struct child *child = host->children;
	int64_t lasts = now ? 0 : 20;

	while (child != NULL && child->proc != proc)
		child = child->next;
	if (child == NULL)
		return;
	if (child->result.stop == PROC_NOT_STOPPED)
		child->result.stop = why;
	if (child->ends_ms > cluster_now_ms(host->cluster) + lasts)
		child->ends_ms = cluster_now_ms(host->cluster) + lasts;
	clock_set_in(host->clock, &child->timer, lasts);
}

static const struct proc_host_ops host_ops = {
	.start = host_start,
	.stop = host_stop_child,
};

bool
host_has_run(const struct cluster_host *host, const struct ulid *id)
{
	const struct child *child;

	for (child = host->children; child != NULL; child = child->next)
		if (memcmp(&child->id, id, sizeof *id) == 0)
			return true;
	return false;
}

/* The session */

bool
host_reaches_store(const struct cluster_host *host)
{
	return !host->cluster->is_away && !host->is_cut;
}

/* The lease's clock: one that nobody can set. */
static int64_t
session_now_ms(const struct cluster_host *host)
{
	return host->cluster->mutant == CLUSTER_WALL
	    ? clock_wall_ms(host->clock)
	    : clock_mono_ms(host->clock);
}

static void
session_look_around(struct cluster_host *host)
{
	struct store_start found;

	shared_store_reap(
	    host->cluster->store, host->sid, host->is_blind, &found);
	host->is_blind = false;
	if (found.jobs != 0 || found.n_pending != 0 || found.n_again != 0)
		scheduler_found(host->scheduler, &found);
	store_start_release(&found);
	scheduler_store_clock(host->scheduler,
	    cluster_now_ms(host->cluster) - clock_wall_ms(host->clock));
}

static void
session_lose(struct cluster_host *host)
{
	host->old_sid = host->sid;
	host->sid = 0;
	if (host->doubts < 2)
		scheduler_lease_lost(host->scheduler, true);
	host->doubts = 2;
}

static void
session_open(struct cluster_host *host, int64_t now)
{
	bool is_first;

	host->sid = shared_store_open(
	    host->cluster->store, host->old_sid, &is_first);
	host->renewed_ms = host->looked_ms = now;
	host->doubts = 0;
	session_look_around(host);
}

static void
session_renew(struct cluster_host *host, int64_t now)
{
	if (!shared_store_renew(host->cluster->store, host->sid)) {
		session_lose(host);
		return;
	}
	host->renewed_ms = now;
	host->doubts = 0;
	session_look_around(host);
}

static void
session_on_timer(struct clock_timer *timer)
{
	struct cluster_host *host = timer->data;
	int64_t now = session_now_ms(host);
	int64_t age = now - host->renewed_ms;

	if (host->sid != 0 && age >= LOSS_MS) {
		session_lose(host);
	} else if (host->sid != 0 && age >= DOUBT_MS && host->doubts == 0) {
		host->doubts = 1;
		scheduler_lease_lost(host->scheduler, false);
	}
	if (host_reaches_store(host)) {
		if (host->sid == 0)
			session_open(host, now);
		else if (age >= RENEW_MS)
			session_renew(host, now);
	}
	clock_set_in(host->clock, &host->session, LOOK_MS);
}

/* The host */

void
host_open(struct cluster_host *host, struct cluster *cluster, int number,
    int64_t offset_ms)
{
	*host = (struct cluster_host){ .cluster = cluster,
		.number = number,
		.offset_ms = offset_ms,
		.processes.ops = &host_ops };
	snprintf(host->name, sizeof host->name, "host%d", number);
	host->clock = simclock_new(cluster_now_ms(cluster) + offset_ms);
	host->writer = host_writer_new(host);
	host->session.fire = session_on_timer;
	host->session.data = host;
	pool_init(&host->pool, 64);
}

void
host_begin(struct cluster_host *host)
{
	struct cluster *cluster = host->cluster;
	struct store_start found = { 0 };
	bool is_first = false;

	host->sid = host->old_sid = 0;
	host->is_stopped = false;
	host->engine = (struct engine){ .clock = host->clock,
		.host = &host->processes,
		.pool = &host->pool,
		.store = host_writer_port(host->writer),
		.worker = host->name,
		.is_shared = true };
	engine_init(&host->engine);
	pool_open(&host->pool, true);
	host->doubts = 0;
	host->is_blind = !host_reaches_store(host);
	if (!host->is_blind) {
		host->sid = shared_store_open(cluster->store, 0, &is_first);
		host->renewed_ms = session_now_ms(host);
		shared_store_reap(cluster->store, host->sid, true, &found);
		host->engine.store_offset_ms = cluster_now_ms(cluster) -
		    clock_wall_ms(host->clock);
	}
	host->engine.is_first = is_first;
	host->scheduler = scheduler_new(&host->engine, &cluster->file);
	scheduler_start(host->scheduler, &found);
	store_start_release(&found);
	clock_set_in(host->clock, &host->session, LOOK_MS);
}

static void
host_end(struct cluster_host *host)
{
	clock_stop(&host->session);
	scheduler_free(host->scheduler);
	host->scheduler = NULL;
	engine_release(&host->engine);
	host->sid = 0;
}

void
host_crash(struct cluster_host *host)
{
	if (host->scheduler == NULL)
		return;
	while (host->children != NULL)
		child_forget(host->children);
	pool_open(&host->pool, false);
	host_end(host);
	host_writer_crash(host->writer);
	pool_release(&host->pool);
	pool_init(&host->pool, 64);
	host->frozen_to_ms = 0;
}

static void
host_on_stopped(void *data, bool killed_any)
{
	struct cluster_host *host = data;

	(void)killed_any;
	host->is_stopped = true;
}

void
host_stop(struct cluster_host *host)
{
	if (host->scheduler != NULL)
		scheduler_stop(host->scheduler, host_on_stopped, host);
}

void
host_freeze(struct cluster_host *host, int64_t for_ms)
{
	if (host->frozen_to_ms != 0)
		return;
	host->froze_ms = cluster_now_ms(host->cluster);
	host->frozen_to_ms = host->froze_ms + for_ms;
}

void
host_step(struct cluster_host *host, int64_t by_ms)
{
	host->offset_ms += by_ms;
	simclock_step(host->clock, by_ms);
}

void
host_close(struct cluster_host *host)
{
	host_crash(host);
	host_writer_free(host->writer);
	pool_release(&host->pool);
	simclock_free(host->clock);
}
