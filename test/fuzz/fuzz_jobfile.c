/*
 * Jobfiles from anywhere. What is refused must have said why, at a place; what
 * is read must be fit to run: each job with a command, a schedule that fires,
 * and keys that can be shown. No file is read but this, not even zones.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/jobfile/jobfile.h"
#include "test/fuzz/must.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* What a jobfile may ask for from outside is the same in each run. */
static void
settle(void)
{
	static bool is_settled;

	if (is_settled)
		return;
	setenv("TZ", "UTC", 1);
	setenv("TZDIR", "/nowhere", 1);
	setenv("SET", "a value", 1);
	is_settled = true;
}

static void
note(void *data, const char *key, const char *value, bool is_default)
{
	(void)is_default;
	must(*key != '\0' && *value != '\0');
	++*(int *)data;
}

static void
look(const struct jobfile *file)
{
	struct err err;
	size_t i;

	must(file->n + file->handlers > 0 && file->zone != NULL &&
	    file->store != NULL);
	for (i = 0; i < file->n; i++) {
		const struct job *job = &file->job[i];
		int shown = 0;

		must((job->command != NULL) + (job->argv != NULL) +
			(job->handler != NULL) ==
		    1);
		must(job->handler == NULL ||
		    jobfile_find_handler(file, job->handler, &err) != NULL);
		must(job->when.zone != NULL && *job->working_dir == '/');
		must(when_next(&job->when, 0) > 0);
		must(jobfile_find(file, job->name, &err) == job);
		jobfile_show(file, job, note, &shown);
		must(shown > 10);
		must(job_delay_ms(job) <= job->jitter_ms);
	}
	for (i = 0; i < file->handlers; i++) {
		const struct job *job = &file->handler[i];
		int shown = 0;

		must((job->command != NULL) != (job->argv != NULL));
		must(job->handler == NULL && job->kind == JOB_HANDLER);
		must(job->workers > 0 && job->when.zone != NULL);
		must(when_next(&job->when, 0) == WHEN_NEVER);
		must(jobfile_find_handler(file, job->name, &err) == job);
		jobfile_show(file, job, note, &shown);
		must(shown > 10);
	}
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct errlist errors = { 0 }, warnings = { 0 };
	struct jobfile file;
	unsigned flags = JOBFILE_NO_INCLUDE | JOBFILE_TRUST_FILE;
	size_t i;

	settle();
	if (size > 0 && data[0] == '#')
		flags |= JOBFILE_NO_ENV;
	if (jobfile_parse("/fuzz.yaml", (const char *)data, size, flags, &file,
		&errors, &warnings)) {
		must(errors.len == 0);
		look(&file);
		jobfile_release(&file);
	} else {
		must(errors.len > 0);
	}
	for (i = 0; i < errors.len; i++)
		must(errors.item[i].msg[0] != '\0' &&
		    strcmp(errors.item[i].file, "/fuzz.yaml") == 0);
	errlist_release(&errors);
	errlist_release(&warnings);
	return 0;
}
