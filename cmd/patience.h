#ifndef WJOBS_PATIENCE_H
#define WJOBS_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Looking again and again, for as long as the user's patience lasts: with
 * pauses that grow, each less up to a half of it, so that many who wait for
 * one thing do not look at the same instants.
 */
struct patience {
	int64_t until_ms; /* of clock_boot_ms; below 0: for ever */
	int64_t pause_ms, most_ms;
};

/* span_ms: OPT_NO_LIMIT is for ever. The first pause, and the longest. */
void patience_begin(struct patience *patience, int64_t span_ms,
    int64_t first_ms, int64_t most_ms);
/*
 * Wait for the next look; a signal cuts that short. False at once where there
 * is no patience left.
 */
bool patience_pause(struct patience *patience);

#endif
