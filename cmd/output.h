#ifndef WJOBS_OUTPUT_H
#define WJOBS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/cmd.h"
#include "lib/base/str.h"
#include "lib/store/record.h"

/*
 * What runs wrote, on standard output: the bytes as they are, or with control
 * characters made visible. Zeroed but for cli and is_visible is ready.
 */
struct output {
	struct cli *cli;
	bool is_visible;
	bool is_in_line; /* the last byte printed was no newline */
	struct str rest; /* the beginning of a character, to be completed */
};

void output_release(struct output *output);
void output_put(struct output *output, const char *data, size_t n);
/* All that a run wrote has been put: what comes next begins a line. */
void output_end(struct output *output);
/* A line on standard error in the place of bytes that were not kept. */
void output_skip(struct output *output, uint64_t n);
/* A run's output as it was kept. */
void output_record(struct output *output, const struct record *record);
/* Bytes that were written and not kept, between head and tail. */
int64_t output_omitted(const struct record *record);

#endif
