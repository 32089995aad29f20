#ifndef WJOBS_RECORD_FIELD_H
#define WJOBS_RECORD_FIELD_H

#include "lib/store/field.h"
#include "lib/store/record.h"

/* A run's record as fields: the object that `history --json` prints. */
struct record_row {
	const struct record *record;
	const struct zone *zone; /* its job's */
};

#define RECORD_FIELDS 22
extern const struct field record_field[RECORD_FIELDS];

#endif
