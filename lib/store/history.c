#include "lib/store/history.h"

#include <stdlib.h>

#include "lib/store/backend.h"

bool
history_list(struct store *store, const struct history_filter *filter,
    history_fn *each, void *data, struct err *err)
{
	return store->ops->list(store, filter, each, data, err);
}

bool
history_find(struct store *store, const char *prefix, bool with_output,
    struct record *record, bool *found, struct err *err)
{
	return store->ops->find(store, prefix, with_output, record, found, err);
}

bool
history_last(struct store *store, const char *job, struct record *record,
    bool *found, struct err *err)
{
	return store->ops->last(store, job, record, found, err);
}

bool
history_jobs(struct store *store, const char *job, struct history_job **jobs,
    size_t *n, struct err *err)
{
	return store->ops->jobs(store, job, jobs, n, err);
}

void
history_jobs_release(struct history_job *jobs, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		free(jobs[i].name);
		free(jobs[i].kind);
		free(jobs[i].last_error);
	}
	free(jobs);
}

bool
history_sample(struct store *store, const char *job, int64_t since_ms,
    struct history_sample *sample, struct err *err)
{
	return store->ops->sample(store, job, since_ms, sample, err);
}

void
history_sample_release(struct history_sample *sample)
{
	free(sample->duration_ms);
	free(sample->last_error);
	*sample = (struct history_sample){ 0 };
}
