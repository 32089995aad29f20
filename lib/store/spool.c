#include "lib/store/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/backend.h"

/*
 * The format: a line that names it and its version, the id, the number of
 * operations, the operations, and a hash of all before. Numbers are eight
 * bytes, least first; a text is its length plus one and its bytes, 0 where
 * there is none.
 */
#define SPOOL_MAGIC "wjobs spool 1\n"
#define SPOOL_MAX   (256 << 20)

static void
put_number(struct str *out, int64_t value)
{
	uint64_t v = (uint64_t)value;
	char bytes[8];
	int i;

	for (i = 0; i < 8; i++, v >>= 8)
		bytes[i] = (char)(v & 0xff);
	str_addn(out, bytes, sizeof bytes);
}

static void
put_bytes(struct str *out, const char *bytes, size_t n)
{
	put_number(out, bytes != NULL ? (int64_t)n + 1 : 0);
	if (bytes != NULL)
		str_addn(out, bytes, n);
}

static void
put_text(struct str *out, const char *text)
{
	put_bytes(out, text, text != NULL ? strlen(text) : 0);
}

static void
put_identity(struct str *out, const struct identity *id)
{
	put_number(out, id->pid);
	put_number(out, (int64_t)id->start_ticks);
	put_text(out, id->boot_id);
}

/* The numbers of a record in one order, for both ways. */
#define RECORD_NUMBERS 17

static void
list_numbers(const struct record *r, int64_t number[RECORD_NUMBERS])
{
	const int64_t list[RECORD_NUMBERS] = { r->status, r->trigger, r->reason,
		r->attempt, r->scheduled_ms, r->started_ms, r->completed_ms,
		r->duration_ms, r->retry_at_ms, r->exit_code, r->signal,
		(int64_t)r->fence, r->user_us, r->system_us, r->max_rss_kb,
		r->output_bytes, r->count };

	memcpy(number, list, sizeof list);
}

/* Of an operation with all that a shared store asks for, beside its kind. */
#define SPOOL_SHARED 0x100

static void
put_shared(struct str *out, const struct store_op *op)
{
	put_number(out, op->before_ms);
	put_number(out, (int64_t)op->schedule);
	put_number(out, op->gap.from_ms);
	put_number(out, op->gap.to_ms);
	put_text(out, op->lock);
}

static void
put_op(struct str *out, const struct store_op *op)
{
	const struct record *r = &op->record;
	int64_t number[RECORD_NUMBERS];
	size_t i;

	put_number(out, op->is_shared ? op->kind | SPOOL_SHARED : op->kind);
	put_number(out, op->watermark_ms);
	if (op->is_shared)
		put_shared(out, op);
	str_addn(out, (const char *)r->id.b, sizeof r->id.b);
	list_numbers(r, number);
	for (i = 0; i < RECORD_NUMBERS; i++)
		put_number(out, number[i]);
	put_text(out, r->job);
	put_text(out, r->kind);
	put_text(out, r->error);
	put_text(out, r->worker);
	put_text(out, r->metadata);
	put_text(out, r->attempts);
	put_identity(out, &r->owner);
	put_identity(out, &r->leader);
	put_bytes(out, r->head, r->head_len);
	put_bytes(out, r->tail, r->tail_len);
}

static bool
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = write(fd, p, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return false;
		p += k;
		n -= (size_t)k;
	}
	return fsync(fd) == 0;
}

/* So that the name is there after a power cut, too. */
static void
sync_dir(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash != NULL
	    ? mem_strndup(path, (size_t)(slash - path) + 1)
	    : mem_strdup(".");
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(dir);
}

