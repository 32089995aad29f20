#include "lib/engine/notify.h"

/* Nothing is told yet. */

struct notify *
notify_new(struct engine *engine)
{
	(void)engine;
	return NULL;
}

void
notify_free(struct notify *notify)
{
	(void)notify;
}

void
notify_start(
    struct engine *engine, const struct job *job, const struct record *record)
{
	(void)engine;
	(void)job;
	(void)record;
}

void
notify_retry(struct engine *engine, const struct job *job,
    const struct record *record, int64_t delay_ms)
{
	(void)engine;
	(void)job;
	(void)record;
	(void)delay_ms;
}

void
notify_skip(
    struct engine *engine, const struct job *job, const struct record *record)
{
	(void)engine;
	(void)job;
	(void)record;
}

void
notify_end(struct engine *engine, const struct job *job,
    const struct record *record, struct store_op *end)
{
	(void)engine;
	(void)job;
	(void)record;
	(void)end;
}

void
notify_ended(struct engine *engine, const struct job *job,
    const struct record *record, bool is_telling, int64_t failures)
{
	(void)engine;
	(void)job;
	(void)record;
	(void)is_telling;
	(void)failures;
}

void
notify_stop(
    struct notify *notify, bool now, void (*stopped)(void *data), void *data)
{
	(void)notify;
	(void)now;
	stopped(data);
}

bool
notify_is_idle(const struct notify *notify)
{
	(void)notify;
	return true;
}
