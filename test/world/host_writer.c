#include "test/world/host_writer.h"

#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/base/ulid.h"
#include "test/world/host.h"
#include "test/world/shared_store.h"

#define TIMEOUT_MS   1000
#define RETRY_MIN_MS 20
#define RETRY_MAX_MS 5000

struct host_writer {
	struct store_port port; /* first */
	struct cluster_host *host;
	struct list {
		struct store_op *first, **last;
	} queue, batch;
	struct clock_timer timer;
	enum { IDLE, SENDING, ANSWERING, FAILING, PAUSING } state;
	int64_t pause_ms;
};

/* What was sent to a store that was away, and comes there later. */
struct late {
	struct cluster *cluster;
	struct clock_timer timer;
	uint64_t sid;
	struct store_op *op;
};

static void
list_push(struct list *list, struct store_op *op)
{
	op->next = NULL;
	*list->last = op;
	list->last = &op->next;
}

static struct store_op *
list_pop(struct list *list)
{
	struct store_op *op = list->first;

	if (op == NULL)
		return NULL;
	list->first = op->next;
	if (list->first == NULL)
		list->last = &list->first;
	op->next = NULL;
	return op;
}

static struct store_op *
copy_op(const struct store_op *op)
{
	struct store_op *copy = store_op_new(op->kind, &op->record);

	copy->watermark_ms = op->watermark_ms;
	copy->is_alone = op->is_alone;
	copy->is_shared = op->is_shared;
	copy->is_sure = op->is_sure;
	copy->before_ms = op->before_ms;
	copy->schedule = op->schedule;
	copy->lock = mem_strdup(op->lock);
	copy->may_rerun = op->may_rerun;
	copy->is_rerun = op->is_rerun;
	copy->rerun_of = op->rerun_of;
	copy->gap = op->gap;
	return copy;
}

static void
late_arrive(struct clock_timer *timer)
{
	struct late *late = timer->data;

	shared_store_apply(late->cluster->store, late->sid, late->op);
	store_op_free(late->op);
	free(late);
}

static void
late_send(struct cluster_host *host, const struct store_op *op)
{
	struct late *late = mem_zalloc(1, sizeof *late);

	late->cluster = host->cluster;
	late->sid = host->sid;
	late->op = copy_op(op);
	late->timer.fire = late_arrive;
	late->timer.data = late;
	clock_set_in(host->cluster->clock, &late->timer,
	    1 + cluster_random(host->cluster, 20000));
}

static void writer_on_timer(struct clock_timer *timer);

static void
writer_wait(struct host_writer *writer, int state, int64_t ms)
{
	writer->state = state;
	writer->timer.fire = writer_on_timer;
	writer->timer.data = writer;
	clock_set_in(writer->host->clock, &writer->timer, ms);
}

/* Claims that need not be sure are answered; their records go on. */
static void
writer_fail_list(struct list *list, struct list *answers)
{
	struct list old = *list;
	struct store_op *op;

	if (old.first == NULL)
		return;
	list->first = NULL;
	list->last = &list->first;
	while ((op = list_pop(&old)) != NULL) {
		if (op->kind == STORE_BEGIN && !op->is_sure &&
		    op->done != NULL) {
			list_push(list, copy_op(op));
			op->result = CLAIM_FAILED;
			list_push(answers, op);
		} else {
			list_push(list, op);
		}
	}
}

static void
writer_answer(struct list *answers)
{
	struct store_op *op;

	while ((op = list_pop(answers)) != NULL) {
		if (op->done != NULL)
			op->done(op);
		store_op_free(op);
	}
}

static void
writer_fail(struct host_writer *writer)
{
	struct list answers = { NULL, &answers.first };

	writer->host->engine.is_store_away = true;
	writer_fail_list(&writer->batch, &answers);
	writer_fail_list(&writer->queue, &answers);
	writer_wait(writer, PAUSING, writer->pause_ms);
	writer->pause_ms = writer->pause_ms * 2 < RETRY_MAX_MS
	    ? writer->pause_ms * 2
	    : RETRY_MAX_MS;
	writer_answer(&answers);
}

