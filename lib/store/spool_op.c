#include "lib/store/spool_op.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

void
spool_op_put_number(struct str *out, int64_t value)
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
	spool_op_put_number(out, bytes != NULL ? (int64_t)n + 1 : 0);
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
	spool_op_put_number(out, id->pid);
	spool_op_put_number(out, (int64_t)id->start_ticks);
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
/* Of an end that people may be told of: what is told already stays so. */
#define SPOOL_TELL 0x200

static void
put_shared(struct str *out, const struct store_op *op)
{
	spool_op_put_number(out, op->before_ms);
	spool_op_put_number(out, (int64_t)op->schedule);
	spool_op_put_number(out, op->gap.from_ms);
	spool_op_put_number(out, op->gap.to_ms);
	put_text(out, op->lock);
}

static void
put_record(struct str *out, const struct record *r)
{
	int64_t number[RECORD_NUMBERS];
	size_t i;

	str_addn(out, (const char *)r->id.b, sizeof r->id.b);
	list_numbers(r, number);
	for (i = 0; i < RECORD_NUMBERS; i++)
		spool_op_put_number(out, number[i]);
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

/* The numbers of work in one order, for both ways. */
#define WORK_NUMBERS 16

static void
list_work(const struct work_op *op, int64_t number[WORK_NUMBERS])
{
	const struct work *w = &op->work;
	const int64_t list[WORK_NUMBERS] = { op->kind, op->has_history,
		op->delay_ms, op->size, op->is_running, op->is_all, w->state,
		w->priority, w->lead_ms, w->created_ms, w->due_ms, w->attempts,
		w->crashes, w->retry_max, w->retry_delay_ms, w->timeout_ms };

	memcpy(number, list, sizeof list);
}

static void
put_work(struct str *out, const struct work_op *op)
{
	const struct work *w = &op->work;
	int64_t number[WORK_NUMBERS];
	size_t i;

	list_work(op, number);
	for (i = 0; i < WORK_NUMBERS; i++)
		spool_op_put_number(out, number[i]);
	str_addn(out, (const char *)w->id.b, sizeof w->id.b);
	str_addn(out, (const char *)w->take.b, sizeof w->take.b);
	put_text(out, w->key);
	put_bytes(out, w->payload, w->payload_len);
	put_record(out, &w->record);
}

void
spool_op_put(struct str *out, const struct store_op *op)
{
	bool is_telling = op->tell_again_ms != STORE_TELL_NOBODY;

	spool_op_put_number(out,
	    op->kind | (op->is_shared ? SPOOL_SHARED : 0) |
		(is_telling ? SPOOL_TELL : 0));
	spool_op_put_number(out, op->watermark_ms);
	if (is_telling)
		spool_op_put_number(out, op->tell_again_ms);
	if (op->is_shared)
		put_shared(out, op);
	put_record(out, &op->record);
	if (op->kind == STORE_WORK)
		put_work(out, op->work);
}

const unsigned char *
spool_op_take_bytes(struct spool_reader *in, size_t n)
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

int64_t
spool_op_take_number(struct spool_reader *in)
{
	const unsigned char *p = spool_op_take_bytes(in, 8);
	uint64_t v = 0;
	int i;

	for (i = 7; p != NULL && i >= 0; i--)
		v = v << 8 | p[i];
	return (int64_t)v;
}

static char *
take_bytes(struct spool_reader *in, size_t *n)
{
	uint64_t len = (uint64_t)spool_op_take_number(in);
	const unsigned char *p;

	*n = 0;
	if (len == 0 || (p = spool_op_take_bytes(in, (size_t)len - 1)) == NULL)
		return NULL;
	*n = (size_t)len - 1;
	return mem_strndup((const char *)p, *n);
}

static char *
take_text(struct spool_reader *in)
{
	size_t n;
	char *text = take_bytes(in, &n);

	if (text != NULL && strlen(text) != n)
		in->is_bad = true;
	return text;
}

static void
take_identity(struct spool_reader *in, struct identity *id)
{
	char *boot;

	id->pid = spool_op_take_number(in);
	id->start_ticks = (uint64_t)spool_op_take_number(in);
	boot = take_text(in);
	if (boot == NULL || strlen(boot) >= sizeof id->boot_id)
		in->is_bad = true;
	else
		memcpy(id->boot_id, boot, strlen(boot) + 1);
	free(boot);
}

static void
take_record_numbers(struct spool_reader *in, struct record *r)
{
	int64_t n[RECORD_NUMBERS];
	size_t i;

	for (i = 0; i < RECORD_NUMBERS; i++)
		n[i] = spool_op_take_number(in);
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
take_shared(struct spool_reader *in, struct store_op *op)
{
	op->is_shared = true;
	op->before_ms = spool_op_take_number(in);
	op->schedule = (uint64_t)spool_op_take_number(in);
	op->gap.from_ms = spool_op_take_number(in);
	op->gap.to_ms = spool_op_take_number(in);
	op->lock = take_text(in);
}

static void
take_ulid(struct spool_reader *in, struct ulid *id)
{
	const unsigned char *p = spool_op_take_bytes(in, sizeof id->b);

	if (p != NULL)
		memcpy(id->b, p, sizeof id->b);
}

static void
take_record(struct spool_reader *in, struct record *r)
{
	take_ulid(in, &r->id);
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
}

static struct work_op *
take_work(struct spool_reader *in)
{
	int64_t n[WORK_NUMBERS];
	struct work_op *op;
	struct work *w;
	size_t i;

	for (i = 0; i < WORK_NUMBERS; i++)
		n[i] = spool_op_take_number(in);
	if (n[0] < 0 || n[0] > WORK_PURGE || n[0] == WORK_TAKE || n[6] < 0 ||
	    n[6] >= WORK_STATES) {
		in->is_bad = true;
		n[0] = WORK_RELEASE;
		n[6] = WORK_READY;
	}
	op = work_op_new((enum work_op_kind)n[0]);
	w = &op->work;
	op->has_history = n[1] != 0;
	op->delay_ms = n[2];
	op->size = (int)n[3];
	op->is_running = n[4] != 0;
	op->is_all = n[5] != 0;
	w->state = (enum work_state)n[6];
	w->priority = (int)n[7];
	w->lead_ms = n[8];
	w->created_ms = n[9];
	w->due_ms = n[10];
	w->attempts = (int)n[11];
	w->crashes = (int)n[12];
	w->retry_max = (int)n[13];
	w->retry_delay_ms = n[14];
	w->timeout_ms = n[15];
	take_ulid(in, &w->id);
	take_ulid(in, &w->take);
	w->key = take_text(in);
	w->payload = take_bytes(in, &w->payload_len);
	take_record(in, &w->record);
	return op;
}

struct store_op *
spool_op_take(struct spool_reader *in)
{
	int64_t number = spool_op_take_number(in),
		kind = number & ~(SPOOL_SHARED | SPOOL_TELL);
	struct store_op *op;

	if (kind < 0 || kind > STORE_WORK) {
		in->is_bad = true;
		return NULL;
	}
	op = store_op_new((enum store_op_kind)kind, NULL);
	op->watermark_ms = spool_op_take_number(in);
	if (number & SPOOL_TELL)
		op->tell_again_ms = spool_op_take_number(in);
	if (number & SPOOL_SHARED)
		take_shared(in, op);
	take_record(in, &op->record);
	if (kind == STORE_WORK)
		op->work = take_work(in);
	return op;
}
