#include "lib/engine/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/engine/hook.h"

/* What this process has seen of a job's ends. */
struct known {
	int64_t failures; /* with no success between them */
	int64_t told_ms;  /* monotonic: when people were told of them last */
	bool is_told;
	struct known *next;
	char job[];
};

/*
 * An operation whose answer says what there is to tell. It lives until it is
 * answered, even where that was not waited for.
 */
struct asked {
	struct notify *notify;
	const struct job *job;
	struct record record;
	bool is_skip, is_over;
	struct clock_timer timer;
	struct asked *next;
};

struct notify {
	struct engine *engine;
	struct known *known;
	struct map by_job; /* what is known, by the job's name */
	struct asked *asked;
	struct hook *waiting, **last, *running;
	size_t n_waiting, n_running, n_asked; /* of these, not over yet */
	unsigned long long dropped;
	struct clock_timer kick, patience;
	bool is_killing;
	void (*stopped)(void *data); /* NULL: not told to stop, or told so */
	void *data;
};

static void notify_kick(struct clock_timer *timer);
static void notify_patience_ends(struct clock_timer *timer);

struct notify *
notify_new(struct engine *engine)
{
	struct notify *notify = mem_zalloc(1, sizeof *notify);

	notify->engine = engine;
	notify->last = &notify->waiting;
	notify->kick.fire = notify_kick;
	notify->kick.data = notify;
	notify->patience.fire = notify_patience_ends;
	notify->patience.data = notify;
	return notify;
}

static void
asked_free(struct asked *asked)
{
	struct asked **at = &asked->notify->asked;

	while (*at != asked)
		at = &(*at)->next;
	*at = asked->next;
	clock_stop(&asked->timer);
	record_release(&asked->record);
	free(asked);
}

static void
notify_drop_waiting(struct notify *notify)
{
	struct hook *hook;

	while ((hook = notify->waiting) != NULL) {
		notify->waiting = hook->next;
		notify->dropped++;
		hook_free(hook);
	}
	notify->last = &notify->waiting;
	notify->n_waiting = 0;
}

void
notify_free(struct notify *notify)
{
	struct known *known;

	if (notify == NULL)
		return;
	while (notify->asked != NULL)
		asked_free(notify->asked);
	notify_drop_waiting(notify);
	clock_stop(&notify->kick);
	clock_stop(&notify->patience);
	while ((known = notify->known) != NULL) {
		notify->known = known->next;
		free(known);
	}
	map_release(&notify->by_job);
	free(notify);
}

/* The end of it all */

static void
notify_log_dropped(struct notify *notify)
{
	char n[24];

	if (notify->dropped == 0)
		return;
	snprintf(n, sizeof n, "%llu", notify->dropped);
	log_event(LOG_WARN, "hooks were dropped", "count", n, NULL);
	notify->dropped = 0;
}

bool
notify_is_idle(const struct notify *notify)
{
	return notify == NULL ||
	    (notify->n_waiting == 0 && notify->n_running == 0 &&
		notify->n_asked == 0);
}

static void
notify_check_stopped(struct notify *notify)
{
	void (*stopped)(void *data) = notify->stopped;

	if (stopped == NULL || !notify_is_idle(notify))
		return;
	notify->stopped = NULL;
	clock_stop(&notify->patience);
	notify_log_dropped(notify);
	stopped(notify->data);
}

static void
notify_kill(struct notify *notify)
{
	struct asked *asked;
	struct hook *hook;

	notify->is_killing = true;
	for (asked = notify->asked; asked != NULL; asked = asked->next) {
		clock_stop(&asked->timer);
		asked->is_over = true;
	}
	notify->n_asked = 0;
	notify_drop_waiting(notify);
	for (hook = notify->running; hook != NULL; hook = hook->next)
		hook_kill(hook);
}

static void
notify_patience_ends(struct clock_timer *timer)
{
	struct notify *notify = timer->data;

	notify_kill(notify);
	notify_check_stopped(notify);
}

void
notify_stop(
    struct notify *notify, bool now, void (*stopped)(void *data), void *data)
{
	if (notify == NULL) {
		stopped(data);
		return;
	}
	notify->stopped = stopped;
	notify->data = data;
	if (now)
		notify_kill(notify);
	else
		clock_set_in(
		    notify->engine->clock, &notify->patience, NOTIFY_STOP_MS);
	notify_check_stopped(notify);
}

/* Running them */

static void
notify_on_ended(struct hook *hook)
{
	struct notify *notify = hook->owner;
	struct hook **at = &notify->running;

	while (*at != hook)
		at = &(*at)->next;
	*at = hook->next;
	notify->n_running--;
	hook_free(hook);
	if (notify->n_waiting <= NOTIFY_WAITING / 2)
		notify_log_dropped(notify);
	if (notify->n_waiting > 0)
		clock_set_in(notify->engine->clock, &notify->kick, 0);
	notify_check_stopped(notify);
}

