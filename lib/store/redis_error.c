#include "lib/store/redis_error.h"

#include <string.h>

#include "lib/base/str.h"

struct kind {
	const char *begin; /* of the server's text */
	enum redis_error what;
	bool is_spoilt;
	const char *is; /* "'redis://h' IS" */
};

/* The first that fits; what is in none of these lines is refused as it is. */
static const struct kind kinds[] = {
	{ "LOADING", REDIS_RETRY, false,
	    "still loads its data after its start" },
	{ "BUSY", REDIS_RETRY, false, "is busy with a script of somebody" },
	{ "MISCONF", REDIS_RETRY, false,
	    "takes no writes, since it cannot save to its disk" },
	{ "OOM", REDIS_RETRY, false, "is out of memory (maxmemory)" },
	{ "NOREPLICAS", REDIS_RETRY, false,
	    "takes no writes while it has too few replicas" },
	{ "READONLY", REDIS_RETRY, true,
	    "is a replica, which takes no writes" },
	{ "MASTERDOWN", REDIS_RETRY, true,
	    "is a replica that has lost its master" },
	{ "CLUSTERDOWN", REDIS_RETRY, true,
	    "belongs to a cluster that is down" },
	{ "TRYAGAIN", REDIS_RETRY, false, "moves keys to another node" },
	{ "ASK", REDIS_RETRY, true, "moves keys to another node" },
	{ "UNBLOCKED", REDIS_RETRY, true, "became a replica" },
	{ "ERR max number of clients", REDIS_RETRY, true,
	    "has as many clients as it takes (maxclients)" },
	{ "NOAUTH", REDIS_FATAL, true,
	    "wants a password: give one in the URL, or by password_file" },
	{ "WRONGPASS", REDIS_FATAL, true,
	    "knows no such user and password, or the user is off" },
	{ "ERR invalid password", REDIS_FATAL, true,
	    "does not take the password" },
	{ "ERR AUTH", REDIS_FATAL, true, "does not take the password" },
	{ "NOPERM", REDIS_FATAL, true,
	    "does not permit this user what wjobs needs" },
	{ "ERR The user executing the script", REDIS_FATAL, true,
	    "does not permit this user what wjobs needs" },
	{ "DENIED", REDIS_FATAL, true,
	    "is in protected mode, and takes connections of its own host "
	    "alone: give it a password or a user" },
	{ "ERR DB index", REDIS_FATAL, true, "has no database of that number" },
	{ "ERR invalid DB index", REDIS_FATAL, true,
	    "has no database of that number" },
	{ "ERR SELECT is not allowed in cluster", REDIS_FATAL, true,
	    "is a node of a cluster, which has database 0 alone" },
	{ "MOVED", REDIS_FATAL, true,
	    "is a node of a cluster, and wjobs' keys are on another: name that "
	    "node, or choose another prefix" },
	{ "CROSSSLOT", REDIS_FATAL, true,
	    "is a node of a cluster that does not heed the braces in keys" },
	{ "ERR unknown command", REDIS_FATAL, false,
	    "lacks a command that wjobs needs" },
	{ "WRONGTYPE", REDIS_REFUSE, false,
	    "has something under a key of wjobs that is not wjobs'" },
};

static const struct kind unknown = { "", REDIS_REFUSE, false, "refuses" };

static const struct kind *
kind_find(const char *text)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_starts(text, kinds[i].begin))
			return &kinds[i];
	return NULL;
}

/*
 * Before Redis 7 an error within a script stands behind others: "ERR Error
 * running script (call to f_...): @user_script:1: -OOM command ...".
 */
static const struct kind *
kind_within(const char *text)
{
	const struct kind *kind = NULL;

	if (!str_starts(text, "ERR Error running script"))
		return NULL;
	while (kind == NULL && (text = strstr(text, ": ")) != NULL) {
		text += 2;
		kind = kind_find(text + (*text == '-'));
	}
	return kind;
}

enum redis_error
redis_error_explain(
    const char *shown, const char *text, bool *is_spoilt, struct err *err)
{
	static const enum err_code code[] = {
		[REDIS_RETRY] = ERR_UNREACHABLE,
		[REDIS_REFUSE] = ERR_SYSTEM,
		[REDIS_FATAL] = ERR_CONFIG,
	};
	const struct kind *kind = kind_find(text);
	struct str visible = { 0 };
	size_t n;

	if (kind == NULL)
		kind = kind_within(text);
	if (kind == NULL)
		kind = &unknown;
	/* HELLO's NOAUTH goes on for long about commands that nobody gave */
	n = strcspn(text, str_starts(text, "NOAUTH") ? " \r\n" : "\r\n");
	str_add_visible(&visible, text, n, false);
	err_set(err, code[kind->what], "'%s' %s: %s", shown, kind->is,
	    str_text(&visible));
	str_release(&visible);
	*is_spoilt = kind->is_spoilt;
	return kind->what;
}

bool
redis_error_is_noscript(const char *text)
{
	return str_starts(text, "NOSCRIPT");
}
