#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/redis.h"

/*
 * What is known of jobs. Counters are kept in a hash for each; a listing reads
 * those in one pipeline, and the few records that they name in another. Only
 * percentiles look at the runs.
 */

/* The fields of a job's hash that are read, in the order asked for. */
enum {
	JOB_KIND,
	JOB_LAST,
	JOB_LAST_RUN,
	JOB_SUCCESS,
	JOB_FAILURE,
	JOB_SUCCESSFUL,
	JOB_FAILED,
	JOB_SKIPPED,
	JOB_CANCELLED,
	JOB_LOST,
	JOB_TOTAL,
	JOB_SHORTEST,
	JOB_LONGEST,
	JOB_STRIP,
	JOB_FIELDS,
};
static const char *const job_field[JOB_FIELDS] = { "kind", "last", "last_run",
	"success", "failure", "successful", "failed", "skipped", "cancelled",
	"lost", "total", "shortest", "longest", "strip" };

/* A job, and the ids of the runs that it is told by. */
struct told {
	struct history_job job;
	bool has_success, has_failure;
	struct ulid success, failure;
};

struct telling {
	struct redis *rd;
	struct told *told; /* by name */
	size_t n;
};

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

bool
redis_job_names(struct redis *rd, char ***names, size_t *n, struct err *err)
{
	redisReply *reply;
	char **list;
	size_t i, len = 0;

	redis_args_clear(&rd->args);
	redis_args_text(&rd->args, "SMEMBERS");
	redis_args_key(&rd->args, rd->link, "jobs");
	if (!redis_link_call(rd->link, &rd->args, &reply, err))
		return false;
	if (reply->type != REDIS_REPLY_ARRAY) {
		freeReplyObject(reply);
		return redis_reply_bad(rd->link, "SMEMBERS", err);
	}
	list = mem_zalloc(reply->elements + 1, sizeof *list);
	for (i = 0; i < reply->elements; i++)
		if ((list[len] = redis_read_text(reply->element[i])) != NULL)
			len++;
	freeReplyObject(reply);
	qsort(list, len, sizeof *list, by_text);
	*names = list;
	*n = len;
	return true;
}

