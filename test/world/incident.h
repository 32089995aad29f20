#ifndef WJOBS_INCIDENT_H
#define WJOBS_INCIDENT_H

#include "lib/store/store.h"

/* What a simulated store knows of a job's failures; see store.h. */
struct incident {
	int64_t failures, told_ms;
	bool is_told;
};

static inline void
incident_end(struct incident *incident, struct store_op *op, int64_t now_ms)
{
	bool asks = op->tell_again_ms != STORE_TELL_NOBODY;
	enum record_status status = op->record.status;

	op->is_telling = false;
	if (status == RECORD_COMPLETED) {
		op->failures = incident->failures;
		op->is_telling = asks && incident->is_told;
		*incident = (struct incident){ 0 };
	} else if (status == RECORD_FAILED || status == RECORD_LOST) {
		op->failures = ++incident->failures;
		op->is_telling = asks &&
		    (!incident->is_told ||
			(op->tell_again_ms >= 0 &&
			    now_ms - incident->told_ms >= op->tell_again_ms));
		if (op->is_telling) {
			incident->is_told = true;
			incident->told_ms = now_ms;
		}
	} else {
		op->failures = incident->failures;
	}
}

#endif
