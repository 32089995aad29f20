/*
 * jobfile -k: print each key, "job NAME|DEFAULT" or "file NAME|DEFAULT", and
 * behind another bar the default of a handler where it differs.
 * jobfile [-j | -q] [-o] [-n] [-s] [-t] [-m] FILE [JOB]: load a jobfile as the
 * library does and print its errors, warnings ("warning: ...") and jobs; of JOB
 * each key. -j it must be a job, -q a handler, -o print how many sets of hooks
 * the jobs share, -n no environment, -s it must be safe, -t trust it, -m parse
 * from memory with no `include`. Exits with 78 where there are errors.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/jobfile/jobfile.h"
#include "lib/jobfile/keys.h"
#include "lib/time/zone.h"

static void
print_list(const char *prefix, const struct errlist *list)
{
	char line[2048];
	size_t i;

	for (i = 0; i < list->len; i++) {
		err_format(&list->item[i], line, sizeof line);
		printf("%s%s\n", prefix, line);
	}
	if (list->dropped != 0)
		printf("%s%zu more\n", prefix, list->dropped);
}

static void
show(void *data, const char *key, const char *value, bool is_default)
{
	(void)data;
	printf("%s: %s%s\n", key, value, is_default ? " (default)" : "");
}

static bool
load_memory(const char *path, unsigned flags, struct jobfile *file,
    struct errlist *errors, struct errlist *warnings)
{
	char *text = mem_alloc(1 << 20);
	FILE *in = fopen(path, "rb");
	bool ok = false;
	size_t n;

	if (in != NULL) {
		n = fread(text, 1, 1 << 20, in);
		fclose(in);
		ok = jobfile_parse(path, text, n, flags | JOBFILE_NO_INCLUDE,
		    file, errors, warnings);
	}
	free(text);
	return ok;
}

static void
print_queue(const struct jobfile *file)
{
	printf("store queue %s, workers %d, size %d, aging %lld\n",
	    jobfile_queue(file), file->queue_workers, file->queue_size,
	    (long long)file->queue_aging_ms);
}

static const struct job *
find(const struct jobfile *file, const char *name, char what, struct err *err)
{
	const struct job *job = map_find(&file->names, name);

	if (what == 'q')
		return jobfile_find_handler(file, name, err);
	if (what == 'j' || job == NULL)
		return jobfile_find(file, name, err);
	return job;
}

static int
print_hooks(const struct jobfile *file)
{
	size_t i, k, n = 0;

	for (i = 0; i < file->n; i++) {
		for (k = 0; k < i; k++)
			if (file->job[k].hooks == file->job[i].hooks)
				break;
		n += k == i && file->job[i].hooks != NULL;
	}
	printf("%zu\n", n);
	return 0;
}

static int
print_file(const struct jobfile *file, const char *name, char what)
{
	struct err err;
	size_t i;

	if (name != NULL) {
		const struct job *job = find(file, name, what, &err);
		if (job == NULL) {
			printf("%s\n", err.msg);
			return 3;
		}
		jobfile_show(file, job, show, NULL);
		return 0;
	}
	if (what == 'o')
		return print_hooks(file);
	printf("store %s, pool %d, keep %d, shell %s\n", file->store,
	    file->pool_size, file->history_keep, file->shell);
	if (file->locking != NULL || file->history_store != NULL ||
	    jobfile_is_shared(file))
		printf("store claims %s, history %s, replicas %d%s\n",
		    jobfile_claims(file) != NULL ? jobfile_claims(file)
						 : "none",
		    jobfile_history(file), file->min_replicas,
		    jobfile_is_shared(file) ? ", shared" : "");
	if (file->handlers != 0)
		print_queue(file);
	for (i = 0; i < file->n; i++)
		printf("%s %s\n", file->job[i].name,
		    job_kind_name(file->job[i].kind));
	for (i = 0; i < file->handlers; i++)
		printf("%s %s\n", file->handler[i].name,
		    job_kind_name(file->handler[i].kind));
	return 0;
}

static int
print_keys(const char *what, const struct key *keys, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		printf("%s %s|%s%s%s\n", what, keys[i].name,
		    keys[i].text != NULL        ? keys[i].text
			: keys[i].words != NULL ? keys[i].words
						: "",
		    keys[i].handler_text != NULL ? "|" : "",
		    keys[i].handler_text != NULL ? keys[i].handler_text : "");
	return 0;
}

int
main(int argc, char **argv)
{
	struct errlist errors = { 0 }, warnings = { 0 };
	bool is_memory = false, ok;
	struct jobfile file = { 0 };
	unsigned flags = 0;
	int c, status = 78;
	char what = '\0';

	while ((c = getopt(argc, argv, "jqoknstm")) != -1) {
		if (c == 'k')
			return print_keys("file", keys_file, keys_file_len) +
			    print_keys("job", keys_job, keys_job_len);
		flags |= c == 'n' ? (unsigned)JOBFILE_NO_ENV : 0;
		flags |= c == 's' ? (unsigned)JOBFILE_MUST_BE_SAFE : 0;
		flags |= c == 't' ? (unsigned)JOBFILE_TRUST_FILE : 0;
		is_memory |= c == 'm';
		what = strchr("jqo", c) != NULL ? (char)c : what;
	}
	if (optind >= argc)
		return 2;
	ok = (is_memory ? load_memory : jobfile_load)(
	    argv[optind], flags, &file, &errors, &warnings);
	print_list("", &errors);
	print_list("warning: ", &warnings);
	if (ok) {
		status = print_file(&file, argv[optind + 1], what);
		jobfile_release(&file);
	}
	errlist_release(&errors);
	errlist_release(&warnings);
	zone_forget_all();
	return status;
}
