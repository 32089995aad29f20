#include "lib/process/program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/hash.h"
#include "lib/base/mem.h"

/* What the shell would search where PATH is not set. */
#define PROGRAM_PATH "/usr/local/bin:/usr/bin:/bin"

static bool
is_runnable(const char *file, int *sys)
{
	struct stat st;

	if (stat(file, &st) != 0)
		return false; /* the search goes on, as a shell's does */
	if (S_ISREG(st.st_mode) && eaccess(file, X_OK) == 0)
		return true;
	*sys = EACCES;
	return false;
}

/* DIR/NAME for one element of a PATH; an empty one is the directory itself. */
static char *
join_path(const char *element, size_t len, const char *name)
{
	return len == 0 ? mem_printf("./%s", name)
			: mem_printf("%.*s/%s", (int)len, element, name);
}

/* The same, seen from here, for a child that will be in `dir`. */
static bool
is_runnable_from(const char *dir, const char *file, int *sys)
{
	char *joined;
	bool ok;

	if (dir == NULL || file[0] == '/')
		return is_runnable(file, sys);
	joined = mem_printf("%s/%s", dir, file);
	ok = is_runnable(joined, sys);
	free(joined);
	return ok;
}

char *
program_resolve(
    const char *name, const char *path, const char *dir, struct err *err)
{
	const char *p, *end;
	int sys = ENOENT;
	char *file;

	if (strchr(name, '/') != NULL)
		return mem_strdup(name);
	for (p = path != NULL ? path : PROGRAM_PATH; *name != '\0';
	     p = end + 1) {
		end = p + strcspn(p, ":");
		file = join_path(p, (size_t)(end - p), name);
		if (is_runnable_from(dir, file, &sys))
			return file;
		free(file);
		if (*end == '\0')
			break;
	}
	err_sys(err, sys, "cannot run '%s'", name);
	return NULL;
}

static void
entry_release(struct program_entry *entry)
{
	free(entry->name);
	free(entry->path);
	free(entry->file);
	*entry = (struct program_entry){ 0 };
}

void
program_cache_release(struct program_cache *cache)
{
	size_t i;

	if (cache == NULL)
		return;
	for (i = 0; i < PROGRAM_CACHE_LEN; i++)
		entry_release(&cache->entry[i]);
}

static struct program_entry *
cache_entry(struct program_cache *cache, const char *name, const char *path)
{
	uint64_t hash = hash_text(name, hash_text(path, 0));

	return &cache->entry[hash % PROGRAM_CACHE_LEN];
}

static bool
is_entry_of(
    const struct program_entry *entry, const char *name, const char *path)
{
	return entry->name != NULL && strcmp(entry->name, name) == 0 &&
	    strcmp(entry->path, path) == 0;
}

/* With a relative element the answer depends on the directory as well. */
static bool
is_absolute(const char *path)
{
	for (; *path == '/'; path++) {
		path += strcspn(path, ":");
		if (*path == '\0')
			return true;
	}
	return false;
}

const char *
program_find(struct program_cache *cache, int64_t mono_ms, const char *name,
    const char *path, const char *dir, struct err *err)
{
	const char *key = path != NULL ? path : PROGRAM_PATH;
	struct program_entry *entry = cache_entry(cache, name, key);
	char *file;

	if (is_entry_of(entry, name, key) &&
	    mono_ms - entry->at_ms < PROGRAM_CACHE_MS && is_absolute(key))
		return entry->file;
	file = program_resolve(name, path, dir, err);
	if (file == NULL)
		return NULL;
	entry_release(entry);
	*entry = (struct program_entry){ mem_strdup(name), mem_strdup(key),
		file, mono_ms };
	return entry->file;
}

void
program_forget(struct program_cache *cache, const char *name, const char *path)
{
	const char *key = path != NULL ? path : PROGRAM_PATH;
	struct program_entry *entry = cache_entry(cache, name, key);

	if (is_entry_of(entry, name, key))
		entry_release(entry);
}

/*
 * Words that some /bin/sh (dash, bash, busybox, ksh) takes itself: reserved
 * words, special builtins, and those builtins whose program of the same name
 * may differ, as echo and test do. Sorted.
 */
static const char *const shell_words[] = { ".", ":", "[", "[[", "alias", "bg",
	"bind", "break", "builtin", "caller", "case", "cd", "chdir", "command",
	"compgen", "complete", "compopt", "continue", "coproc", "declare",
	"dirs", "disown", "do", "done", "echo", "elif", "else", "enable",
	"esac", "eval", "exec", "exit", "export", "false", "fc", "fg", "fi",
	"for", "function", "getopts", "hash", "help", "history", "if", "in",
	"integer", "jobs", "kill", "let", "local", "login", "logout", "mapfile",
	"nameref", "popd", "print", "printf", "pushd", "pwd", "read",
	"readarray", "readonly", "return", "select", "set", "shift", "shopt",
	"source", "suspend", "test", "then", "time", "times", "trap", "true",
	"type", "typeset", "ulimit", "umask", "unalias", "unset", "until",
	"wait", "whence", "while" };

static int
compare_words(const void *a, const void *b)
{
	return strcmp(a, *(const char *const *)b);
}

/*
 * Quotes, expansions, globs, operators, comments and newlines. `=` and `%`
 * count in the first word only: an assignment, a job.
 */
static bool
has_shell_character(const char *text)
{
	const char *first = text + strspn(text, " \t");
	const char *end = first + strcspn(first, " \t");
	const char *p;

	for (p = text; *p != '\0'; p++)
		if (strchr("#;\"'\\*?[]&|<>(){}$`^~!", *p) != NULL ||
		    ((unsigned char)*p < ' ' && *p != '\t'))
			return true;
	return memchr(first, '=', (size_t)(end - first)) != NULL ||
	    memchr(first, '%', (size_t)(end - first)) != NULL;
}

/* The words of text, with the texts in the same block behind the pointers. */
static char **
split_words(const char *text)
{
	size_t n = 0, room = strlen(text) / 2 + 2;
	char **word = mem_alloc(room * sizeof *word + strlen(text) + 1);
	char *p = (char *)(word + room);

	memcpy(p, text, strlen(text) + 1);
	for (p += strspn(p, " \t"); *p != '\0'; p += strspn(p, " \t")) {
		word[n++] = p;
		p += strcspn(p, " \t");
		if (*p != '\0')
			*p++ = '\0';
	}
	word[n] = NULL;
	return word;
}

bool
program_is_plain(const char *text, char ***argv)
{
	char **word;

	if (has_shell_character(text))
		return false;
	word = split_words(text);
	if (word[0] == NULL ||
	    bsearch(word[0], shell_words, ARRAY_LEN(shell_words),
		sizeof shell_words[0], compare_words) != NULL) {
		free(word);
		return false;
	}
	*argv = word;
	return true;
}
