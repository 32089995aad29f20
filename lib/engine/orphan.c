#include "lib/engine/orphan.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/engine/account.h"
#include "lib/engine/due.h"

#define LOOK_MS 1000

static void
orphan_free(struct orphan *orphan)
{
	clock_stop(&orphan->timer);
	record_release(&orphan->record);
	free(orphan);
}

void
orphan_release(struct entry *entry)
{
	struct orphan *orphan;

	while ((orphan = entry->orphans) != NULL) {
		entry->orphans = orphan->next;
		orphan_free(orphan);
	}
}

static void
orphan_look(struct clock_timer *timer)
{
	struct orphan *orphan = timer->data, **at;
	struct entry *entry = orphan->entry;
	struct clock *clock = entry->engine->clock;
	struct record *record = &orphan->record;

	if (identity_is_alive(&record->leader)) {
		clock_set_in(clock, timer, LOOK_MS);
		return;
	}
	record->status = RECORD_LOST;
	record->reason = RECORD_CRASH;
	record->completed_ms = clock_wall_ms(clock);
	free(record->error);
	record->error = mem_strdup("ended unseen, after its scheduler died");
	account_end(entry, record);
	for (at = &entry->orphans; *at != orphan; at = &(*at)->next)
		continue;
	*at = orphan->next;
	orphan_free(orphan);
	due_drain(entry);
}

void
orphan_adopt(struct entry *entry, const struct record *record)
{
	struct orphan *orphan = mem_zalloc(1, sizeof *orphan);
	char id[ULID_LEN + 1], pid[24];

	orphan->entry = entry;
	record_copy(&orphan->record, record);
	orphan->timer.fire = orphan_look;
	orphan->timer.data = orphan;
	orphan->next = entry->orphans;
	entry->orphans = orphan;
	clock_set_in(entry->engine->clock, &orphan->timer, LOOK_MS);
	ulid_format(&record->id, id);
	snprintf(pid, sizeof pid, "%lld", (long long)record->leader.pid);
	log_event(LOG_WARN, "still runs from before", "job", record->job, "run",
	    id, "pid", pid, NULL);
}
