#ifndef WJOBS_SHELF_H
#define WJOBS_SHELF_H

#include "cmd/cmd.h"
#include "lib/store/queue.h"

/*
 * The queue as commands have it: the store where the jobfile says that it
 * lies, else local.db in the state directory. History may lie in the same
 * store. Zeroed is closed.
 */
enum shelf_mode {
	SHELF_READ,   /* creates nothing; cli->store itself where that is it */
	SHELF_CHANGE, /* what is there is changed; creates nothing */
	SHELF_PUT,    /* creates what is missing */
};

struct shelf {
	struct cli *cli;
	struct store_place place;
	struct store *store; /* NULL: nothing was ever written there */
	bool is_borrowed;    /* it is cli->store */
	bool has_history;    /* history lies in it as well */
};

/*
 * cli's jobfile, if there is one, has been loaded. ERR_UNREACHABLE where the
 * queue is in a scheduler's memory.
 */
bool shelf_open(struct shelf *shelf, struct cli *cli, enum shelf_mode mode,
    struct err *err) MUST_CHECK;
void shelf_close(struct shelf *shelf);
/* Is it in a scheduler's memory, so that there is nothing to open? */
bool shelf_is_memory(const struct cli *cli);

/* Where history can be read; *store is NULL where none was ever written. */
bool shelf_history(
    struct shelf *shelf, struct store **store, struct err *err) MUST_CHECK;

/* A STORE_WORK of that kind. */
struct store_op *
shelf_op_new(const struct shelf *shelf, enum work_op_kind kind);
/*
 * store_apply, again and again for some seconds where the store does not
 * answer, since all that is done to a queue may be repeated.
 */
bool shelf_apply(struct shelf *shelf, struct store_op **ops, size_t n,
    struct err *err) MUST_CHECK;
/* The same for one, which is freed; what it answered goes to *answer. */
struct shelf_answer {
	enum claim result;
	enum work_state state; /* of CANCEL: what it was */
	size_t n;
	bool is_more;
};
bool shelf_do(struct shelf *shelf, struct store_op *op,
    struct shelf_answer *answer, struct err *err) MUST_CHECK;
/*
 * What waited was cancelled: where history lies elsewhere, that is told there
 * too. What fails is said, for the work is cancelled all the same.
 */
void shelf_tell_cancelled(struct shelf *shelf, const struct work *work);
/* The same for what ended by itself, as its record says. */
void shelf_tell_end(struct shelf *shelf, const struct record *record);

#endif
