#ifndef WJOBS_LIVE_H
#define WJOBS_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/str.h"
#include "lib/process/identity.h"

/*
 * The output of a run that is still under way, in a file that others read: a
 * header and a ring of the last bytes, so that its size is bounded whatever
 * the run prints. One writer, any number of readers at their own pace, no
 * locks; a reader is told how much it was too late for.
 */

/* The writer's side. Zeroed is closed. */
struct live {
	int fd; /* valid where path is set */
	char *path;
	uint64_t ring, total; /* bytes of the ring; bytes written so far */
};

/*
 * A new file at path, in place of an old one, mode 0600, that begins with byte
 * `from` of the output and lets the last `limit` bytes be read.
 */
bool live_create(struct live *live, const char *path, uint64_t limit,
    uint64_t from, struct err *err) MUST_CHECK;
/* A full disk loses what readers would see, and nothing else. */
void live_add(struct live *live, const char *data, size_t n);
/* Tell the readers that there is no more to come, and remove the file. */
void live_end(struct live *live);

/* A reader's side. */
struct live_reader {
	int fd;
	uint64_t at; /* bytes of the output read or skipped so far */
	struct identity writer;
};

enum live_state {
	LIVE_GOING,  /* more may come: ask again */
	LIVE_ENDED,  /* that was all */
	LIVE_BROKEN, /* the writer died without an end */
};

/*
 * ENOENT in err->sys: the run has ended, or has not run for long enough to
 * have a file.
 */
bool live_open(
    struct live_reader *reader, const char *path, struct err *err) MUST_CHECK;
void live_close(struct live_reader *reader);
/* Append to *out what came since; *skipped are the bytes lost before it. */
enum live_state
live_read(struct live_reader *reader, struct str *out, uint64_t *skipped);

#endif
