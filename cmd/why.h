#ifndef WJOBS_WHY_H
#define WJOBS_WHY_H

#include "cmd/cmd.h"
#include "cmd/out.h"
#include "cmd/past.h"
#include "lib/base/mem.h"

/*
 * What `why` finds out about one instant of a job: what was decided, by which
 * field, policy, lock or instance, and that in some lines of plain words.
 */
enum why_decision {
	WHY_UNKNOWN, /* nothing tells */
	WHY_NOT_DUE,
	WHY_DISABLED,
	WHY_AHEAD,
	WHY_OPEN, /* it passed, and nothing is settled yet */
	WHY_SKIPPED,
	WHY_CANCELLED,
	WHY_LOST,
	WHY_WAITING, /* for its next attempt */
	WHY_RUNNING,
	WHY_RAN,
	WHY_DECISIONS
};

struct why {
	struct cli *cli;
	struct out out;
	const char *name;
	const struct job *job;           /* NULL: not in the jobfile */
	const struct history_job *state; /* NULL: not in the store */
	const struct zone *zone;
	int64_t at_ms, now_ms;

	enum why_decision decision;
	char *reason;             /* a word for scripts, or NULL */
	bool is_due;              /* where there is a job */
	int64_t prev_ms, next_ms; /* instants around it; CLOCK_NONE */
	bool has_record;
	struct record record; /* that decided */
	bool has_work;
	struct ulid work;
	char *work_state; /* NULL: the queue does not have it */
	char **line;      /* as they come, with whatever others wrote in them */
	size_t lines;
};

/* A line more; the text is taken. */
void why_add(struct why *why, char *text);
#define why_say(why, ...) why_add(why, mem_printf(__VA_ARGS__))
/* Sets the decision, and a copy of the reason. */
void
why_decide(struct why *why, enum why_decision decision, const char *reason);
/* An instant as people read it. */
const char *
why_time(const struct why *why, int64_t ms, char buf[STAMP_TEXT_SIZE]);

/* why_schedule.c: whether it is one of the schedule; fills is_due and around. */
void why_schedule_look(struct why *why);
/* It is due in the place of what the clocks skipped: say so, if it is. */
void why_schedule_say_gap(struct why *why);
/* Which fields or rules leave it out. */
void why_schedule_say(struct why *why);
/* It is due, and its time has not come. */
bool why_schedule_is_ahead(const struct why *why);
void why_schedule_say_ahead(struct why *why);

/* why_record.c: what history has of it; why->has_record says whether. */
bool why_record_find(struct why *why, struct err *err) MUST_CHECK;
bool why_record_say(struct why *why, struct err *err) MUST_CHECK;
/* It is no instant, but the run of the one before it was under way then. */
bool why_record_say_before(struct why *why, struct err *err) MUST_CHECK;

/* why_silence.c: it is past, and nothing was recorded: say why that may be. */
bool why_silence_say(struct why *why, struct err *err) MUST_CHECK;

#endif
