#ifndef WJOBS_KEYS_H
#define WJOBS_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/jobfile/keyset.h"

/*
 * The keys of a jobfile: one table for those of a job and of a handler, one
 * for those of the file itself. Reading, `defaults`, `show`, the messages about unknown keys
 * and the test of wjobs.yaml(5) all walk them, so that a key is added by a
 * line here and a field in its struct.
 *
 * A key of a map within, such as `max` of `retry`, has a line of its own under
 * the name "retry.max", behind the KEY_GROUP that holds it.
 */
enum key_type {
	KEY_TEXT,     /* const char * */
	KEY_WORD,     /* const char *: no blanks, no controls */
	KEY_BOOL,     /* bool */
	KEY_CRON,     /* const char **, and struct when beside it */
	KEY_DURATION, /* int64_t, min and max; where may_none: -1 */
	KEY_TIME,     /* int64_t, an instant; needs the zone, so read late */
	KEY_ZONE,     /* const struct zone * */
	KEY_COMMAND,  /* const char *, and the argv beside it */
	KEY_HOOK,     /* a command or none; `min` is its enum job_hook */
	KEY_REPEAT,   /* once, every or a duration; see hooks.h */
	KEY_PROGRAM,  /* const char *: an absolute path */
	KEY_DIR,      /* const char *: a path, ${VAR} expanded */
	KEY_FILE,     /* const char *: a path */
	KEY_FILES,    /* const char **: paths, ${VAR} expanded */
	KEY_STORE,    /* const char *, ${VAR} expanded; a path or a URL */
	KEY_LOCK,     /* const char *: 1 to 256 bytes, no controls */
	KEY_HANDLER,  /* const char *: the name of a handler */
	KEY_PAYLOAD,  /* const char *: up to max bytes */
	KEY_ENV,      /* const char **: NAME=value, ${VAR} expanded */
	KEY_METADATA, /* const char **: key=value */
	KEY_SIGNAL,   /* int */
	KEY_CODES,    /* struct job_codes: 0 to 255 */
	KEY_RETRY_ON, /* struct job_retry: `on` and `codes` */
	KEY_CHOICE,   /* an enum, in the order of `choices` */
	KEY_INT,      /* int, min to max */
	KEY_FRACTION, /* double, min to max */
	KEY_SIZE,     /* int64_t, bytes, min to max */
	KEY_GROUP,    /* a map of the keys that follow; or `scalar`'s value */
	KEY_DEFAULTS, /* keys of a job, or of a handler: see `of` */
	KEY_JOBS,     /* likewise */
	KEY_INCLUDE,
};

/* Whose key it is; 0 is everybody's. */
enum key_of {
	KEY_OF_COMMAND = 1, /* a job with a command of its own */
	KEY_OF_WORK = 2,    /* a job that only puts work in the queue */
	KEY_OF_JOB = KEY_OF_COMMAND | KEY_OF_WORK,
	KEY_OF_HANDLER = 4,
	KEY_OF_RUN = KEY_OF_COMMAND | KEY_OF_HANDLER,
};

struct key {
	const char *name;
	enum key_type type;
	size_t offset, size; /* of its field; no field: size 0 */
	unsigned of;         /* enum key_of */
	/* What a jobfile would write to get the default; NULL: see below. */
	const char *text;
	const char *handler_text; /* the same of a handler, if it differs */
	/* The default in words, where there is none to write. */
	const char *words;
	const char *help;
	int64_t min, max;
	bool may_none;
	const char *const *choices; /* ended by NULL */
	const char *scalar;         /* of a group: whose value a scalar is */
};

extern const struct key keys_job[];  /* fields of struct job */
extern const struct key keys_file[]; /* fields of struct jobfile */
extern const size_t keys_job_len, keys_file_len;

/* The key of that name, or NULL. Its index is its place in a keyset. */
const struct key *keys_find(
    const struct key *keys, size_t n, const char *group, const char *name);
static inline bool
keys_is_of(const struct key *key, unsigned of)
{
	return key->of == 0 || (key->of & of) != 0;
}
/* A group's parts; of an ordinary key, itself. */
struct keyset
keys_in_group(const struct key *keys, size_t n, const struct key *key);

/* A key that a later version of wjobs will know. */
bool keys_is_later(const char *group, const char *name, bool is_job);
/* The known key, within the group and of whom, that was probably meant. */
const char *keys_nearest(const struct key *keys, size_t n, unsigned of,
    const char *group, const char *name);

#endif
