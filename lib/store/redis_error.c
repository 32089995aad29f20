#include "lib/store/redis_error.h"

#include <string.h>

#include "lib/base/str.h"

#define RETRY  ERR_UNREACHABLE /* later it may work */
#define REFUSE ERR_SYSTEM      /* this command will never do */
#define FATAL  ERR_CONFIG      /* none will before somebody changes something */

struct kind {
	const char *begin; /* of the server's text */
	enum err_code code;
	bool is_spoilt;
	const char *is; /* "'redis://h' IS" */
};

/* The first that fits; what is in none of these lines is refused as it is. */
static const struct kind kinds[] = {
	{ "LOADING", RETRY, false, "still loads its data after its start" },
	{ "BUSY", RETRY, false, "is busy with a script of somebody" },
	{ "MISCONF", RETRY, false,
	    "takes no writes, since it cannot save to its disk" },
	{ "OOM", RETRY, false, "is out of memory (maxmemory)" },
	{ "NOREPLICAS", RETRY, false,
	    "takes no writes while it has too few replicas" },
	{ "READONLY", RETRY, true, "is a replica, which takes no writes" },
	{ "MASTERDOWN", RETRY, true, "is a replica that has lost its master" },
	{ "CLUSTERDOWN", RETRY, true, "belongs to a cluster that is down" },
	{ "TRYAGAIN", RETRY, false, "moves keys to another node" },
	{ "ASK", RETRY, true, "moves keys to another node" },
	{ "UNBLOCKED", RETRY, true, "became a replica" },
	{ "ERR max number of clients", RETRY, true,
	    "has as many clients as it takes (maxclients)" },
	{ "NOAUTH", FATAL, true,
	    "wants a password: give one in the URL, or by password_file" },
	{ "WRONGPASS", FATAL, true,
	    "knows no such user and password, or the user is off" },
	{ "ERR invalid password", FATAL, true, "does not take the password" },
	{ "ERR AUTH", FATAL, true, "does not take the password" },
	{ "NOPERM", FATAL, true, "does not permit this user what wjobs needs" },
	{ "ERR The user executing the script", FATAL, true,
	    "does not permit this user what wjobs needs" },
	{ "DENIED", FATAL, true,
	    "is in protected mode, and takes connections of its own host "
	    "alone: give it a password or a user" },
	{ "ERR DB index", FATAL, true, "has no database of that number" },
	{ "ERR invalid DB index", FATAL, true,
	    "has no database of that number" },
	{ "ERR SELECT is not allowed in cluster", FATAL, true,
	    "is a node of a cluster, which has database 0 alone" },
	{ "MOVED", FATAL, true,
	    "is a node of a cluster, and wjobs' keys are on another: name that "
	    "node, or choose another prefix" },
	{ "CROSSSLOT", FATAL, true,
	    "is a node of a cluster that does not heed the braces in keys" },
	{ "ERR unknown command", FATAL, false,
	    "lacks a command that wjobs needs" },
	{ "WRONGTYPE", REFUSE, false,
	    "has something under a key of wjobs that is not wjobs'" },
};

static const struct kind unknown = { "", REFUSE, false, "refuses" };

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

bool
redis_error_explain(const char *shown, const char *text, struct err *err)
{
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
	err_set(err, kind->code, "'%s' %s: %s", shown, kind->is,
	    str_text(&visible));
	str_release(&visible);
	return kind->is_spoilt;
}

bool
redis_error_is_noscript(const char *text)
{
	return str_starts(text, "NOSCRIPT");
}
