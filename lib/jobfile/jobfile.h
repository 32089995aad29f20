#ifndef WJOBS_JOBFILE_H
#define WJOBS_JOBFILE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/map.h"
#include "lib/base/str.h"
#include "lib/jobfile/job.h"

/*
 * A jobfile, read and checked. All its errors are found in one reading, each
 * with file:line:col; the keys are one table, in keys.c.
 */
struct jobfile {
	char *path; /* absolute; its last part may be a symbolic link */
	char *dir;  /* its directory, where relative paths start */
	const struct zone *zone; /* `timezone`, else the system's */
	const char *store;   /* as written, ${VAR} expanded; default wjobs.db */
	const char *locking; /* likewise, or "none"; NULL unless set */
	const char *history_store; /* likewise; NULL unless set */
	/*
	 * Variables that a Redis URL names: they may be its password, and no
	 * job is to have them. NULL-terminated; NULL where there is none.
	 */
	const char **hidden;
	int min_replicas;
	int pool_size;              /* default 32 */
	int history_keep;           /* runs a job; default 100 */
	int64_t history_max_age_ms; /* default 30d, or JOB_NO_LIMIT */
	int64_t stop_timeout_ms;    /* default 30s, or JOB_NO_LIMIT */
	const char *worker_id;      /* NULL unless set */
	const char *shell;
	const char **env;
	int queue_workers;       /* slots of handlers; default 4 */
	int queue_size;          /* how much work may wait; default 100 */
	int64_t queue_aging_ms;  /* default 60s; JOB_NO_LIMIT: strict order */
	const char *queue_store; /* as `store`; NULL unless set */
	struct job *job;         /* n of them, in the order of the file */
	size_t n;
	struct job *handler; /* likewise */
	size_t handlers;
	struct map names;    /* of both, to struct job */
	struct arena *arena; /* of all texts, and of the jobs' `when` */
};

/* Where instants are claimed, and where history lies: NULL is nowhere. */
const char *jobfile_claims(const struct jobfile *file);
const char *jobfile_history(const struct jobfile *file);
/* Where the queue lies: `queue.store`, else the store. */
const char *jobfile_queue(const struct jobfile *file);
/* Are instants claimed against other hosts: in a Redis? And the queue? */
bool jobfile_is_shared(const struct jobfile *file);
bool jobfile_queue_is_shared(const struct jobfile *file);

enum jobfile_flag {
	JOBFILE_NO_ENV = 1,       /* ${VAR} unset is no error: check --no-env */
	JOBFILE_TRUST_FILE = 2,   /* skip the permission checks */
	JOBFILE_MUST_BE_SAFE = 4, /* as root: unsafe permissions are an error,
				   not a warning; what `run` asks for */
	JOBFILE_NO_INCLUDE = 8,   /* refuse `include`: read no other file */
};

/*
 * Read the file at path. False where there is any error; the list then has all
 * of them, in the order of their places, and *file is released. Warnings come
 * with success too; NULL where nobody asks. Places name the file as `path` does;
 * what is not about its text, such as unsafe permissions, is at line 0.
 */
bool jobfile_load(const char *path, unsigned flags, struct jobfile *file,
    struct errlist *errors, struct errlist *warnings) MUST_CHECK;
/* The same from memory, for `-f -`, tests and fuzzing; path names it. */
bool jobfile_parse(const char *path, const char *text, size_t n, unsigned flags,
    struct jobfile *file, struct errlist *errors,
    struct errlist *warnings) MUST_CHECK;
void jobfile_release(struct jobfile *file);

/*
 * NULL and ERR_NOT_FOUND, with the nearest name, where there is none; of a
 * name of the other kind, the error says so.
 */
const struct job *
jobfile_find(const struct jobfile *file, const char *name, struct err *err);
const struct job *jobfile_find_handler(
    const struct jobfile *file, const char *name, struct err *err);

/*
 * Which file is meant: -f's argument if not NULL, else $WJOBS_FILE, else the
 * first that exists of ./wjobs.yaml, $XDG_CONFIG_HOME/wjobs/wjobs.yaml (or
 * ~/.config) and /etc/wjobs/wjobs.yaml. The caller's to free(3). NULL with err
 * (ERR_CONFIG, naming the places tried) where there is none.
 */
char *jobfile_locate(const char *option, struct err *err);

/*
 * The key table walked for people and for JSON: each key of a job with its
 * effective value as text, in the table's order; secrets are masked.
 * `is_default` is true where nobody wrote it. Keys with no value at all are
 * left out.
 */
typedef void jobfile_show_fn(
    void *data, const char *key, const char *value, bool is_default);
void jobfile_show(const struct jobfile *file, const struct job *job,
    jobfile_show_fn *show, void *data);

#endif
