#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/store/wake.h"

/*
 * wake STORE DIR listen	"listening" once it does, then "rang" each time,
 *				until something comes on standard input
 * wake STORE DIR ring	rings whoever listens there
 *
 * DIR is the runtime directory.
 */

static int
fail(const struct err *err)
{
	fprintf(stderr, "wake: %s\n", err->msg);
	return 1;
}

static void
on_rang(void *data)
{
	(void)data;
	puts("rang");
	fflush(stdout);
}

static void
on_input(struct ev_loop *loop, ev_io *io, int revents)
{
	(void)io;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

static int
run(struct ev_loop *loop, const struct store_place *place)
{
	struct wake *wake;
	struct err err;
	ev_io input;

	wake = wake_open(loop, place, on_rang, NULL, &err);
	if (wake == NULL)
		return fail(&err);
	puts("listening");
	fflush(stdout);
	ev_io_init(&input, on_input, 0, EV_READ);
	ev_io_start(loop, &input);
	ev_run(loop, 0);
	wake_close(wake);
	puts("closed");
	return 0;
}

int
main(int argc, char **argv)
{
	struct ev_loop *loop;
	int status;

	if (argc != 4)
		return 2;
	struct store_place place = { .store = argv[1], .runtime_dir = argv[2] };
	if (strcmp(argv[3], "ring") == 0) {
		wake_ring(&place);
		return 0;
	}
	loop = ev_default_loop(0);
	status = run(loop, &place);
	ev_loop_destroy(loop);
	return status;
}
