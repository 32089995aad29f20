#ifndef WJOBS_SPOOL_OP_H
#define WJOBS_SPOOL_OP_H

#include "lib/base/str.h"
#include "lib/store/store.h"

/*
 * An operation as bytes, as the spool has it. Numbers are eight bytes, least
 * first; a text is its length plus one and its bytes, 0 where there is none.
 */

/* What is left to read; `is_bad` once something did not fit. */
struct spool_reader {
	const unsigned char *p;
	size_t left;
	bool is_bad;
};

void spool_op_put_number(struct str *out, int64_t value);
void spool_op_put(struct str *out, const struct store_op *op);

/* NULL where there are not so many bytes left. */
const unsigned char *spool_op_take_bytes(struct spool_reader *in, size_t n);
int64_t spool_op_take_number(struct spool_reader *in);
/* NULL, or what is not to be used, where it is bad; the caller's. */
struct store_op *spool_op_take(struct spool_reader *in);

#endif
