#ifndef WJOBS_PROGRESS_H
#define WJOBS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How far long work has come, as one line on standard error: its count,
 * failures, rate, and the time that is left. Only where that is a terminal, of
 * which we are in the foreground; never waits for it. Without a loop: who does
 * the work says now and then how far it is, and the line is drawn anew at most
 * ten times a second.
 */
struct progress {
	bool is_on;                 /* else nothing is ever written */
	int64_t began_ms, drawn_ms; /* of clock_boot_ms */
	size_t width;               /* of what stands there now; 0: nothing */
};

struct progress_count {
	int64_t done, failed;
	int64_t running; /* below 0: not told */
	int64_t total;   /* below 0: not known, and no time left is told */
};

/* Nothing is shown with is_quiet. Nothing is written yet. */
void progress_begin(struct progress *progress, bool is_quiet);
/* Drawn if it is time for that. */
void
progress_show(struct progress *progress, const struct progress_count *count);
/* Make room: something else is about to be written, or it was the end. */
void progress_clear(struct progress *progress);

#endif
