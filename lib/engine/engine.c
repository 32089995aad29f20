#include "lib/engine/engine.h"

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
