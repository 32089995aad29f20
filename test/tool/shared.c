#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/time/cron.h"
#include "test/world/cluster.h"
#include "test/world/host.h"
#include "test/world/shared_store.h"

/*
 * shared random SEED COUNT [MUTANT] - worlds of many hosts around one store,
 * with random jobs, clocks and faults, checking what must always hold; with
 * something broken on purpose (release, new-id, wall) the checks must fail.
 * shared away SHARED LOCAL - the store is silent while so many shared and so
 * many local jobs are due: how late the local ones begin, in milliseconds.
 *
 * What must hold: no instant is run twice, each is run, or in a record, or in
 * a gap that is still to be recorded; jobs that may not overlap do not, over
 * all hosts, while leases hold; fences grow; what was granted ends; and while
 * all is well each instant begins within a second, by the store's clock.
 */

#define START_MS INT64_C(1700000000000)

static void
set_cron(struct job *job, const char *expr)
{
	struct cron_parsed parsed;
	struct err err;

	if (!cron_parse(expr, job->name, (struct place){ 0 }, &parsed, &err)) {
		fprintf(stderr, "shared: %s: %s\n", expr, err.msg);
		exit(2);
	}
	job->when.kind = WHEN_CRON;
	job->when.cron = mem_dup(&parsed.cron, sizeof parsed.cron);
	job->when.n = 1;
	job->when.zone = zone_find("UTC", &err);
}

static void
set_interval(struct job *job, int64_t ms)
{
	job->kind = JOB_INTERVAL;
	job->when.kind = WHEN_INTERVAL;
	job->when.interval_ms = ms;
}

/* Random worlds */

static void
pass(struct cluster *cluster, int64_t ms)
{
	cluster_run(cluster, cluster_now_ms(cluster) + ms);
}

static void
chance_policies(struct cluster *cluster, struct job *job)
{
	job->overlap = (enum job_overlap)cluster_random(cluster, 4);
	job->catch_up = (enum job_catch_up)cluster_random(cluster, 3);
	job->priority = (int)cluster_random(cluster, 3);
	job->on_lost = (enum job_on_lost)cluster_random(cluster, 2);
	job->on_lease_loss = cluster_random(cluster, 4) == 0
	    ? JOB_LEASE_CONTINUE
	    : JOB_LEASE_KILL;
	if (cluster_random(cluster, 4) == 0)
		job->on_lock_error = (enum job_on_lock_error)cluster_random(
		    cluster, 3);
	if (cluster_random(cluster, 4) == 0)
		job->lock = "one";
	if (cluster_random(cluster, 4) == 0)
		job->jitter_ms = cluster_random(cluster, 900);
	if (cluster_random(cluster, 4) == 0)
		job->start_deadline_ms = 5000 + cluster_random(cluster, 30000);
	if (cluster_random(cluster, 4) == 0)
		job->run_immediately = cluster->lasts_ms == 0;
	/* where all is to be on time, nothing else may be in the way */
	if (cluster->lasts_ms == 0)
		job->retry.max = (int)cluster_random(cluster, 3);
}

static void
chance_job(struct cluster *cluster, int i)
{
	static const char *const crons[] = { "* * * * *", "*/20 * * * * *",
		"*/2 * * * *", "7-50/3 * * * * *", "*/5 * * * *" };
	char name[16];
	struct job *job;

	snprintf(name, sizeof name, "job%d", i);
	job = cluster_add_job(cluster, name);
	if (cluster_random(cluster, 2) == 0)
		set_interval(job, 1000 + cluster_random(cluster, 30000));
	else
		set_cron(job, crons[cluster_random(cluster, 5)]);
	chance_policies(cluster, job);
}

static void
chance_host(struct cluster *cluster, struct cluster_host *host)
{
	switch (cluster_random(cluster, 7)) {
	case 0:
	case 1:
		if (host->scheduler != NULL)
			host_crash(host);
		else
			host_begin(host);
		break;
	case 2:
		host_freeze(host, cluster_random(cluster, 90000));
		break;
	case 3:
		host_step(host, cluster_random(cluster, 100000) - 50000);
		break;
	case 4:
		/* a lease that were timed by its clock would last too long */
		host->is_cut = true;
		host_step(host, -40000);
		pass(cluster, 30000 + cluster_random(cluster, 20000));
		break;
	default:
		host->is_cut = !host->is_cut;
	}
}

static void
chance_event(struct cluster *cluster)
{
	static const int losses[] = { 0, 0, 5, 30 };

	int64_t disturbed = cluster->disturbed_ms;

	cluster->disturbed_ms = cluster_now_ms(cluster);
	switch (cluster_random(cluster, 9)) {
	case 0:
	case 1:
		cluster->is_away = !cluster->is_away;
		break;
	case 2:
		cluster->lossy = losses[cluster_random(cluster, 4)];
		break;
	case 3:
		/* a clock that is set disturbs nothing */
		host_step(
		    &cluster->host[cluster_random(cluster, cluster->hosts)],
		    cluster_random(cluster, 20000000) - 10000000);
		cluster->disturbed_ms = disturbed;
		break;
	default:
		chance_host(cluster,
		    &cluster->host[cluster_random(cluster, cluster->hosts)]);
	}
}

