#ifndef WJOBS_LOADER_H
#define WJOBS_LOADER_H

#include "lib/base/arena.h"
#include "lib/jobfile/jobfile.h"
#include "lib/jobfile/keys.h"
#include "lib/jobfile/yaml.h"

/*
 * What the reading of a jobfile carries along; the parts of lib/jobfile share
 * it, and nobody else sees it.
 */
#define LOADER_PATH_MAX  8
#define LOADER_GUESSES   16
#define LOADER_SCHEDULES 4096

/* An `anchor`, which can be read once the job's zone is known. */
struct loader_anchor {
	struct loader_anchor *next;
	size_t job; /* its index */
	const char *text;
	struct place at;
};

/* Where a job names a handler, which may come later in the file. */
struct loader_ref {
	size_t job; /* its index */
	struct place at;
};

/* Hooks of an entry that is read; see hooks.h. */
struct loader_hooks {
	const struct yaml_node *node[JOB_HOOKS];
	int64_t repeat_ms;
	unsigned given;
};

/* The jobs, or the handlers. */
struct loader_set {
	const char *name;     /* "jobs" */
	const char *defaults; /* "defaults" */
	unsigned of;          /* enum key_of, of the keys that it has */
	struct job **job;     /* in the jobfile, n of them */
	size_t *n;
	struct job builtin; /* what no file says */
	struct job
	    by_default;   /* of `defaults`; `written` tells what it gives */
	uint32_t *hashes; /* of each one's command and variables */
};

/* A file that is being read, and the one that includes it. */
struct loader_source {
	const char *name; /* for messages; lives as long as the jobfile */
	const char *dir;  /* where its own includes start */
	uint64_t device, inode;
	int depth;
	const struct loader_source *from;
};

struct loader {
	struct jobfile *file;
	unsigned flags;
	struct errlist *errors, *warnings;
	struct arena *arena; /* the jobfile's */
	const struct loader_source *source;
	const char *path[LOADER_PATH_MAX]; /* "jobs", name, key, part */
	size_t path_len;

	struct loader_set jobs, handlers;
	struct loader_set *set; /* of the job or defaults that are read */
	const char *name;       /* of the job that is read; NULL elsewhere */
	size_t index;           /* likewise */
	struct map keys;        /* of a job, to struct key */
	const struct key *guess[LOADER_GUESSES]; /* by their place in a job */
	size_t cron, interval, command, handler; /* their indices */
	struct loader_anchor default_anchor;     /* text NULL if none */
	struct loader_anchor *anchors;
	struct loader_ref *refs, default_ref; /* by index; file NULL if none */
	size_t n_refs;
	struct keyset seen; /* the file's keys that came */

	struct loader_hooks hooks;
	struct map known_hooks; /* to struct hooks_own */
	struct hooks_own *file_hooks, *no_hooks;
	struct keyset hook_keys; /* those of a job that the file's hooks give */
	struct arena scratch;    /* forgotten with the loader */

	struct map schedules; /* up to LOADER_SCHEDULES; see list.c */
	/* The zone asked for last: most jobs have the one before's. */
	const char *zone_name;
	const struct zone *zone;

	/* Files in the order read, by which errors are sorted. */
	const char **sources;
	size_t n_sources;
	bool has_failed; /* a file could not be read to its end */
};

/* "job" or "handler" */
static inline const char *
loader_noun(const struct loader_set *set)
{
	return set->of == KEY_OF_HANDLER ? "handler" : "job";
}

void loader_push(struct loader *l, const char *key);
void loader_pop(struct loader *l);

static inline struct place
loader_place(const struct loader *l, const struct yaml_node *node)
{
	return (struct place){ l->source != NULL ? l->source->name : NULL,
		node->line, node->col };
}

/*
 * A key that no table has, or that is not whose map it stands in: told apart
 * by what may have been meant.
 */
void loader_unknown(struct loader *l, const struct yaml_node *name, bool is_job,
    const char *group);
/* Report at a place, with the path of keys before it. Both return false. */
bool loader_error(struct loader *l, struct place at, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* The same for an error of another layer; its place is kept if it has one. */
bool loader_fail(struct loader *l, struct place at, const struct err *err);
#ifdef __clang_analyzer__ /* see err.h */
#define loader_error(...) (loader_error(__VA_ARGS__), false)
#endif
void loader_warn(struct loader *l, struct place at, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

static inline bool
value_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* All jobs are there: their array stands still, and is found by names. */
void finish_names(struct loader *l);
/* All files read: settle defaults, check keys against one another, warn. */
void finish_jobs(struct loader *l);
/* What is legal but rarely meant, of jobs without an error; into warnings. */
void warn_jobs(struct loader *l);

/*
 * Open what is a regular file, and not too large. *fd is the caller's to
 * close; err has no path and no place.
 */
struct stat;
bool source_open(
    const char *path, int *fd, struct stat *st, struct err *err) MUST_CHECK;
/*
 * For root: does the file, and do the directories above, belong to root and
 * are writable by nobody else? If not, err says what is wrong.
 */
bool source_is_safe(
    const char *path, const struct stat *st, struct err *err) MUST_CHECK;

#endif
