#include "lib/store/route.h"

#include <stdlib.h>

#include "lib/base/mem.h"

/* A run that puts work in; `op` is what was asked, until it is answered. */
struct route_put {
	struct route *route;
	struct store_op *op;
	struct route_put *next;
};

static void
route_forget(struct route_put *put)
{
	struct route_put **at = &put->route->first;

	while (*at != put)
		at = &(*at)->next;
	*at = put->next;
	free(put);
}

static void
route_answer(struct route_put *put)
{
	struct store_op *op = put->op;

	route_forget(put);
	if (op->done != NULL)
		op->done(op);
	store_op_free(op);
}

/* The work is in: the run has ended. */
static void
route_end(struct route_put *put)
{
	struct store_port *store = put->route->store;
	const struct store_op *op = put->op;
	struct store_op *end = store_op_new(STORE_END, &op->record);

	end->is_shared = op->is_shared;
	end->before_ms = op->before_ms;
	end->schedule = op->schedule;
	store->post(store, end);
}

static void
route_on_put(struct store_op *answer)
{
	struct route_put *put = answer->data;

	put->op->result = answer->result;
	if (answer->result == CLAIM_GRANTED && answer->work->put == WORK_FULL)
		put->op->result = CLAIM_FULL;
	if (put->op->result == CLAIM_GRANTED)
		route_end(put);
	route_answer(put);
}

static void
route_put(struct route_put *put)
{
	struct store_port *queue = put->route->queue;
	struct store_op *op = store_op_new(STORE_WORK, NULL);

	op->work = put->op->work;
	put->op->work = NULL;
	op->done = route_on_put;
	op->data = put;
	queue->post(queue, op);
}

/* What the claim was answered, whatever becomes of the work. */
static void
route_take_over(struct store_op *op, struct store_op *answer)
{
	op->result = answer->result;
	op->record.fence = answer->record.fence;
	op->blocker = answer->blocker;
	op->wait_ms = answer->wait_ms;
	op->store_ms = answer->store_ms;
	op->differs = answer->differs;
	op->is_reset = answer->is_reset;
	op->holder = answer->holder;
	answer->holder = NULL;
	op->gaps = answer->gaps;
	op->n_gaps = answer->n_gaps;
	answer->gaps = NULL;
	answer->n_gaps = 0;
}

static void
route_on_claim(struct store_op *answer)
{
	struct route_put *put = answer->data;

	route_take_over(put->op, answer);
	if (answer->result == CLAIM_GRANTED)
		route_put(put);
	else
		route_answer(put);
}

static struct store_op *
route_claim_op(const struct store_op *op)
{
	struct store_op *claim = store_op_new(STORE_BEGIN, &op->record);

	claim->record.status = RECORD_RUNNING;
	claim->record.completed_ms = CLOCK_NONE;
	claim->is_alone = op->is_alone;
	claim->is_shared = op->is_shared;
	claim->is_sure = op->is_sure;
	claim->before_ms = op->before_ms;
	claim->schedule = op->schedule;
	claim->lock = mem_strdup(op->lock);
	claim->may_rerun = op->may_rerun;
	claim->is_rerun = op->is_rerun;
	claim->rerun_of = op->rerun_of;
	claim->done = route_on_claim;
	return claim;
}

static void
route_claim(struct route *route, struct store_op *op)
{
	struct route_put *put = mem_zalloc(1, sizeof *put);
	struct store_op *claim = route_claim_op(op);

	*put = (struct route_put){ route, op, route->first };
	route->first = put;
	claim->data = put;
	route->store->post(route->store, claim);
}

static void
route_post(struct store_port *port, struct store_op *op)
{
	struct route *route = (struct route *)port;

	if (op->kind == STORE_WORK)
		route->queue->post(route->queue, op);
	else if (op->kind == STORE_BEGIN && op->work != NULL)
		route_claim(route, op);
	else
		route->store->post(route->store, op);
}

void
route_init(
    struct route *route, struct store_port *store, struct store_port *queue)
{
	*route = (struct route){
		.port.post = route_post,
		.store = store,
		.queue = queue,
	};
}

void
route_release(struct route *route)
{
	struct route_put *put;

	while ((put = route->first) != NULL) {
		route->first = put->next;
		store_op_free(put->op);
		free(put);
	}
}
