#include "test/world/shared_store.h"
#include <stdio.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/engine/scheduler.h"
#include "test/world/host.h"
#include "test/world/incident.h"

struct session {
	uint64_t sid;
	int64_t until_ms;
};

struct claims {
	int64_t first_ms, last_ms; /* CLOCK_NONE: none */
	struct ulid rid;
	bool has_rid, is_off, is_merged;
	uint64_t fence;
	struct store_gap gap[STORE_GAPS];
	int gaps;
	int64_t settled; /* instants run, or in a record */
	struct incident incident;
};

struct known {
	struct record record;
	size_t job;
	uint64_t sid;
	const char *lock;
	bool is_live, may_rerun, was_lost, is_told;
};

struct shared_store {
	struct cluster *cluster;
	struct session *session;
	size_t sessions;
	uint64_t sids;
	struct claims *claims; /* as the cluster's jobs */
	struct known *run;
	size_t runs, dead; /* before `dead` none is live */
};

struct shared_store *
shared_store_new(struct cluster *cluster)
{
	struct shared_store *store = mem_zalloc(1, sizeof *store);

	store->cluster = cluster;
	return store;
}

void
shared_store_free(struct shared_store *store)
{
	size_t i;

	for (i = 0; i < store->runs; i++)
		record_release(&store->run[i].record);
	free(store->run);
	free(store->session);
	free(store->claims);
	free(store);
}

/* Sessions */

bool
shared_store_is_alive(const struct shared_store *store, uint64_t sid)
{
	return sid != 0 && sid <= store->sessions &&
	    store->session[sid - 1].until_ms > cluster_now_ms(store->cluster);
}

uint64_t
shared_store_open(struct shared_store *store, uint64_t old, bool *is_first)
{
	uint64_t sid;

	if (old != 0)
		store->session[old - 1].until_ms = 0;

	*is_first = true;
	for (sid = 1; sid <= store->sessions; sid++)
		*is_first &= !shared_store_is_alive(store, sid);
	store->session = mem_grow(
	    store->session, store->sessions + 1, sizeof *store->session);
	store->session[store->sessions++] = (struct session){ sid,
		cluster_now_ms(store->cluster) + SHARED_TTL_MS };
	return sid;
}

bool
shared_store_renew(struct shared_store *store, uint64_t sid)
{
	if (!shared_store_is_alive(store, sid))
		return false;
	store->session[sid - 1].until_ms = cluster_now_ms(store->cluster) +
	    SHARED_TTL_MS;
	return true;
}

/* Jobs and runs */

static size_t
shared_job(struct shared_store *store, const char *name)
{
	const struct jobfile *file = &store->cluster->file;
	const struct job *job = map_find(&file->names, name);
	size_t i;

	if (store->claims == NULL) {
		store->claims = mem_zalloc(file->n, sizeof *store->claims);
		for (i = 0; i < file->n; i++)
			store->claims[i].first_ms = store->claims[i].last_ms =
			    CLOCK_NONE;
	}
	return (size_t)(job - file->job);
}

static struct known *
shared_find(const struct shared_store *store, const struct ulid *id)
{
	size_t i;

	for (i = store->runs; i-- > 0;)
		if (memcmp(&store->run[i].record.id, id, sizeof *id) == 0)
			return &store->run[i];
	return NULL;
}

static void
shared_end(struct shared_store *store, struct known *run)
{
	run->is_live = false;
	while (store->dead < store->runs && !store->run[store->dead].is_live)
		store->dead++;
}

static void
shared_lose(struct shared_store *store, struct known *run)
{
	run->was_lost = true;
	run->record.status = RECORD_LOST;
	store->claims[run->job].incident.failures++;
	shared_end(store, run);
}

uint64_t
shared_store_run_session(
    const struct shared_store *store, const struct ulid *id)
{
	const struct known *run = shared_find(store, id);

	return run != NULL ? run->sid : 0;
}

/* Claims */

static void
shared_jump(struct claims *claims, int64_t before_ms, int64_t to_ms)
{
	if (claims->last_ms == CLOCK_NONE || before_ms == CLOCK_NONE ||
	    claims->last_ms >= before_ms || claims->is_off)
		return;
	if (claims->gaps == STORE_GAPS) {
		/* what was settled between them will be counted again */
		claims->is_merged = true;
		claims->gap[0].to_ms = claims->gap[1].to_ms;
		claims->gaps--;
		memmove(&claims->gap[1], &claims->gap[2],
		    (STORE_GAPS - 2) * sizeof claims->gap[0]);
	}
	claims->gap[claims->gaps++] = (struct store_gap){ claims->last_ms,
		to_ms };
}

