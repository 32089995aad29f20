#include "lib/jobfile/hooks.h"

#include <string.h>

#include "lib/jobfile/list.h"
#include "lib/jobfile/value.h"
#include "lib/time/duration.h"

#define HOOKS_REPEAT JOB_HOOKS /* the bit behind those of the hooks */

/* What an entry says itself, and what becomes of it in each set. */
struct hooks_own {
	struct job_hooks is;
	unsigned given; /* bits by enum job_hook; of HOOKS_REPEAT */
	bool is_settled[2];
	const struct job_hooks *settled[2];
};

/* Until it is settled, a job's hooks are the head of what it says itself. */
static struct hooks_own *
hooks_own(const struct job *job)
{
	return (struct hooks_own *)job->hooks;
}

/* A key's bit in `given`; 0 if it is no hook's. */
static unsigned
hooks_bit(const struct key *key)
{
	if (key->type == KEY_REPEAT)
		return 1u << HOOKS_REPEAT;
	return key->type == KEY_HOOK ? 1u << key->min : 0;
}

static bool
hooks_is_none(const struct yaml_node *node)
{
	return !node->is_bad && node->kind == YAML_SCALAR &&
	    strcmp(node->text, "none") == 0;
}

static bool
hooks_read_repeat(
    struct loader *l, const struct key *key, const struct yaml_node *node)
{
	const char *text = value_scalar(l, key, node);
	struct err err;
	int64_t ms;

	if (text == NULL)
		return false;
	if (strcmp(text, "once") == 0)
		ms = JOB_REPEAT_ONCE;
	else if (strcmp(text, "every") == 0)
		ms = JOB_REPEAT_EVERY;
	else if (strchr("0123456789", *text) == NULL || *text == '\0')
		return loader_error(l, loader_place(l, node),
		    "'%s' is not once, every or a duration such as 6h", text);
	else if (!duration_parse(text, loader_place(l, node), &ms, &err))
		return loader_fail(l, loader_place(l, node), &err);
	else if (ms == 0)
		return loader_error(l, loader_place(l, node),
		    "'%s' is less than 1ms; each failure is 'every'", text);
	l->hooks.repeat_ms = ms;
	l->hooks.given |= hooks_bit(key);
	return true;
}

bool
hooks_read(
    struct loader *l, const struct key *key, const struct yaml_node *node)
{
	if (key->type == KEY_REPEAT)
		return hooks_read_repeat(l, key, node);
	if (!hooks_is_none(node) && !list_check_command(l, key, node))
		return false;
	l->hooks.node[key->min] = node;
	l->hooks.given |= hooks_bit(key);
	return true;
}

static void
hooks_add_text(struct str *id, const char *text)
{
	str_addf(id, "%zu:%s", strlen(text), text);
}

/* A text that two entries have in common if, and only if, they say the same. */
static void
hooks_identify(const struct loader_hooks *read, struct str *id)
{
	const struct yaml_node *item;
	int i;

	for (i = 0; i < JOB_HOOKS; i++) {
		if ((read->given >> i & 1) == 0)
			continue;
		str_addf(id, "%d%c", i,
		    read->node[i]->kind == YAML_LIST ? 'l' : 't');
		if (read->node[i]->kind != YAML_LIST) {
			hooks_add_text(id, read->node[i]->text);
			continue;
		}
		for (item = read->node[i]->first; item != NULL;
		     item = item->next)
			hooks_add_text(id, item->text);
	}
	if ((read->given >> HOOKS_REPEAT & 1) != 0)
		str_addf(id, "r%lld", (long long)read->repeat_ms);
}

static struct hooks_own *
hooks_make(struct loader *l, const struct loader_hooks *read)
{
	struct hooks_own *own = arena_zalloc(&l->scratch, sizeof *own);
	int i;

	own->given = read->given;
	own->is.failure_repeat_ms = read->repeat_ms;
	for (i = 0; i < JOB_HOOKS; i++)
		if ((read->given >> i & 1) != 0 &&
		    !hooks_is_none(read->node[i]))
			list_copy_command(l, read->node[i],
			    &own->is.on[i].command, &own->is.on[i].argv);
	return own;
}

static struct hooks_own *
hooks_take_own(struct loader *l)
{
	struct loader_hooks read = l->hooks;
	struct hooks_own *own;
	struct str id = { 0 };

	l->hooks = (struct loader_hooks){ 0 };
	hooks_identify(&read, &id);
	own = map_find(&l->known_hooks, str_text(&id));
	if (own == NULL) {
		own = hooks_make(l, &read);
		map_put(&l->known_hooks,
		    arena_strdup(&l->scratch, str_text(&id)), own);
	}
	str_release(&id);
	return own;
}

void
hooks_take(struct loader *l, struct job *job)
{
	if (l->hooks.given != 0)
		job->hooks = &hooks_take_own(l)->is;
}

void
hooks_take_file(struct loader *l)
{
	size_t i;

	l->file_hooks = hooks_take_own(l);
	for (i = 0; i < keys_job_len; i++)
		if ((l->file_hooks->given & hooks_bit(&keys_job[i])) != 0)
			keyset_add(&l->hook_keys, i);
}

/* What `more` gives and the hooks, so far, have not been given. */
static unsigned
hooks_join(
    struct job_hooks *hooks, unsigned given, const struct hooks_own *more)
{
	unsigned new = more != NULL ? more->given & ~given : 0;
	int i;

	for (i = 0; i < JOB_HOOKS; i++)
		if ((new >> i & 1) != 0)
			hooks->on[i] = more->is.on[i];
	if ((new >> HOOKS_REPEAT & 1) != 0)
		hooks->failure_repeat_ms = more->is.failure_repeat_ms;
	return given | new;
}

static const struct job_hooks *
hooks_join_all(struct loader *l, const struct hooks_own *own)
{
	bool is_handler = l->set == &l->handlers;
	struct job_hooks hooks = {
		.failure_repeat_ms = is_handler ? JOB_REPEAT_EVERY
						: JOB_REPEAT_ONCE,
	};
	unsigned given = hooks_join(&hooks, 0, own);
	int i;

	given = hooks_join(&hooks, given, hooks_own(&l->set->by_default));
	hooks_join(&hooks, given, l->file_hooks);
	for (i = 0; i < JOB_HOOKS; i++)
		if (hooks.on[i].command != NULL || hooks.on[i].argv != NULL)
			return arena_dup(l->arena, &hooks, sizeof hooks);
	return NULL;
}

void
hooks_settle(struct loader *l, struct job *job)
{
	struct hooks_own *own = hooks_own(job);
	int set = l->set == &l->handlers;

	if (own == NULL && l->set->by_default.hooks == NULL &&
	    l->file_hooks == NULL)
		return;
	if (own == NULL && l->no_hooks == NULL)
		l->no_hooks = arena_zalloc(&l->scratch, sizeof *own);
	if (own == NULL)
		own = l->no_hooks;
	if (!own->is_settled[set]) {
		own->settled[set] = hooks_join_all(l, own);
		own->is_settled[set] = true;
	}
	job->hooks = own->settled[set];
	keyset_add_all(&job->written, &l->hook_keys);
}
