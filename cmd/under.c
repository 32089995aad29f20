#include "cmd/under.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/filter.h"
#include "cmd/guard.h"
#include "lib/process/program.h"
#include "lib/process/spawn.h"

void
under_export_fence(const struct lock_state *state)
{
	char text[24];

	snprintf(text, sizeof text, "%llu", (unsigned long long)state->fence);
	setenv("WJOBS_FENCE", text, 1);
}

/* It takes our place; what holds the lock is its life. */
static int
under_become(
    struct acquire *acquire, const char *path, char **argv, struct err *err)
{
	spawn_become(
	    path, (const char *const *)argv, (const char *const *)environ, err);
	acquire_release(acquire);
	return filter_spawn_status(err->sys);
}

int
under_run(struct cli *cli, struct acquire *acquire, char **argv, bool goes_on,
    struct err *err)
{
	char *path = program_resolve(argv[0], getenv("PATH"), NULL, err);
	struct guard guard = { .cli = cli,
		.acquire = acquire,
		.path = path,
		.argv = argv,
		.goes_on = goes_on };
	int status = CMD_FAILED;

	if (path == NULL)
		return filter_spawn_status(err->sys);
	if (acquire_take(acquire, err)) {
		under_export_fence(&acquire->state);
		status = lock_needs_renewal(acquire->lock)
		    ? guard_run(&guard, err)
		    : under_become(acquire, path, argv, err);
	}
	free(path);
	return status;
}