static bool
write_file(const char *path, const struct str *bytes, struct err *err)
{
	char *draft = mem_printf("%s.new", path);
	int fd;
	bool is_done;

	unlink(draft);
	fd = open(
	    draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	is_done = fd >= 0 && write_all(fd, bytes->s, bytes->len) &&
	    rename(draft, path) == 0;
	if (!is_done) {
		err_sys(err, errno, "cannot save the spool '%s'", path);
		unlink(draft);
	}
	if (fd >= 0)
		close(fd);
	if (is_done)
		sync_dir(path);
	free(draft);
	return is_done;
}

bool
spool_save(const char *path, const struct spool *spool, struct err *err)
{
	struct str bytes = { 0 };
	const struct store_op *op;
	bool is_done;

	str_add(&bytes, SPOOL_MAGIC);
	str_addn(&bytes, (const char *)spool->id.b, sizeof spool->id.b);
	put_number(&bytes, (int64_t)spool->n);
	for (op = spool->first; op != NULL; op = op->next)
		put_op(&bytes, op);
	put_number(&bytes, (int64_t)hash_bytes(bytes.s, bytes.len, 0));
	is_done = write_file(path, &bytes, err);
	str_release(&bytes);
	return is_done;
}

/* What is left to read; `is_bad` once something did not fit. */
struct reader {
	const unsigned char *p;
	size_t left;
	bool is_bad;
};

static const unsigned char *
take(struct reader *in, size_t n)
{
	const unsigned char *p = in->p;

	if (in->is_bad || n > in->left) {
		in->is_bad = true;
		return NULL;
	}
	in->p += n;
	in->left -= n;
	return p;
}

static int64_t
take_number(struct reader *in)
{
	const unsigned char *p = take(in, 8);
	uint64_t v = 0;
	int i;

	for (i = 7; p != NULL && i >= 0; i--)
		v = v << 8 | p[i];
	return (int64_t)v;
}

static char *
take_bytes(struct reader *in, size_t *n)
{
	uint64_t len = (uint64_t)take_number(in);
	const unsigned char *p;

	*n = 0;
	if (len == 0 || (p = take(in, (size_t)len - 1)) == NULL)
		return NULL;
	*n = (size_t)len - 1;
	return mem_strndup((const char *)p, *n);
}

static char *
take_text(struct reader *in)
{
	size_t n;
	char *text = take_bytes(in, &n);

	if (text != NULL && strlen(text) != n)
		in->is_bad = true;
	return text;
}

static void
take_identity(struct reader *in, struct identity *id)
{
	char *boot;

	id->pid = take_number(in);
	id->start_ticks = (uint64_t)take_number(in);
	boot = take_text(in);
	if (boot == NULL || strlen(boot) >= sizeof id->boot_id)
		in->is_bad = true;
	else
		memcpy(id->boot_id, boot, strlen(boot) + 1);
	free(boot);
}

static void
take_record_numbers(struct reader *in, struct record *r)
{
	int64_t n[RECORD_NUMBERS];
	size_t i;

	for (i = 0; i < RECORD_NUMBERS; i++)
		n[i] = take_number(in);
	if (n[0] < 0 || n[0] >= RECORD_STATUSES || n[1] < 0 ||
	    n[1] >= RECORD_TRIGGERS || n[2] < 0 || n[2] >= RECORD_REASONS) {
		in->is_bad = true;
		return;
	}
	r->status = (enum record_status)n[0];
	r->trigger = (enum record_trigger)n[1];
	r->reason = (enum record_reason)n[2];
	r->attempt = (int)n[3];
	r->scheduled_ms = n[4];
	r->started_ms = n[5];
	r->completed_ms = n[6];
	r->duration_ms = n[7];
	r->retry_at_ms = n[8];
	r->exit_code = (int)n[9];
	r->signal = (int)n[10];
	r->fence = (uint64_t)n[11];
	r->user_us = n[12];
	r->system_us = n[13];
	r->max_rss_kb = n[14];
	r->output_bytes = n[15];
	r->count = n[16];
}

static void
take_shared(struct reader *in, struct store_op *op)
{
	op->is_shared = true;
	op->before_ms = take_number(in);
	op->schedule = (uint64_t)take_number(in);
	op->gap.from_ms = take_number(in);
	op->gap.to_ms = take_number(in);
	op->lock = take_text(in);
}

static struct store_op *
take_op(struct reader *in)
{
	int64_t number = take_number(in), kind = number & ~SPOOL_SHARED;
	struct store_op *op;
	struct record *r;
	const unsigned char *id;

	if (kind < 0 || kind > STORE_ONCE) {
		in->is_bad = true;
		return NULL;
	}
	op = store_op_new((enum store_op_kind)kind, NULL);
	r = &op->record;
	op->watermark_ms = take_number(in);
	if (kind != number)
		take_shared(in, op);
	if ((id = take(in, sizeof r->id.b)) != NULL)
		memcpy(r->id.b, id, sizeof r->id.b);
	take_record_numbers(in, r);
	r->job = take_text(in);
	r->kind = take_text(in);
	r->error = take_text(in);
	r->worker = take_text(in);
	r->metadata = take_text(in);
	r->attempts = take_text(in);
	take_identity(in, &r->owner);
	take_identity(in, &r->leader);
	r->head = take_bytes(in, &r->head_len);
	r->tail = take_bytes(in, &r->tail_len);
	return op;
}

static bool
parse(struct reader *in, struct spool *spool)
{
	struct store_op **end = &spool->first, *op;
	const unsigned char *id = take(in, sizeof spool->id.b);
	uint64_t n = (uint64_t)take_number(in);

	if (id != NULL)
		memcpy(spool->id.b, id, sizeof spool->id.b);
	while (!in->is_bad && spool->n < n) {
		if ((op = take_op(in)) == NULL)
			break;
		*end = op;
		end = &op->next;
		spool->n++;
	}
	return !in->is_bad && in->left == 0;
}

/* The whole file, or NULL with err; *n is 0 where there is none. */
static char *
read_file(const char *path, size_t *n, struct err *err)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	char *bytes = NULL;
	ssize_t k = -1;

	if (fd < 0 || fstat(fd, &st) != 0) {
		err_sys(err, errno, "cannot read the spool '%s'", path);
	} else if (!S_ISREG(st.st_mode) || st.st_size > SPOOL_MAX) {
		err_set(err, ERR_SYSTEM, "'%s' is no spool file", path);
	} else {
		bytes = mem_alloc((size_t)st.st_size);
		k = read(fd, bytes, (size_t)st.st_size);
	}
	if (fd >= 0)
		close(fd);
	if (bytes != NULL && k != st.st_size) {
		err_set(err, ERR_SYSTEM, "cannot read all of '%s'", path);
		free(bytes);
		return NULL;
	}
	*n = bytes != NULL ? (size_t)k : 0;
	return bytes;
}