static void
chance_heal(struct cluster *cluster)
{
	int i;

	cluster->disturbed_ms = cluster_now_ms(cluster);
	cluster->is_away = false;
	cluster->lossy = 0;
	for (i = 0; i < cluster->hosts; i++) {
		cluster->host[i].is_cut = false;
		if (cluster->host[i].scheduler == NULL)
			host_begin(&cluster->host[i]);
	}
}

static void
chance_live(struct cluster *cluster)
{
	int64_t i, steps = 5 + cluster_random(cluster, 30);

	for (i = 0; i < cluster->hosts; i++) {
		host_begin(&cluster->host[i]);
		if (cluster_random(cluster, 2) == 0)
			pass(cluster, cluster_random(cluster, 20000));
	}
	for (i = 0; i < steps; i++) {
		pass(cluster, cluster_random(cluster, 40000));
		chance_event(cluster);
		if (cluster_random(cluster, 12) == 0) {
			chance_heal(cluster);
			pass(cluster, 120000);
		}
	}
	chance_heal(cluster);
	pass(cluster, 240000);
	cluster_stop(cluster);
	shared_store_check(cluster->store);
}

static bool
chance_run(uint64_t number, enum cluster_mutant mutant, size_t *punctual)
{
	struct cluster cluster;
	int64_t i, n;
	bool ok;

	cluster_open(&cluster, START_MS, 1, number, mutant);
	n = 1 + cluster_random(&cluster, CLUSTER_HOSTS);
	cluster_close(&cluster);
	cluster_open(&cluster, START_MS + (int64_t)(number % 1000) * 777,
	    (int)n, number, mutant);
	cluster.lasts_ms = cluster_random(&cluster, 2) == 0 ? 50 : 0;
	n = 1 + cluster_random(&cluster, 5);
	for (i = 0; i < n; i++)
		chance_job(&cluster, (int)i);
	chance_live(&cluster);
	ok = cluster.faults == 0;
	*punctual += cluster.punctual;
	if (!ok)
		printf("world %llu: %s (%zu faults)\n",
		    (unsigned long long)number, cluster.fault, cluster.faults);
	cluster_close(&cluster);
	return ok;
}

static enum cluster_mutant
find_mutant(const char *name)
{
	if (name == NULL)
		return CLUSTER_SOUND;
	if (strcmp(name, "release") == 0)
		return CLUSTER_RELEASE;
	if (strcmp(name, "new-id") == 0)
		return CLUSTER_NEW_ID;
	if (strcmp(name, "wall") == 0)
		return CLUSTER_WALL;
	fprintf(stderr, "shared: no such mutant: %s\n", name);
	exit(2);
}

static int
chance_all(const char *first, const char *count, const char *mutant)
{
	uint64_t number = strtoull(first, NULL, 10), n, bad = 0;
	size_t punctual = 0;

	for (n = strtoull(count, NULL, 10); n > 0; n--, number++)
		bad += !chance_run(number, find_mutant(mutant), &punctual);
	zone_forget_all();
	printf("%s worlds, %llu bad, %zu instants on time\n", count,
	    (unsigned long long)bad, punctual);
	return bad != 0;
}

/* A silent store */

static int
away_run(int shared, int local)
{
	int64_t late = 0, at;
	struct cluster cluster;
	size_t i, k, began = 0;
	char name[16];
	int n;

	cluster_open(&cluster, START_MS + 1, 1, 1, CLUSTER_SOUND);
	cluster.lasts_ms = 5;
	for (n = 0; n < shared + local; n++) {
		snprintf(name, sizeof name, "job%d", n);
		cluster_add_job(&cluster, name)->shared = n < shared;
		/* the shared ones are due first, and all of them before it */
		set_interval(&cluster.file.job[n], 5000);
		cluster.file.job[n].when.anchor_ms = n < shared ? 0 : 2;
		cluster.file.job[n].on_lock_error = n < shared ? JOB_LOCK_SKIP
							       : JOB_LOCK_RUN;
	}
	cluster.host[0].pool.size = 32;
	host_begin(&cluster.host[0]);
	pass(&cluster, 14000);
	cluster.is_away = true;
	pass(&cluster, 10000);
	for (i = (size_t)shared; i < cluster.file.n; i++)
		for (k = 0; k < cluster.seen[i].n; k++) {
			at = cluster.seen[i].began[k] -
			    (cluster.seen[i].due[k] - 150);
			late = at > late ? at : late;
			began++;
		}
	printf("%zu began, at most %lld ms late\n", began, (long long)late);
	cluster_close(&cluster);
	zone_forget_all();
	return 0;
}

int
main(int argc, char **argv)
{
	log_setup(
	    getenv("SIM_LOG") != NULL ? LOG_DEBUG : LOG_ERROR, LOG_LOGFMT);
	if ((argc == 4 || argc == 5) && strcmp(argv[1], "random") == 0)
		return chance_all(argv[2], argv[3], argv[4]);
	if (argc == 4 && strcmp(argv[1], "away") == 0)
		return away_run(atoi(argv[2]), atoi(argv[3]));
	fprintf(stderr,
	    "usage: shared random SEED COUNT [MUTANT] | away SHARED LOCAL\n");
	return 2;
}
