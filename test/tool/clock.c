/*
 * The system's clock as a seam, on a real loop.
 *
 *	clock timers N SEED	N timers within a quarter of a second, some of
 *				them stopped or set anew by others: each fires
 *				once, none early, and then the loop ends
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"

#define SPAN_MS 250

struct subject {
	struct clock_timer timer;
	struct subject *other; /* stopped, or set anew, when this one fires */
	int64_t at_ms;
	int fired;
	bool is_stopped;
};

static struct clock *system_clock;
static int early;

static void
on_fire(struct clock_timer *timer)
{
	struct subject *subject = timer->data, *other = subject->other;

	subject->fired++;
	early += clock_wall_ms(system_clock) < subject->at_ms;
	if (other == NULL || other->fired > 0)
		return;
	if (rand() % 2 == 0) {
		clock_stop(&other->timer);
		other->is_stopped = true;
	} else if (!other->is_stopped) {
		other->at_ms = clock_wall_ms(system_clock) + rand() % 10;
		clock_set_at(system_clock, &other->timer, other->at_ms);
	}
}

static int
timers(int n)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	struct subject *subject = mem_zalloc((size_t)n, sizeof *subject);
	int i, wrong = 0;

	system_clock = clock_open(loop);
	for (i = 0; i < n; i++) {
		subject[i].timer.fire = on_fire;
		subject[i].timer.data = &subject[i];
		subject[i].at_ms = clock_wall_ms(system_clock) +
		    rand() % SPAN_MS;
		if (i % 3 == 0)
			subject[i].other = &subject[rand() % n];
		clock_set_at(system_clock, &subject[i].timer, subject[i].at_ms);
	}
	ev_run(loop, 0);
	for (i = 0; i < n; i++)
		wrong += subject[i].fired != !subject[i].is_stopped ||
		    clock_is_set(&subject[i].timer);
	printf("%d timers, %d early, %d wrong\n", n, early, wrong);
	clock_close(system_clock);
	ev_loop_destroy(loop);
	free(subject);
	return early + wrong > 0;
}

int
main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	srand((unsigned)atoi(argv[3]));
	return timers(atoi(argv[2]));
}
