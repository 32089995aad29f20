#ifndef WJOBS_LOOKUP_H
#define WJOBS_LOOKUP_H

#include "lib/store/history.h"

/* What all backends do alike when they read: see history.h. */

/* Does the record's instant lie within the filter's, and is the status its? */
bool
lookup_holds(const struct history_filter *filter, const struct record *record);
/*
 * The least id that a record since filter->since_ms can have. False where
 * there is no such bound; the id is then the least of all.
 */
bool lookup_bound(const struct history_filter *filter, struct ulid *from);

/* What a search for one record gathers: at most two, for two are too many. */
struct lookup {
	struct record record[2];
	int n;
};

/* Two runs begin with prefix: ERR_USAGE names both. */
bool lookup_is_ambiguous(
    const struct lookup *lookup, const char *prefix, struct err *err);
/* Hand over the first of the records met where is_good, release the others. */
void lookup_give(
    struct lookup *lookup, bool is_good, struct record *record, bool *found);

#endif