static void
notify_kick(struct clock_timer *timer)
{
	struct notify *notify = timer->data;
	struct hook *hook;

	while (notify->n_running < NOTIFY_AT_ONCE &&
	    (hook = notify->waiting) != NULL) {
		notify->waiting = hook->next;
		if (notify->waiting == NULL)
			notify->last = &notify->waiting;
		notify->n_waiting--;
		hook->next = notify->running;
		notify->running = hook;
		notify->n_running++;
		hook_start(hook, NOTIFY_TIMEOUT_MS);
	}
}

/* The run goes on first: hooks are begun with the next turn of the loop. */
static void
notify_push(struct notify *notify, struct hook *hook)
{
	if (notify->is_killing || notify->n_waiting >= NOTIFY_WAITING) {
		if (notify->dropped++ == 0 && !notify->is_killing)
			log_event(LOG_WARN,
			    "too many hooks wait; some are dropped", "job",
			    hook->job->name, "hook", hook_name(hook->which),
			    NULL);
		hook_free(hook);
		return;
	}
	hook->ended = notify_on_ended;
	hook->owner = notify;
	*notify->last = hook;
	notify->last = &hook->next;
	notify->n_waiting++;
	if (notify->n_running < NOTIFY_AT_ONCE)
		clock_set_in(notify->engine->clock, &notify->kick, 0);
}

static void
notify_add(struct notify *notify, const struct job *job, enum job_hook which,
    const struct record *record, int64_t failures)
{
	struct hook *hook;

	if (!hook_is_set(job, which))
		return;
	hook = hook_new(notify->engine, job, which, record);
	hook->failures = failures;
	notify_push(notify, hook);
}

/* Incidents */

static struct known *
notify_know(struct notify *notify, const struct job *job)
{
	struct known *known = map_find(&notify->by_job, job->name);
	size_t len = strlen(job->name) + 1;

	if (known != NULL)
		return known;
	known = mem_zalloc(1, sizeof *known + len);
	memcpy(known->job, job->name, len);
	known->next = notify->known;
	notify->known = known;
	map_put(&notify->by_job, known->job, known);
	return known;
}

static void
notify_tell(struct notify *notify, const struct job *job,
    const struct record *record, bool is_telling, int64_t failures)
{
	if (record->status == RECORD_COMPLETED)
		notify_add(notify, job, JOB_ON_SUCCESS, record, failures);
	if (is_telling)
		notify_add(notify, job,
		    record->status == RECORD_COMPLETED ? JOB_ON_RECOVERY
						       : JOB_ON_FAILURE,
		    record, failures);
}

/* The store has said it: that is how it is. */
static void
notify_by_store(struct notify *notify, const struct job *job,
    const struct record *record, bool is_telling, int64_t failures)
{
	struct known *known = notify_know(notify, job);

	if (record->status == RECORD_COMPLETED) {
		known->failures = 0;
		known->is_told = false;
	} else {
		known->failures = failures;
		if (is_telling || !known->is_told)
			known->told_ms = clock_mono_ms(notify->engine->clock);
		known->is_told = true;
	}
	notify_tell(notify, job, record, is_telling, failures);
}

static void
notify_by_itself(
    struct notify *notify, const struct job *job, const struct record *record)
{
	struct known *known = notify_know(notify, job);
	int64_t now = clock_mono_ms(notify->engine->clock);
	int64_t again = job->hooks->failure_repeat_ms, failures;
	bool is_telling;

	if (record->status == RECORD_COMPLETED) {
		is_telling = known->is_told;
		failures = known->failures;
		known->failures = 0;
		known->is_told = false;
	} else {
		failures = ++known->failures;
		is_telling = !known->is_told ||
		    (again != JOB_REPEAT_ONCE && now - known->told_ms >= again);
		if (is_telling)
			known->told_ms = now;
		known->is_told = true;
	}
	notify_tell(notify, job, record, is_telling, failures);
}

/* Asking the store */

static void
asked_give_up(struct asked *asked)
{
	struct notify *notify = asked->notify;

	asked->is_over = true;
	notify->n_asked--;
	if (asked->is_skip)
		notify_add(notify, asked->job, JOB_ON_SKIP, &asked->record, -1);
	else
		notify_by_itself(notify, asked->job, &asked->record);
	notify_check_stopped(notify);
}

static void
asked_is_late(struct clock_timer *timer)
{
	asked_give_up(timer->data);
}

