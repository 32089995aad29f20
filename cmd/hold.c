#include "cmd/hold.h"

/* A machine that slept is looked at so soon; see guard.c for the rest. */
#define HOLD_LOOK_MS INT64_C(1000)

static void
hold_lose(struct hold *hold, bool is_gone, int64_t until_ms)
{
	const struct acquire *acquire = hold->acquire;
	struct err err;

	hold->is_lost = true;
	acquire_say_lost(acquire, is_gone, "the command is stopped", &err);
	hold->kill_ms = is_gone ? clock_boot_ms() + acquire->ttl_ms / 6
				: until_ms - acquire->ttl_ms / 6;
	hold->lost(hold->data, &err, false);
}

static void
hold_look(struct clock_timer *timer)
{
	struct hold *hold = timer->data;
	int64_t now_ms = clock_boot_ms(), left_ms = HOLD_LOOK_MS, until_ms;
	bool is_gone;

	if (!hold->is_lost) {
		is_gone = renew_is_lost(hold->renew);
		until_ms = renew_until_ms(hold->renew);
		left_ms = until_ms - hold->acquire->ttl_ms / 3 - now_ms;
		if (is_gone || left_ms <= 0)
			hold_lose(hold, is_gone, until_ms);
	}
	if (hold->is_lost && (left_ms = hold->kill_ms - now_ms) <= 0) {
		hold->lost(hold->data, NULL, true);
		return;
	}
	clock_set_in(hold->engine->clock, &hold->look,
	    left_ms < HOLD_LOOK_MS ? left_ms : HOLD_LOOK_MS);
}

static void
hold_on_gone(struct ev_loop *loop, ev_async *w, int revents)
{
	struct hold *hold = w->data;

	(void)loop;
	(void)revents;
	clock_set_in(hold->engine->clock, &hold->look, 0);
}

/* By the thread that renews. */
static void
hold_tell_gone(void *data)
{
	struct hold *hold = data;

	ev_async_send(hold->loop, &hold->gone);
}

/* The leader of an attempt: what it began goes on if we are killed. */
static void
hold_on_led(void *data, const struct identity *leader)
{
	struct hold *hold = data;
	const struct acquire *acquire = hold->acquire;
	struct err err;

	/* it is held by us in any case */
	(void)!lock_guard(
	    acquire->lock, acquire->key, acquire->token, leader, &err);
}

static bool
hold_renew(struct hold *hold, struct err *err)
{
	const struct acquire *acquire = hold->acquire;
	struct renew_ask ask = { .where = acquire->where,
		.key = acquire->key,
		.token = acquire->token,
		.ttl_ms = acquire->ttl_ms,
		.asked_ms = acquire->asked_ms,
		.lost = hold_tell_gone,
		.data = hold };

	ev_async_init(&hold->gone, hold_on_gone);
	hold->gone.data = hold;
	ev_async_start(hold->loop, &hold->gone);
	ev_unref(hold->loop); /* it alone keeps no loop running */
	hold->look.fire = hold_look;
	hold->look.data = hold;
	if (!renew_start(&ask, &hold->renew, err))
		return false;
	clock_set_in(hold->engine->clock, &hold->look, 0);
	return true;
}

bool
hold_start(struct hold *hold, struct err *err)
{
	hold->engine->fence = hold->acquire->state.fence;
	hold->engine->led = hold_on_led;
	hold->engine->led_data = hold;
	return !lock_needs_renewal(hold->acquire->lock) ||
	    hold_renew(hold, err);
}

void
hold_stop(struct hold *hold)
{
	if (hold->acquire == NULL)
		return;
	if (hold->renew != NULL)
		renew_stop(hold->renew);
	else
		acquire_release(hold->acquire);
	if (!ev_is_active(&hold->gone))
		return;
	clock_stop(&hold->look);
	ev_ref(hold->loop);
	ev_async_stop(hold->loop, &hold->gone);
}