/* The watermark moves to `to`; what came before it is settled or a gap. */
static void
shared_move(struct shared_store *store, struct claims *claims,
    const struct job *job, int64_t before_ms, int64_t to_ms)
{
	(void)store;
	shared_jump(claims, before_ms, to_ms);
	if (claims->last_ms == CLOCK_NONE || claims->is_off) {
		/* nothing before it counts */
		claims->first_ms = when_prev(&job->when, to_ms - 1);
		claims->settled = 0;
		claims->gaps = 0;
	}
	claims->is_off = false;
	claims->last_ms = to_ms;
}

static bool
shared_is_blocked(struct shared_store *store, struct store_op *op, size_t job)
{
	struct known *run;
	size_t i;

	for (i = store->dead; i < store->runs; i++) {
		run = &store->run[i];
		/* what rests is in the way of nothing but a rerun */
		if (!run->is_live ||
		    (run->record.status != RECORD_RUNNING && !op->is_rerun) ||
		    memcmp(&run->record.id, &op->record.id,
			sizeof(struct ulid)) == 0)
			continue;
		if (run->job != job)
			continue;
		if (!shared_store_is_alive(store, run->sid)) {
			if (run->record.status == RECORD_RUNNING)
				shared_lose(store, run);
		} else if (op->is_alone) {
			op->blocker = run->record.id;
			op->result = CLAIM_BLOCKED;
			return true;
		}
	}
	return false;
}

static bool
shared_is_locked(struct shared_store *store, struct store_op *op)
{
	const struct known *run;
	size_t i;

	for (i = store->dead; i < store->runs && op->lock != NULL; i++) {
		run = &store->run[i];
		if (!run->is_live || run->lock == NULL ||
		    strcmp(run->lock, op->lock) != 0 ||
		    !shared_store_is_alive(store, run->sid) ||
		    memcmp(&run->record.id, &op->record.id,
			sizeof(struct ulid)) == 0)
			continue;
		op->holder = mem_strdup(run->record.worker);
		op->result = CLAIM_LOCKED;
		return true;
	}
	return false;
}

static void
shared_grant(struct shared_store *store, struct claims *claims,
    struct store_op *op, size_t job, uint64_t sid)
{
	struct known *run;

	store->run = mem_grow(store->run, store->runs + 1, sizeof *store->run);
	run = &store->run[store->runs++];
	*run = (struct known){ .job = job,
		.sid = sid,
		.is_live = true,
		.may_rerun = op->may_rerun,
		.lock = store->cluster->file.job[job].lock };
	record_copy(&run->record, &op->record);
	run->record.fence = op->record.fence = ++claims->fence;
	store->cluster->granted++;
}

static void
shared_answer_gaps(const struct claims *claims, struct store_op *op)
{
	op->result = CLAIM_GRANTED;
	op->n_gaps = claims->gaps;
	op->gaps = claims->gaps != 0
	    ? mem_dup(claims->gap, (size_t)claims->gaps * sizeof claims->gap[0])
	    : NULL;
}

/* A lost run that may be done again is, once. */
static bool
shared_takes_again(struct shared_store *store, const struct store_op *op)
{
	struct known *lost = shared_find(store, &op->rerun_of);

	if (lost == NULL || !lost->was_lost || !lost->may_rerun)
		return false;
	lost->may_rerun = false;
	store->cluster->reruns++;
	return true;
}

static bool
shared_instant(const struct store_op *op)
{
	return op->record.scheduled_ms != CLOCK_NONE && !op->is_rerun &&
	    (op->record.trigger == RECORD_SCHEDULE ||
		op->record.trigger == RECORD_CATCH_UP);
}

/* This very run has begun before, and may have ended as well. */
static void
shared_begin_again(const struct claims *claims, struct known *run,
    struct store_op *op, uint64_t sid)
{
	if (run->was_lost || run->record.status == RECORD_SKIPPED) {
		op->result = CLAIM_LOST;
		return;
	}
	if (run->is_live)
		run->sid = sid;
	op->record.fence = run->record.fence;
	shared_answer_gaps(claims, op);
}

static void
shared_begin(
    struct shared_store *store, struct store_op *op, size_t job, uint64_t sid)
{
	struct claims *claims = &store->claims[job];
	int64_t now = cluster_now_ms(store->cluster);
	int64_t due = op->record.scheduled_ms;
	bool has_instant = op->is_shared && shared_instant(op);
	bool is_mutant = store->cluster->mutant == CLUSTER_RELEASE;
	struct known *same = shared_find(store, &op->record.id);