void
redis_job_names_free(char **names, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

int64_t
redis_number_or(const redisReply *reply, int64_t otherwise)
{
	int64_t n;

	return redis_read_ms(reply, &n) ? n : otherwise;
}

static void
push_job(struct redis *rd, const char *name)
{
	struct redis_args *args = &rd->args;
	size_t i;

	redis_args_clear(args);
	redis_args_text(args, "HMGET");
	redis_args_key(args, rd->link, "j:%s", name);
	for (i = 0; i < JOB_FIELDS; i++)
		redis_args_text(args, job_field[i]);
	redis_link_push(rd->link, args);
	redis_args_clear(args);
	redis_args_text(args, "HGET");
	redis_args_key(args, rd->link, "j:%s@%s", name, rd->host);
	redis_args_text(args, "last");
	redis_link_push(rd->link, args);
}

static void
read_strip(const redisReply *reply, struct history_job *job)
{
	const char *text, *mark, *marks = "cfxl";
	static const enum record_status status[] = { RECORD_COMPLETED,
		RECORD_FAILED, RECORD_CANCELLED, RECORD_LOST };
	size_t len, i;

	if (!redis_reply_text(reply, &text, &len))
		return;
	for (i = len > HISTORY_STRIP ? len - HISTORY_STRIP : 0; i < len; i++) {
		mark = text[i] != '\0' ? strchr(marks, text[i]) : NULL;
		if (mark != NULL)
			job->strip[job->strip_len++] = status[mark - marks];
	}
}

static void
read_job(const redisReply *reply, struct told *told)
{
	struct history_job *job = &told->job;
	const redisReply *at[JOB_FIELDS];
	size_t i;

	for (i = 0; i < JOB_FIELDS; i++)
		at[i] = redis_reply_at(reply, i);
	job->kind = redis_read_text(at[JOB_KIND]);
	job->watermark_ms = redis_number_or(at[JOB_LAST], CLOCK_NONE);
	job->successful = redis_number_or(at[JOB_SUCCESSFUL], 0);
	job->failed = redis_number_or(at[JOB_FAILED], 0);
	job->skipped = redis_number_or(at[JOB_SKIPPED], 0);
	job->cancelled = redis_number_or(at[JOB_CANCELLED], 0);
	job->lost = redis_number_or(at[JOB_LOST], 0);
	job->min_duration_ms = redis_number_or(at[JOB_SHORTEST], -1);
	job->max_duration_ms = redis_number_or(at[JOB_LONGEST], -1);
	job->total_duration_ms = (double)redis_number_or(at[JOB_TOTAL], 0);
	read_strip(at[JOB_STRIP], job);
	job->has_last = redis_read_ulid(at[JOB_LAST_RUN], &job->last_id);
	told->has_success = redis_read_ulid(at[JOB_SUCCESS], &told->success);
	told->has_failure = redis_read_ulid(at[JOB_FAILURE], &told->failure);
}

static void
init_job(struct history_job *job, const char *name)
{
	*job = (struct history_job){
		.name = mem_strdup(name),
		.watermark_ms = CLOCK_NONE,
		.last_started_ms = CLOCK_NONE,
		.last_completed_ms = CLOCK_NONE,
		.last_duration_ms = -1,
		.last_success_ms = CLOCK_NONE,
		.last_failure_ms = CLOCK_NONE,
		.min_duration_ms = -1,
		.max_duration_ms = -1,
	};
}

static bool
take_job(struct redis *rd, struct told *told, struct err *err)
{
	redisReply *hash = NULL, *own = NULL;
	bool is_good = redis_link_take(rd->link, &hash, err) &&
	    redis_link_take(rd->link, &own, err);
	int64_t last;

	if (is_good && hash->type != REDIS_REPLY_ARRAY)
		is_good = redis_reply_bad(rd->link, "HMGET", err);
	if (is_good) {
		read_job(hash, told);
		last = redis_number_or(own, CLOCK_NONE);
		if (last > told->job.watermark_ms)
			told->job.watermark_ms = last;
	}
	freeReplyObject(hash);
	freeReplyObject(own);
	return is_good;
}

/* Whatever went wrong, no reply of this pipeline is taken for another's. */
static bool
drop(struct redis *rd, bool is_good)
{
	if (!is_good)
		redis_link_drop(rd->link);
	return is_good;
}

static bool
read_hashes(struct telling *t, struct err *err)
{
	bool is_good = true;
	size_t i, k, end;

	for (i = 0; i < t->n && is_good; i = end) {
		end = t->n - i > REDIS_PIPELINE ? i + REDIS_PIPELINE : t->n;
		for (k = i; k < end; k++)
			push_job(t->rd, t->told[k].job.name);
		for (k = i; is_good && k < end; k++)
			is_good = take_job(t->rd, &t->told[k], err);
	}
	return drop(t->rd, is_good);
}

/* The records by which a job is told, and which of them one is. */
enum role { ROLE_LAST, ROLE_SUCCESS, ROLE_FAILURE, ROLES };

static const struct ulid *
id_of(const struct told *told, enum role role)
{
	switch (role) {
	case ROLE_LAST:
		return told->job.has_last ? &told->job.last_id : NULL;
	case ROLE_SUCCESS:
		return told->has_success ? &told->success : NULL;
	case ROLE_FAILURE:
		return told->has_failure ? &told->failure : NULL;
	case ROLES:
		break;
	}
	return NULL;
}

void
redis_push_fields(
    struct redis *rd, const struct ulid *id, const char *const *field, size_t n)
{
	char text[ULID_LEN + 1];
	size_t i;

	ulid_format(id, text);
	redis_args_clear(&rd->args);
	redis_args_text(&rd->args, "HMGET");
	redis_args_key(&rd->args, rd->link, "r:%s", text);
	for (i = 0; i < n; i++)
		redis_args_text(&rd->args, field[i]);
	redis_link_push(rd->link, &rd->args);
}

static void
read_run(const redisReply *reply, struct told *told, enum role role)
{
	struct history_job *job = &told->job;
	int64_t end = redis_number_or(redis_reply_at(reply, 2), CLOCK_NONE);

	switch (role) {
	case ROLE_LAST:
		job->has_last = redis_read_status(
		    redis_reply_at(reply, 0), &job->last_status);
		job->last_started_ms = redis_number_or(
		    redis_reply_at(reply, 1), CLOCK_NONE);
		job->last_completed_ms = end;
		job->last_duration_ms = redis_number_or(
		    redis_reply_at(reply, 3), -1);
		break;
	case ROLE_SUCCESS:
		job->last_success_ms = end;
		break;
	case ROLE_FAILURE:
		job->last_failure_ms = end;
		job->last_error = redis_read_text(redis_reply_at(reply, 4));
		break;
	case ROLES:
		break;
	}
}

static bool
take_runs(struct redis *rd, struct told *told, struct err *err)
{
	redisReply *reply;
	int role;

	for (role = 0; role < ROLES; role++) {
		if (id_of(told, (enum role)role) == NULL)
			continue;
		if (!redis_link_take(rd->link, &reply, err))
			return false;
		read_run(reply, told, (enum role)role);
		freeReplyObject(reply);
	}
	return true;
}

static bool
read_runs(struct telling *t, struct err *err)
{
	static const char *const field[] = { "status", "start", "end", "took",
		"error" };
	bool is_good = true;
	size_t i, k, end;
	int role;

	for (i = 0; i < t->n && is_good; i = end) {
		end = t->n - i > REDIS_PIPELINE ? i + REDIS_PIPELINE : t->n;
		for (k = i; k < end; k++)
			for (role = 0; role < ROLES; role++)
				if (id_of(&t->told[k], (enum role)role) != NULL)
					redis_push_fields(t->rd,
					    id_of(&t->told[k], (enum role)role),
					    field, ARRAY_LEN(field));
		for (k = i; is_good && k < end; k++)
			is_good = take_runs(t->rd, &t->told[k], err);
	}
	return drop(t->rd, is_good);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(a, ((const struct told *)b)->job.name);
}

static bool
count_live(void *data, const struct record *run)
{
	struct telling *t = data;
	struct told *told = bsearch(
	    run->job, t->told, t->n, sizeof *t->told, by_name);

	if (told != NULL && run->status == RECORD_RUNNING)
		told->job.running++;
	else if (told != NULL && run->status == RECORD_PENDING)
		told->job.pending++;
	return true;
}

/* The jobs asked for: all that are known, or the one if it is. */
static bool
find_jobs(struct telling *t, const char *job, struct err *err)
{
	char **names = NULL;
	size_t n = 0, i;

	if (!redis_job_names(t->rd, &names, &n, err))
		return false;
	t->told = mem_zalloc(n + 1, sizeof *t->told);
	for (i = 0; i < n; i++)
		if (job == NULL || strcmp(job, names[i]) == 0)
			init_job(&t->told[t->n++].job, names[i]);
	redis_job_names_free(names, n);
	return true;
}

bool
redis_jobs(struct store *store, const char *job, struct history_job **jobs,
    size_t *n, struct err *err)
{
	struct telling t = { .rd = (struct redis *)store };
	struct history_job *list;
	bool is_good = redis_is_ours(t.rd, err) && find_jobs(&t, job, err) &&
	    read_hashes(&t, err) && read_runs(&t, err) &&
	    (t.n == 0 || redis_each_live(t.rd, job, count_live, &t, err));
	size_t i;

	list = mem_zalloc(t.n + 1, sizeof *list);
	for (i = 0; i < t.n; i++)
		list[i] = t.told[i].job;
	free(t.told);
	if (!is_good) {
		history_jobs_release(list, t.n);
		return false;
	}
	*jobs = list;
	*n = t.n;
	return true;
}
