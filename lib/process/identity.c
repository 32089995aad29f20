#include "lib/process/identity.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "lib/process/linux.h"

void
identity_self(struct identity *id)
{
	if (!identity_of(getpid(), id))
		*id = (struct identity){ .pid = getpid() };
}

bool
identity_of(int64_t pid, struct identity *id)
{
	struct identity found = { .pid = pid };
	struct linux_process process;

	if (pid <= 0 || (pid_t)pid != pid)
		return false;
	if (linux_read_process((pid_t)pid, &process))
		found.start_ticks = process.start_ticks;
	else if (kill((pid_t)pid, 0) != 0 && errno != EPERM)
		return false;
	linux_boot_id(found.boot_id, sizeof found.boot_id);
	*id = found;
	return true;
}

bool
identity_is_alive(const struct identity *id)
{
	struct linux_process process;
	struct identity now;

	if (!identity_of(id->pid, &now) ||
	    strcmp(now.boot_id, id->boot_id) != 0)
		return false;
	if (now.start_ticks == 0 || id->start_ticks == 0)
		return true; /* the number is all there is to go by */
	return now.start_ticks == id->start_ticks &&
	    linux_read_process((pid_t)id->pid, &process) &&
	    process.state != 'Z' && process.state != 'X';
}