	op->store_ms = now;
	if (same != NULL) {
		shared_begin_again(claims, same, op, sid);
		return;
	}
	if (has_instant && !is_mutant && due > now) {
		op->result = CLAIM_EARLY;
		op->wait_ms = due - now;
		return;
	}
	if (has_instant && !is_mutant && claims->last_ms != CLOCK_NONE &&
	    due <= claims->last_ms) {
		op->result = CLAIM_LOST;
		return;
	}
	if (shared_is_blocked(store, op, job) || shared_is_locked(store, op))
		return;
	if (op->is_rerun && !shared_takes_again(store, op)) {
		op->result = CLAIM_LOST;
		return;
	}
	if (has_instant && due > claims->last_ms) {
		shared_move(store, claims, &store->cluster->file.job[job],
		    op->before_ms, due);
		claims->rid = op->record.id;
		claims->has_rid = true;
		claims->settled++;
	}
	shared_grant(store, claims, op, job, sid);
	shared_answer_gaps(claims, op);
}

/* Ends */

/* Of a run whose begin never came: its instant is settled all the same. */
static void
shared_end_unknown(
    struct shared_store *store, const struct store_op *op, size_t job)
{
	struct claims *claims = &store->claims[job];
	struct known *run;

	store->run = mem_grow(store->run, store->runs + 1, sizeof *store->run);
	run = &store->run[store->runs++];
	*run = (struct known){ .job = job };
	record_copy(&run->record, &op->record);
	run->record.fence = 0;
	if (!op->is_shared || !shared_instant(op) ||
	    (claims->last_ms != CLOCK_NONE &&
		op->record.scheduled_ms <= claims->last_ms) ||
	    op->record.scheduled_ms > cluster_now_ms(store->cluster))
		return;
	shared_move(store, claims, &store->cluster->file.job[job],
	    op->before_ms, op->record.scheduled_ms);
	claims->has_rid = false;
	claims->settled++;
}

static void
shared_end_run(struct shared_store *store, struct store_op *op, size_t job)
{
	struct known *run = shared_find(store, &op->record.id);

	if (run == NULL || run->is_live)
		incident_end(&store->claims[job].incident, op,
		    cluster_now_ms(store->cluster));
	if (run == NULL) {
		shared_end_unknown(store, op, job);
		return;
	}
	if (!run->is_live)
		return;
	run->record.status = op->record.status;
	shared_end(store, run);
}

static void
shared_update(struct shared_store *store, struct store_op *op, uint64_t sid)
{
	struct known *run = shared_find(store, &op->record.id);
	uint64_t fence;

	if (op->is_alone && run != NULL &&
	    (!run->is_live ||
		(run->sid != sid && shared_store_is_alive(store, run->sid)))) {
		op->result = CLAIM_LOST;
		return;
	}
	/* a rest that was told of in vain comes late */
	if (run != NULL && op->record.status == RECORD_PENDING &&
	    run->record.status == RECORD_RUNNING &&
	    op->record.attempt < run->record.attempt)
		return;
	if (run == NULL || !run->is_live ||
	    (op->is_alone && run->record.status == RECORD_PENDING &&
		shared_is_blocked(store, op, run->job)))
		return;
	fence = run->record.fence;
	record_release(&run->record);
	record_copy(&run->record, &op->record);
	run->record.fence = fence;
}

/* Skips */

static void
shared_record_gap(struct claims *claims, const struct store_op *op)
{
	int i;

	for (i = 0; i < claims->gaps; i++)
		if (claims->gap[i].from_ms == op->gap.from_ms &&
		    claims->gap[i].to_ms == op->gap.to_ms)
			break;
	if (i == claims->gaps)
		return;
	claims->settled += op->record.count;
	claims->gaps--;
	memmove(&claims->gap[i], &claims->gap[i + 1],
	    (size_t)(claims->gaps - i) * sizeof claims->gap[0]);
}

static void
shared_skip(struct shared_store *store, const struct store_op *op, size_t job)
{
	const struct job *j = &store->cluster->file.job[job];
	struct claims *claims = &store->claims[job];
	int64_t due = op->record.scheduled_ms;

	if (!op->is_shared)
		return;
	if (op->gap.from_ms != CLOCK_NONE) {
		shared_record_gap(claims, op);
		return;
	}
	if ((claims->last_ms != CLOCK_NONE && due <= claims->last_ms) ||
	    due > cluster_now_ms(store->cluster))
		return;
	if (op->watermark_ms == CLOCK_NONE)
		cluster_fault(
		    store->cluster, "%s: a skip that settles nothing", j->name);
	else if (when_count(&j->when, due - 1, op->watermark_ms) !=
	    op->record.count)
		cluster_fault(
		    store->cluster, "%s: a skip that miscounts", j->name);
	shared_move(store, claims, j, op->before_ms, due);
	claims->last_ms = op->watermark_ms;
	claims->settled += op->record.count;
}

