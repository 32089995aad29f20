#include "lib/store/direct.h"

static void
direct_post(struct store_port *port, struct store_op *op)
{
	struct direct *direct = (struct direct *)port;
	struct err err;

	if (!store_apply(direct->store, &op, 1, &err)) {
		op->result = CLAIM_FAILED;
		if (!direct->has_failed)
			direct->failed(direct->data, &err);
		direct->has_failed = true;
	}
	if (op->done != NULL)
		op->done(op);
	store_op_free(op);
}

void
direct_init(struct direct *direct, struct store *store,
    void (*failed)(void *data, const struct err *err), void *data)
{
	*direct = (struct direct){
		.port.post = direct_post,
		.store = store,
		.failed = failed,
		.data = data,
	};
}