static bool
is_whole(const char *bytes, size_t n)
{
	struct reader last;
	size_t magic = sizeof SPOOL_MAGIC - 1;

	if (n < magic + 8 || memcmp(bytes, SPOOL_MAGIC, magic) != 0)
		return false;
	last = (struct reader){ (const unsigned char *)bytes + n - 8, 8,
		false };
	return (uint64_t)take_number(&last) == hash_bytes(bytes, n - 8, 0);
}

enum spool_loaded
spool_load(const char *path, struct spool *spool, struct err *err)
{
	struct spool found = { 0 };
	struct reader in;
	struct stat st;
	size_t n, magic = sizeof SPOOL_MAGIC - 1;
	char *bytes;
	bool is_good;

	if (lstat(path, &st) != 0 && errno == ENOENT)
		return SPOOL_NONE;
	bytes = read_file(path, &n, err);
	if (bytes == NULL)
		return SPOOL_DAMAGED;
	is_good = is_whole(bytes, n);
	if (is_good) {
		in = (struct reader){ (unsigned char *)bytes + magic,
			n - magic - 8, false };
		is_good = parse(&in, &found);
	}
	free(bytes);
	if (!is_good) {
		spool_release(&found);
		err_set(err, ERR_SYSTEM, "the spool '%s' is damaged", path);
		return SPOOL_DAMAGED;
	}
	*spool = found;
	return SPOOL_LOADED;
}

void
spool_release(struct spool *spool)
{
	struct store_op *op, *next;

	for (op = spool->first; op != NULL; op = next) {
		next = op->next;
		store_op_free(op);
	}
	*spool = (struct spool){ 0 };
}

/* The spool as a batch that is applied only once. */
static struct store_op **
spool_batch(struct spool *spool, size_t *n)
{
	struct store_op **ops = mem_alloc(
	    (spool->n + 1) * sizeof(struct store_op *));
	struct store_op *op;

	*n = 0;
	ops[*n] = store_op_new(STORE_ONCE, NULL);
	ops[(*n)++]->record.id = spool->id;
	for (op = spool->first; op != NULL; op = op->next)
		ops[(*n)++] = op;
	return ops;
}

bool
spool_take_in(const char *path, struct store *store, struct err *err)
{
	struct spool spool;
	struct store_op **ops;
	size_t n;
	bool ok;

	switch (spool_load(path, &spool, err)) {
	case SPOOL_NONE:
		return true;
	case SPOOL_DAMAGED:
		return false;
	case SPOOL_LOADED:
		break;
	}
	ops = spool_batch(&spool, &n);
	ok = store_apply(store, ops, n, err);
	if (ok)
		unlink(path);
	store_op_free(ops[0]);
	free(ops);
	spool_release(&spool);
	return ok;
}

/* How far an operation says that its job's instants are settled. */
static int64_t
spool_watermark(const struct store_op *op)
{
	return store_op_claims(op) ? op->record.scheduled_ms : op->watermark_ms;
}

void
spool_correct(const char *path, struct store_start *start)
{
	struct spool spool;
	struct store_op *op;
	struct err err;
	size_t i;

	if (spool_load(path, &spool, &err) != SPOOL_LOADED)
		return;
	for (op = spool.first; op != NULL; op = op->next)
		for (i = 0; i < start->jobs; i++)
			if (op->record.job != NULL &&
			    strcmp(op->record.job, start->job[i].name) == 0 &&
			    spool_watermark(op) > start->job[i].watermark_ms)
				start->job[i].watermark_ms = spool_watermark(
				    op);
	spool_release(&spool);
}