static void
shared_watermark(struct claims *claims, const struct store_op *op)
{
	if (op->watermark_ms == CLOCK_NONE) {
		claims->is_off = true;
	} else if (claims->last_ms == CLOCK_NONE) {
		claims->last_ms = claims->first_ms = op->watermark_ms;
	}
}

static void
shared_check_job(struct shared_store *store, size_t i)
{
	const struct job *job = &store->cluster->file.job[i];
	const struct claims *claims = &store->claims[i];
	int64_t want, have = claims->settled;
	int k;

	if (claims->last_ms == CLOCK_NONE || claims->is_off ||
	    store->cluster->mutant == CLUSTER_RELEASE)
		return;
	want = when_count(&job->when, claims->first_ms, claims->last_ms);
	for (k = 0; k < claims->gaps; k++)
		have += when_count(&job->when, claims->gap[k].from_ms,
		    claims->gap[k].to_ms - 1);
	if (claims->is_merged ? want > have : want != have)
		cluster_fault(store->cluster,
		    "%s: %lld instants due, %lld accounted for", job->name,
		    (long long)want, (long long)have);
}

bool
shared_store_apply(
    struct shared_store *store, uint64_t sid, struct store_op *op)
{
	size_t job = shared_job(store, op->record.job);

	switch (op->kind) {
	case STORE_BEGIN:
		if (!shared_store_is_alive(store, sid))
			return false;
		free(op->holder); /* of an answer that was lost */
		free(op->gaps);
		op->holder = NULL;
		op->gaps = NULL;
		shared_begin(store, op, job, sid);
		break;
	case STORE_UPDATE:
		shared_update(store, op, sid);
		break;
	case STORE_END:
		shared_end_run(store, op, job);
		break;
	case STORE_SKIP:
		shared_skip(store, op, job);
		break;
	case STORE_WATERMARK:
		shared_watermark(&store->claims[job], op);
		break;
	case STORE_ONCE:
	case STORE_WORK:
	case STORE_LATE:
		break;
	}
	shared_check_job(store, job);
	return true;
}

/* What the dead left */

static void
shared_tell_again(
    struct known *run, struct store_start *found, const struct cluster *cluster)
{
	found->again = mem_grow(
	    found->again, found->n_again + 1, sizeof *found->again);
	found->again[found->n_again++] = (struct store_again){
		mem_strdup(cluster->file.job[run->job].name),
		run->record.id,
		run->record.scheduled_ms,
	};
}

void
shared_store_reap(struct shared_store *store, uint64_t sid, bool with_jobs,
    struct store_start *found)
{
	const struct cluster *cluster = store->cluster;
	struct known *run;
	size_t i;

	*found = (struct store_start){ 0 };
	for (i = 0; i < store->runs; i++) {
		run = &store->run[i];
		if (run->is_live && !shared_store_is_alive(store, run->sid)) {
			if (run->record.status == RECORD_PENDING) {
				run->sid = sid;
				found->pending = mem_grow(found->pending,
				    found->n_pending + 1,
				    sizeof *found->pending);
				record_copy(&found->pending[found->n_pending++],
				    &run->record);
			} else {
				shared_lose(store, run);
				found->lost++;
			}
		}
		if (run->was_lost && run->may_rerun)
			shared_tell_again(run, found, cluster);
	}
	for (i = 0; with_jobs && store->claims != NULL && i < cluster->file.n;
	     i++) {
		found->job = mem_grow(
		    found->job, found->jobs + 1, sizeof *found->job);
		found->job[found->jobs++] = (struct store_job){
			mem_strdup(cluster->file.job[i].name),
			store->claims[i].last_ms,
		};
	}
}

/* Judging */

static bool
shared_is_run(const struct shared_store *store, const struct known *run)
{
	int i;

	for (i = 0; i < store->cluster->hosts; i++)
		if (host_has_run(&store->cluster->host[i], &run->record.id))
			return true;
	return false;
}

void
shared_store_check(struct shared_store *store)
{
	size_t i;

	for (i = 0; store->claims != NULL && i < store->cluster->file.n; i++)
		shared_check_job(store, i);
	for (i = 0; i < store->runs; i++)
		if (store->run[i].is_live &&
		    store->run[i].record.status == RECORD_RUNNING &&
		    shared_store_is_alive(store, store->run[i].sid) &&
		    !shared_is_run(store, &store->run[i]))
			cluster_fault(store->cluster,
			    "%s: a run was granted, and nobody runs it",
			    store->run[i].record.job);
}
