#include "test/world/cluster.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "test/world/host.h"
#include "test/world/host_writer.h"
#include "test/world/shared_store.h"
#include "test/world/world.h"

/* What is wrong for so long is still felt, by leases and by what was sent. */
#define CALM_MS 60000

int64_t
cluster_random(struct cluster *cluster, int64_t n)
{
	cluster->seed += UINT64_C(0x9e3779b97f4a7c15);
	return (int64_t)(hash_bytes(&cluster->seed, sizeof cluster->seed, 0) %
	    (uint64_t)n);
}

void
cluster_fault(struct cluster *cluster, const char *fmt, ...)
{
	va_list ap;

	if (cluster->faults++ != 0)
		return;
	va_start(ap, fmt);
	vsnprintf(cluster->fault, sizeof cluster->fault, fmt, ap);
	va_end(ap);
}

int64_t
cluster_now_ms(const struct cluster *cluster)
{
	return clock_wall_ms(cluster->clock);
}

void
cluster_open(struct cluster *cluster, int64_t now_ms, int hosts, uint64_t seed,
    enum cluster_mutant mutant)
{
	static const int64_t offsets[] = { 150, -150, 1400, -1400, 40000,
		-40000 };
	int i;

	*cluster = (struct cluster){ .clock = simclock_new(now_ms),
		.hosts = hosts,
		.mutant = mutant,
		.seed = seed };
	cluster->disturbed_ms = now_ms;
	cluster->file.stop_timeout_ms = 30000;
	cluster->store = shared_store_new(cluster);
	for (i = 0; i < hosts; i++)
		host_open(&cluster->host[i], cluster, i, offsets[i]);
}

struct job *
cluster_add_job(struct cluster *cluster, const char *name)
{
	struct jobfile *file = &cluster->file;
	struct job *job;
	size_t i;

	file->job = mem_grow(file->job, file->n + 1, sizeof *file->job);
	cluster->seen = mem_grow(
	    cluster->seen, file->n + 1, sizeof *cluster->seen);
	cluster->seen[file->n] = (struct seen){ .checked_ms = cluster_now_ms(
						    cluster) };
	job = &file->job[file->n++];
	*job = world_plain_job(name);
	job->on_lock_error = JOB_LOCK_SKIP;
	map_release(&file->names);
	for (i = 0; i < file->n; i++)
		map_put(&file->names, file->job[i].name, &file->job[i]);
	return job;
}

void
cluster_close(struct cluster *cluster)
{
	size_t i;
	int h;

	for (h = 0; h < cluster->hosts; h++)
		host_close(&cluster->host[h]);
	/* what was sent in vain arrives */
	simclock_run(cluster->clock, cluster_now_ms(cluster) + CALM_MS);
	shared_store_free(cluster->store);
	for (i = 0; i < cluster->file.n; i++) {
		free((char *)cluster->file.job[i].name);
		when_release(&cluster->file.job[i].when);
		free(cluster->seen[i].due);
		free(cluster->seen[i].began);
	}
	free(cluster->seen);
	free(cluster->file.job);
	map_release(&cluster->file.names);
	simclock_free(cluster->clock);
}

/* Time */

static bool
host_is_frozen(const struct cluster_host *host)
{
	return host->frozen_to_ms != 0;
}

/* When something happens next, by the store's clock. */
static int64_t
cluster_next_ms(const struct cluster *cluster)
{
	int64_t next = simclock_next_ms(cluster->clock), at;
	int i;

	for (i = 0; i < cluster->hosts; i++) {
		const struct cluster_host *host = &cluster->host[i];

		at = simclock_next_ms(host->clock);
		if (at != CLOCK_NEVER)
			at -= host->offset_ms;
		if (host_is_frozen(host))
			at = host->frozen_to_ms;
		if (at < next)
			next = at;
	}
	return next;
}

static void
cluster_pass(struct cluster *cluster, int64_t to_ms)
{
	int i;

	simclock_run(cluster->clock, to_ms);
	for (i = 0; i < cluster->hosts; i++) {
		struct cluster_host *host = &cluster->host[i];

		if (host_is_frozen(host)) {
			if (host->frozen_to_ms > to_ms)
				continue;
			simclock_freeze(host->clock, to_ms - host->froze_ms);
			host->frozen_to_ms = 0;
			host->frozen_ms = cluster->disturbed_ms = to_ms;
		}
		simclock_run(host->clock, to_ms + host->offset_ms);
	}
}

/* Whether nothing was wrong, for long enough, up to that instant. */
static bool
cluster_is_calm(const struct cluster *cluster, int64_t until_ms)
{
	int i, up = 0;

	for (i = 0; i < cluster->hosts; i++) {
		const struct cluster_host *host = &cluster->host[i];

		if (host_is_frozen(host) || host->is_cut)
			return false;
		up += host->scheduler != NULL;
	}
	return up != 0 && !cluster->is_away && cluster->lossy == 0 &&
	    cluster->disturbed_ms + CALM_MS < until_ms;
}

/* In calm, each instant begins within a second. */
static void
cluster_check_time(struct cluster *cluster, size_t i)
{
	const struct job *job = &cluster->file.job[i];
	struct seen *seen = &cluster->seen[i];
	int64_t until = cluster_now_ms(cluster) - job_delay_ms(job) - 1000;
	int64_t due = when_next(&job->when, seen->checked_ms);
	size_t k;

	if (due > until)
		return;
	/* after a pause only the last ones are of interest */
	if (when_next(&job->when, due) <= until)
		due = when_prev(&job->when, until);
	seen->checked_ms = due;
	if (!cluster_is_calm(cluster, due) || cluster->lasts_ms == 0 ||
	    job->lock != NULL)
		return;
	for (k = seen->n; k-- > 0;)
		if (seen->due[k] == due)
			break;
	if (k == SIZE_MAX || seen->began[k] > due + job_delay_ms(job) + 1000)
		cluster_fault(cluster, "%s: %s in time", job->name,
		    k == SIZE_MAX ? "nobody ran it" : "not");
	else
		cluster->punctual++;
}

void
cluster_run(struct cluster *cluster, int64_t until_ms)
{
	int64_t next;
	size_t i;

	while (cluster_now_ms(cluster) < until_ms) {
		next = cluster_next_ms(cluster);
		cluster_pass(cluster, next < until_ms ? next : until_ms);
		for (i = 0; i < cluster->file.n; i++)
			cluster_check_time(cluster, i);
	}
}

static bool
cluster_is_stopped(const struct cluster *cluster)
{
	int i;

	for (i = 0; i < cluster->hosts; i++)
		if (cluster->host[i].scheduler != NULL &&
		    (!cluster->host[i].is_stopped ||
			!host_writer_is_idle(cluster->host[i].writer)))
			return false;
	return true;
}

void
cluster_stop(struct cluster *cluster)
{
	int64_t until = cluster_now_ms(cluster) + CALM_MS;
	int i;

	cluster->disturbed_ms = until;
	for (i = 0; i < cluster->hosts; i++)
		host_stop(&cluster->host[i]);
	while (!cluster_is_stopped(cluster) && cluster_now_ms(cluster) < until)
		cluster_run(cluster, cluster_now_ms(cluster) + 100);
	if (!cluster_is_stopped(cluster))
		cluster_fault(cluster, "it did not stop");
}
