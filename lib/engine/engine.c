#include "lib/engine/engine.h"

#include <stdio.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/ulid.h"
#include "lib/jobfile/job.h"

bool
engine_shares(const struct engine *engine, const struct job *job)
{
	return engine->is_shared && job->shared;
}

void
engine_mark_shared(
    const struct engine *engine, const struct job *job, struct store_op *op)
{
	const struct record *record = &op->record;

	bool has_instant = record->scheduled_ms != CLOCK_NONE &&
	    (record->trigger == RECORD_SCHEDULE ||
		record->trigger == RECORD_CATCH_UP);

	op->is_shared = engine_shares(engine, job) &&
	    (has_instant || op->kind == STORE_BEGIN ||
		op->kind == STORE_WATERMARK);
	if (op->is_shared && has_instant)
		op->before_ms = when_prev(&job->when, record->scheduled_ms - 1);
}

int64_t
engine_offset_ms(const struct engine *engine, const struct job *job)
{
	int64_t offset = engine->store_offset_ms;

	return engine_shares(engine, job) &&
		(offset < -ENGINE_OFFSET_MS || offset > ENGINE_OFFSET_MS)
	    ? offset
	    : 0;
}

int64_t
engine_now_ms(const struct engine *engine, const struct job *job)
{
	return clock_wall_ms(engine->clock) + engine_offset_ms(engine, job);
}

void
engine_init(struct engine *engine)
{
	env_inherit(&engine->inherited);
	env_clean(&engine->clean);
	identity_self(&engine->self);
}

void
engine_hide(struct engine *engine, const char *const *names)
{
	for (; names != NULL && *names != NULL; names++)
		env_unset(&engine->inherited, *names);
}

void
engine_release(struct engine *engine)
{
	env_release(&engine->inherited);
	env_release(&engine->clean);
}

char *
engine_worker(const char *worker_id)
{
	char host[256] = "localhost";
	unsigned suffix;

	if (worker_id != NULL)
		return mem_strdup(worker_id);
	if (gethostname(host, sizeof host - 1) != 0)
		snprintf(host, sizeof host, "localhost");
	random_bytes(&suffix, sizeof suffix);
	return mem_printf("%s-%04x", host, suffix & 0xffffu);
}
