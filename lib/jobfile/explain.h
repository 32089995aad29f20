#ifndef WJOBS_EXPLAIN_H
#define WJOBS_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What to write instead, where a line is not the YAML it was meant to be.
 * YAML gives a meaning to many a text that a crontab user writes without
 * thinking: it takes the star of a schedule for an alias, the bracket of a
 * shell's test for a list, and a colon for the end of a key.
 */
struct explain {
	const char *text; /* the whole file, of n bytes */
	size_t n;
	/* Where libyaml gave up, from 1; moved to where the fault begins. */
	int line, col;
	const char *context, *problem; /* libyaml's words, may be NULL */
	int context_line, context_col;
	/* Out: */
	char hint[400];
	const char *key; /* the line's key, of key_len bytes; NULL if none */
	size_t key_len;
	/* It is the value of the key read last, whatever the line's is. */
	bool is_last;
};

/* True where the fault is a known one, and `hint` is filled. */
bool explain_fault(struct explain *fault);

#endif
