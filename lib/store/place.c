#include "lib/store/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/base/redis_url.h"
#include "lib/base/str.h"

/* As the base directory specification has it, only absolute paths count. */
static const char *
absolute_env(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] == '/' ? value : NULL;
}

/* What the user says, which must be absolute. NULL, err or not, where unset. */
static char *
given_dir(const char *name, bool *is_bad, struct err *err)
{
	const char *dir = getenv(name);

	*is_bad = false;
	if (dir == NULL || dir[0] == '\0')
		return NULL;
	if (dir[0] == '/')
		return mem_strdup(dir);
	*is_bad = true;
	err_set(err, ERR_CONFIG, "%s is '%s', which is no absolute path", name,
	    dir);
	return NULL;
}

/* NULL with err where the environment gives no place. */
static char *
state_base(struct err *err)
{
	bool is_bad;
	char *given = given_dir("WJOBS_STATE_DIR", &is_bad, err);
	const char *dir;

	if (given != NULL || is_bad)
		return given;
	if (geteuid() == 0)
		return mem_strdup("/var/lib/wjobs");
	if ((dir = absolute_env("XDG_STATE_HOME")) != NULL)
		return mem_printf("%s/wjobs", dir);
	if ((dir = absolute_env("HOME")) != NULL)
		return mem_printf("%s/.local/state/wjobs", dir);
	err_set(err, ERR_CONFIG,
	    "there is no place for state: set WJOBS_STATE_DIR or HOME");
	return NULL;
}

static char *
runtime_base(const char *state, struct err *err)
{
	bool is_bad;
	char *given = given_dir("WJOBS_RUNTIME_DIR", &is_bad, err);
	const char *dir;

	if (given != NULL || is_bad)
		return given;
	if (geteuid() == 0)
		return mem_strdup("/run/wjobs");
	if ((dir = absolute_env("XDG_RUNTIME_DIR")) != NULL)
		return mem_printf("%s/wjobs", dir);
	return mem_strdup(state);
}

/*
 * NAME-HASH: the file's name without its ending, and a hash of its path. A
 * file has one folder by whatever links it is named, or it would have a
 * scheduler for each of them.
 */
static char *
folder_name(const char *jobfile)
{
	char *real = realpath(jobfile, NULL), *folder;
	const char *path = real != NULL ? real : jobfile;
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	size_t len = strcspn(name, ".");

	if (len == 0)
		len = strlen(name);
	folder = mem_printf("%.*s-%016llx", (int)(len < 64 ? len : 64), name,
	    (unsigned long long)hash_text(path, 0));
	free(real);
	return folder;
}

/* A Redis URL gives its form for people, which the caller frees. */
static bool
store_check(const char *store, char **shown, struct err *err)
{
	struct redis_url url;

	if (redis_url_is(store)) {
		if (!redis_url_parse(store, &url, err))
			return false;
		*shown = mem_strdup(url.shown);
		redis_url_release(&url);
		return true;
	}
	if (store[0] == '\0' || store[strlen(store) - 1] == '/')
		return err_set(
		    err, ERR_CONFIG, "'%s' is no name of a store", store);
	return true;
}

bool
store_place_find(const char *jobfile, const char *store,
    struct store_place *place, struct err *err)
{
	struct store_place p = { 0 };
	char *state, *runtime, *folder;

	if (store == NULL)
		store = jobfile != NULL ? "wjobs.db" : "local.db";
	if (!store_check(store, &p.shown, err))
		return false;
	if ((state = state_base(err)) == NULL ||
	    (runtime = runtime_base(state, err)) == NULL) {
		free(p.shown);
		free(state);
		return false;
	}
	if (jobfile != NULL) {
		folder = folder_name(jobfile);
		p.state_dir = mem_printf("%s/%s", state, folder);
		p.runtime_dir = mem_printf("%s/%s", runtime, folder);
		free(folder);
	} else {
		p.state_dir = mem_strdup(state);
		p.runtime_dir = mem_strdup(runtime);
	}
	if (store[0] == '/' || p.shown != NULL || strcmp(store, "memory") == 0)
		p.store = mem_strdup(store);
	else
		p.store = mem_printf("%s/%s", p.state_dir, store);
	if (p.shown == NULL)
		p.shown = mem_strdup(p.store);
	p.is_folder = jobfile != NULL;
	p.spool = mem_printf("%s/spool", p.state_dir);
	free(runtime);
	free(state);
	*place = p;
	return true;
}

void
store_place_release(struct store_place *place)
{
	free(place->state_dir);
	free(place->runtime_dir);
	free(place->store);
	free(place->shown);
	free(place->spool);
	*place = (struct store_place){ 0 };
}

/*
 * A folder of wjobs' own is closed to others where it is not; a directory that
 * somebody named must be fit as it is, since its mode is not wjobs' to change.
 */
static bool
check_mode(int fd, const char *path, bool is_own, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_sys(err, errno, "cannot open '%s'", path);
	if (st.st_uid != geteuid() && (is_own || st.st_uid != 0))
		return err_set(err, ERR_CONFIG,
		    "'%s' belongs to user %lu, not to the one who runs wjobs",
		    path, (unsigned long)st.st_uid);
	if (!is_own && (st.st_mode & 0022) != 0)
		return err_set(err, ERR_CONFIG,
		    "'%s' can be written by others: state needs a directory "
		    "of its own",
		    path);
	if (is_own && (st.st_mode & 0077) != 0 && fchmod(fd, 0700) != 0)
		return err_sys(err, errno, "cannot close '%s' to others", path);
	return true;
}

/* It is opened and then looked at, so that nothing changes in between. */
static bool
check_dir(const char *path, bool is_own, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool is_good;

	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP
		    ? err_set(err, ERR_CONFIG, "'%s' is a link or no directory",
			  path)
		    : err_sys(err, errno, "cannot open '%s'", path);
	is_good = check_mode(fd, path, is_own, err);
	close(fd);
	return is_good;
}

/* Make what is missing of path; those above the last may be anybody's. */
static bool
make_dirs(const char *path, bool is_own, struct err *err)
{
	char *copy = mem_strdup(path), *p = copy;
	bool is_made = true;

	while (is_made && (p = strchr(p + 1, '/')) != NULL) {
		*p = '\0';
		is_made = mkdir(copy, 0700) == 0 || errno == EEXIST ||
		    errno == EROFS || errno == EACCES;
		if (!is_made)
			err_sys(err, errno, "cannot make '%s'", copy);
		*p = '/';
	}
	free(copy);
	if (is_made && mkdir(path, 0700) != 0 && errno != EEXIST)
		is_made = err_sys(err, errno, "cannot make '%s'", path);
	return is_made && check_dir(path, is_own, err);
}

bool
store_place_make(const struct store_place *place, struct err *err)
{
	return make_dirs(place->state_dir, place->is_folder, err) &&
	    make_dirs(place->runtime_dir, place->is_folder, err);
}