static void
asked_on_answer(struct store_op *op)
{
	struct asked *asked = op->data;
	struct notify *notify = asked->notify;

	if (!asked->is_over &&
	    (op->result == CLAIM_FAILED ||
		(op->result == CLAIM_GRANTED &&
		    (asked->is_skip || op->failures < 0)))) {
		asked_give_up(asked);
	} else if (!asked->is_over) {
		asked->is_over = true;
		notify->n_asked--;
		if (op->result == CLAIM_GRANTED)
			notify_by_store(notify, asked->job, &asked->record,
			    op->is_telling, op->failures);
		notify_check_stopped(notify);
	}
	asked_free(asked);
}

static void
notify_ask(struct notify *notify, const struct job *job,
    const struct record *record, struct store_op *op)
{
	struct asked *asked = mem_zalloc(1, sizeof *asked);
	struct record bare = *record; /* borrows its texts */

	bare.head = bare.tail = NULL;
	bare.head_len = bare.tail_len = 0;
	record_copy(&asked->record, &bare);
	asked->notify = notify;
	asked->job = job;
	asked->is_skip = record->status == RECORD_SKIPPED;
	asked->timer.fire = asked_is_late;
	asked->timer.data = asked;
	asked->next = notify->asked;
	notify->asked = asked;
	notify->n_asked++;
	op->done = asked_on_answer;
	op->data = asked;
	op->tell_again_ms = job->hooks->failure_repeat_ms;
	clock_set_in(notify->engine->clock, &asked->timer, NOTIFY_STORE_MS);
}

/* What comes from runs */

void
notify_start(
    struct engine *engine, const struct job *job, const struct record *record)
{
	if (engine->notify != NULL)
		notify_add(engine->notify, job, JOB_ON_START, record, -1);
}

void
notify_retry(struct engine *engine, const struct job *job,
    const struct record *record, int64_t delay_ms)
{
	struct hook *hook;

	if (engine->notify == NULL || !hook_is_set(job, JOB_ON_RETRY))
		return;
	hook = hook_new(engine, job, JOB_ON_RETRY, record);
	hook->failures = -1;
	hook->retry_in_ms = delay_ms;
	notify_push(engine->notify, hook);
}

void
notify_skip(struct engine *engine, const struct job *job,
    const struct record *record, struct store_op *skip)
{
	if (engine->notify == NULL || !hook_is_set(job, JOB_ON_SKIP))
		return;
	if (skip != NULL)
		notify_ask(engine->notify, job, record, skip);
	else
		notify_add(engine->notify, job, JOB_ON_SKIP, record, -1);
}

void
notify_late(
    struct engine *engine, const struct job *job, const struct monitor_row *row)
{
	const struct field_style style = { 0 };
	struct record record;
	struct str json = { 0 };
	struct hook *hook;
	char *text;

	if (engine->notify == NULL || !hook_is_set(job, JOB_ON_LATE))
		return;
	record_init(&record);
	record.job = mem_strdup(job->name);
	record.error = mem_strdup(row->reason);
	hook = hook_new(engine, job, JOB_ON_LATE, &record);
	record_release(&record);
	text = field_json(&style, monitor_field, NULL, MONITOR_FIELDS, row);
	str_addf(&json, "%s\n", text);
	free(text);
	hook->failures = -1;
	hook->json = str_take(&json);
	notify_push(engine->notify, hook);
}

/* Does anybody hear of an end like this, now or by what comes of it? */
static bool
notify_concerns(const struct job *job, enum record_status status)
{
	switch (status) {
	case RECORD_COMPLETED:
		return hook_is_set(job, JOB_ON_SUCCESS) ||
		    hook_is_set(job, JOB_ON_FAILURE) ||
		    hook_is_set(job, JOB_ON_RECOVERY);
	case RECORD_FAILED:
	case RECORD_LOST:
		return hook_is_set(job, JOB_ON_FAILURE) ||
		    hook_is_set(job, JOB_ON_RECOVERY);
	case RECORD_PENDING:
	case RECORD_RUNNING:
	case RECORD_SKIPPED:
	case RECORD_CANCELLED:
	case RECORD_STATUSES:
		break;
	}
	return false;
}

void
notify_end(struct engine *engine, const struct job *job,
    const struct record *record, struct store_op *end)
{
	if (engine->notify == NULL || !notify_concerns(job, record->status))
		return;
	if (end != NULL)
		notify_ask(engine->notify, job, record, end);
	else
		notify_by_itself(engine->notify, job, record);
}

void
notify_ended(struct engine *engine, const struct job *job,
    const struct record *record, bool is_telling, int64_t failures)
{
	if (engine->notify == NULL || !notify_concerns(job, record->status))
		return;
	if (failures >= 0)
		notify_by_store(
		    engine->notify, job, record, is_telling, failures);
	else
		notify_by_itself(engine->notify, job, record);
}
