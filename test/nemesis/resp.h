#ifndef WJOBS_RESP_H
#define WJOBS_RESP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Where one item of Redis' protocol ends and the next begins, byte by byte:
 * a command one way, a reply the other. Nothing is kept but what that needs,
 * and the first word of the item.
 */
struct resp {
	bool is_inside; /* an item has begun */
	int64_t need;   /* elements that are still to come */
	int64_t skip;   /* bytes of a text that are still to come */
	bool in_text;
	char line[32]; /* the header under way */
	int len;
	char word[24]; /* the item's first text, in capitals */
	int word_len;
	bool has_word;
};

/* True where this byte was the last one of an item. Zeroed is the start. */
bool resp_feed(struct resp *resp, char byte);

#endif
