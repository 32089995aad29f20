#include "lib/process/pids.h"

#include <stdint.h>
#include <stdlib.h>

#include "lib/base/mem.h"

void
pids_release(struct pids *pids)
{
	if (pids == NULL)
		return;
	free(pids->entry);
	*pids = (struct pids){ 0 };
}

static size_t
pids_home(const struct pids *pids, pid_t pid)
{
	return (size_t)((uint32_t)pid * 2654435761u >> 8) & (pids->room - 1);
}

/* The place of pid, or the empty one where a search for it ends. */
static size_t
pids_probe(const struct pids *pids, pid_t pid)
{
	size_t i = pids_home(pids, pid);

	while (pids->entry[i].pid != 0 && pids->entry[i].pid != pid)
		i = (i + 1) & (pids->room - 1);
	return i;
}

void *
pids_find(const struct pids *pids, pid_t pid)
{
	if (pids->room == 0)
		return NULL;
	return pids->entry[pids_probe(pids, pid)].value;
}

static void
pids_rehash(struct pids *pids)
{
	struct pids old = *pids;
	size_t i;

	pids->room = old.room != 0 ? old.room * 2 : 16;
	pids->entry = mem_zalloc(pids->room, sizeof *pids->entry);
	for (i = 0; i < old.room; i++)
		if (old.entry[i].pid != 0)
			pids->entry[pids_probe(pids, old.entry[i].pid)] =
			    old.entry[i];
	free(old.entry);
}

void
pids_put(struct pids *pids, pid_t pid, void *value)
{
	size_t i;

	if ((pids->len + 1) * 2 > pids->room)
		pids_rehash(pids);
	i = pids_probe(pids, pid);
	if (pids->entry[i].pid == 0)
		pids->len++;
	pids->entry[i] = (struct pids_entry){ pid, value };
}

/* Those that were pushed past the hole move up, so that none is cut off. */
static void
pids_close_hole(struct pids *pids, size_t hole)
{
	size_t mask = pids->room - 1, i = hole, home;

	for (;;) {
		i = (i + 1) & mask;
		if (pids->entry[i].pid == 0)
			break;
		home = pids_home(pids, pids->entry[i].pid);
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		pids->entry[hole] = pids->entry[i];
		hole = i;
	}
	pids->entry[hole] = (struct pids_entry){ 0, NULL };
}

void *
pids_remove(struct pids *pids, pid_t pid)
{
	void *value;
	size_t i;

	if (pids->room == 0)
		return NULL;
	i = pids_probe(pids, pid);
	value = pids->entry[i].value;
	if (value == NULL)
		return NULL;
	pids->len--;
	pids_close_hole(pids, i);
	return value;
}
