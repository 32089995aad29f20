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
#include "lib/store/spool_op.h"

/*
 * The format: a line that names it and its version, the id, the number of
 * operations, the operations, and a hash of all before.
 */
#define SPOOL_MAGIC "wjobs spool 1\n"
#define SPOOL_MAX   (256 << 20)

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
	spool_op_put_number(&bytes, (int64_t)spool->n);
	for (op = spool->first; op != NULL; op = op->next)
		spool_op_put(&bytes, op);
	spool_op_put_number(&bytes, (int64_t)hash_bytes(bytes.s, bytes.len, 0));
	is_done = write_file(path, &bytes, err);
	str_release(&bytes);
	return is_done;
}

static bool
parse(struct spool_reader *in, struct spool *spool)
{
	struct store_op **end = &spool->first, *op;
	const unsigned char *id = spool_op_take_bytes(in, sizeof spool->id.b);
	uint64_t n = (uint64_t)spool_op_take_number(in);

	if (id != NULL)
		memcpy(spool->id.b, id, sizeof spool->id.b);
	while (!in->is_bad && spool->n < n) {
		if ((op = spool_op_take(in)) == NULL)
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
	struct spool_reader last;
	size_t magic = sizeof SPOOL_MAGIC - 1;

	if (n < magic + 8 || memcmp(bytes, SPOOL_MAGIC, magic) != 0)
		return false;
	last = (struct spool_reader){ (const unsigned char *)bytes + n - 8, 8,
		false };
	return (uint64_t)spool_op_take_number(&last) ==
	    hash_bytes(bytes, n - 8, 0);
}

enum spool_loaded
spool_load(const char *path, struct spool *spool, struct err *err)
{
	struct spool found = { 0 };
	struct spool_reader in;
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
		in = (struct spool_reader){ (unsigned char *)bytes + magic,
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
