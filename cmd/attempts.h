#ifndef WJOBS_ATTEMPTS_H
#define WJOBS_ATTEMPTS_H

#include "cmd/out.h"
#include "lib/base/str.h"
#include "lib/store/record.h"

/* The attempts of a run that was tried more than once, for `show`. */
struct attempts_row {
	int64_t number, began_ms, duration_ms, exit_code, signal;
	char *reason, *error; /* "-", "" where there is none */
	const struct zone *zone;
};

struct attempts {
	struct attempts_row *row;
	size_t n;
};

enum { ATTEMPTS_FIELDS = 7 };
extern const struct field attempts_field[ATTEMPTS_FIELDS];

/* record->attempts taken apart; times are to be shown in zone. */
void attempts_parse(struct attempts *attempts, const struct record *record,
    const struct zone *zone);
void attempts_release(struct attempts *attempts);
/* "exit status 3, after 1.2s": one attempt as a line for people. */
void attempts_describe(const struct attempts_row *row, struct str *out);

#endif