/* Asked again as if it were another claim. */
static void
writer_mutate(struct host_writer *writer)
{
	struct cluster_host *host = writer->host;
	struct store_op *op;

	if (host->cluster->mutant != CLUSTER_NEW_ID)
		return;
	for (op = writer->batch.first; op != NULL; op = op->next)
		if (op->kind == STORE_BEGIN)
			op->record.id = ulid_make(clock_wall_ms(host->clock));
}

static bool
writer_apply(struct host_writer *writer)
{
	struct cluster_host *host = writer->host;
	struct store_op *op;

	for (op = writer->batch.first; op != NULL; op = op->next)
		if (!shared_store_apply(host->cluster->store, host->sid, op))
			return false;
	return true;
}

static void
writer_send(struct host_writer *writer)
{
	struct cluster_host *host = writer->host;
	struct store_op *op;

	while ((op = list_pop(&writer->queue)) != NULL)
		list_push(&writer->batch, op);
	if (!host_reaches_store(host)) {
		for (op = writer->batch.first; op != NULL; op = op->next)
			if (cluster_random(host->cluster, 3) == 0)
				late_send(host, op);
		writer_wait(writer, FAILING, TIMEOUT_MS);
	} else if (!writer_apply(writer)) {
		/* the session is gone: there will be a new one */
		writer_wait(writer, FAILING, 1);
	} else if (cluster_random(host->cluster, 100) < host->cluster->lossy) {
		host->cluster->disturbed_ms = cluster_now_ms(host->cluster);
		writer_wait(writer, FAILING, TIMEOUT_MS);
	} else {
		writer_wait(
		    writer, ANSWERING, cluster_random(host->cluster, 3));
	}
}

static void
writer_done(struct host_writer *writer)
{
	struct list answers = { NULL, &answers.first };
	struct store_op *op;

	writer->host->engine.is_store_away = false;
	writer->pause_ms = RETRY_MIN_MS;
	while ((op = list_pop(&writer->batch)) != NULL)
		list_push(&answers, op);
	if (writer->queue.first != NULL)
		writer_wait(writer, SENDING, 0);
	else
		writer->state = IDLE;
	writer_answer(&answers);
}

static void
writer_on_timer(struct clock_timer *timer)
{
	struct host_writer *writer = timer->data;

	switch (writer->state) {
	case IDLE:
		break;
	case PAUSING:
		writer_mutate(writer);
		/* fallthrough */
	case SENDING:
		writer_send(writer);
		break;
	case ANSWERING:
		writer_done(writer);
		break;
	case FAILING:
		writer_fail(writer);
		break;
	}
}

static void
writer_post(struct store_port *port, struct store_op *op)
{
	struct host_writer *writer = (struct host_writer *)port;

	list_push(&writer->queue, op);
	if (writer->state == IDLE)
		writer_wait(
		    writer, SENDING, cluster_random(writer->host->cluster, 3));
}

struct host_writer *
host_writer_new(struct cluster_host *host)
{
	struct host_writer *writer = mem_zalloc(1, sizeof *writer);

	writer->port.post = writer_post;
	writer->host = host;
	writer->pause_ms = RETRY_MIN_MS;
	writer->queue.last = &writer->queue.first;
	writer->batch.last = &writer->batch.first;
	return writer;
}

struct store_port *
host_writer_port(struct host_writer *writer)
{
	return &writer->port;
}

void
host_writer_crash(struct host_writer *writer)
{
	struct store_op *op;

	clock_stop(&writer->timer);
	writer->state = IDLE;
	while ((op = list_pop(&writer->queue)) != NULL ||
	    (op = list_pop(&writer->batch)) != NULL)
		store_op_free(op);
}

bool
host_writer_is_idle(const struct host_writer *writer)
{
	return writer->state == IDLE;
}

void
host_writer_free(struct host_writer *writer)
{
	host_writer_crash(writer);
	free(writer);
}
