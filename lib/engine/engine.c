#include "lib/engine/engine.h"

#include <stdio.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/ulid.h"

void
engine_init(struct engine *engine)
{
	env_inherit(&engine->inherited);
	env_clean(&engine->clean);
	identity_self(&engine->self);
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
