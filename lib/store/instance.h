#ifndef WJOBS_INSTANCE_H
#define WJOBS_INSTANCE_H

#include <stddef.h>

#include "lib/base/ulid.h"
#include "lib/store/place.h"
#include "lib/store/session.h"

/*
 * The instances of a store that are alive, and what each runs: of a Redis those
 * with a session, of an SQLite file the scheduler that holds it and whoever
 * else has runs there.
 */
struct instance_run {
	struct ulid id;
	char *job;
};

struct instance {
	enum session_kind kind;
	char *worker; /* NULL: unknown, as all texts */
	char *host;
	char *version;
	struct identity process;
	char *pid_space;  /* where its pid counts */
	int64_t since_ms; /* CLOCK_NONE: unknown */
	bool has_offset;  /* of the store's clock to its own */
	int64_t offset_ms;
	struct ulid session; /* of a Redis */
	struct instance_run *run;
	size_t runs;
};

/* "scheduler", "filter" or "worker", as a store has it. */
const char *instance_kind_name(enum session_kind kind);
/* What is not known is a scheduler. */
enum session_kind instance_kind_find(const char *name);

void instances_release(struct instance *list, size_t n);
/* In the order in which they began. The caller's to release. */
bool instances_list(const struct store_place *place, struct instance **list,
    size_t *n, struct err *err) MUST_CHECK;

/* "" where there is none. */
void instance_pid_space(char *text, size_t size);

#endif
