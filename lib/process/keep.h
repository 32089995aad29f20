#ifndef WJOBS_KEEP_H
#define WJOBS_KEEP_H

#include <stddef.h>
#include <stdint.h>

/*
 * What is kept of a command's output: all of it up to a limit; beyond, the
 * first half of the limit and the last one. Bytes, never lines. The memory
 * grows with what came, up to the limit.
 */
struct keep {
	char *buf; /* the head, and behind it the ring of the tail */
	size_t limit, room;
	uint64_t total; /* bytes that came */
};

void keep_init(struct keep *keep, size_t limit);
void keep_release(struct keep *keep);
void keep_add(struct keep *keep, const char *data, size_t n);
/*
 * What is kept, borrowed until the next call. tail_len is 0 where all of it is
 * in the head. Nothing may be added afterwards.
 */
struct keep_parts {
	const char *head, *tail;
	size_t head_len, tail_len;
};
struct keep_parts keep_finish(struct keep *keep);
/*
 * Hand on the last bytes that are kept in one row, in at most two pieces.
 * Returns the number in the output of the first of them: 0 while all is kept.
 */
uint64_t keep_last(const struct keep *keep,
    void (*piece)(void *data, const char *s, size_t n), void *data);

#endif
