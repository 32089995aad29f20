#ifndef WJOBS_MUST_H
#define WJOBS_MUST_H

#include <stdio.h>
#include <stdlib.h>

/* What a fuzzer's target demands: if it does not hold, say so and abort. */
#define must(truth)                                                          \
	((truth) ? (void)0                                                   \
		 : (fprintf(stderr, "%s:%d: it must be that %s\n", __FILE__, \
			__LINE__, #truth),                                   \
		       abort()))

#endif
