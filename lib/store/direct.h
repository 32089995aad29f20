#ifndef WJOBS_DIRECT_H
#define WJOBS_DIRECT_H

#include "lib/store/store.h"

/*
 * A port for one-shot commands: each operation is applied at once, on the
 * caller's own thread, and answered before `post` returns. What the store does
 * not take is lost, and said once by `failed`.
 */
struct direct {
	struct store_port port; /* must be first */
	struct store *store;
	void (*failed)(void *data, const struct err *err);
	void *data;
	bool has_failed;
};

void direct_init(struct direct *direct, struct store *store,
    void (*failed)(void *data, const struct err *err), void *data);

#endif
