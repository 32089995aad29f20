#ifndef WJOBS_LINES_H
#define WJOBS_LINES_H

#include "cmd/put.h"

/*
 * `enqueue --lines`: each line of standard input is a payload, put in a
 * hundred at a time; an id a line on standard output, in the same order. What
 * is there is put in when no more comes for the moment. An interrupt ends it
 * between two batches. Returns the exit status, and err says how far it came.
 */
int lines_put(struct put *put, struct err *err);

#endif
