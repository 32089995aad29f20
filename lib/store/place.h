#ifndef WJOBS_PLACE_H
#define WJOBS_PLACE_H

#include <stdbool.h>

#include "lib/base/err.h"

/*
 * Where state lies. The state directory is $WJOBS_STATE_DIR, else
 * /var/lib/wjobs for root and $XDG_STATE_HOME/wjobs (~/.local/state/wjobs) for
 * others; the runtime directory $WJOBS_RUNTIME_DIR, else /run/wjobs for root
 * and $XDG_RUNTIME_DIR/wjobs for others, else the state directory. In both a
 * folder NAME-HASH of the jobfile's real path, mode 0700.
 */
struct store_place {
	char *state_dir;   /* the jobfile's own folder, NAME-HASH included */
	char *runtime_dir; /* likewise */
	char *store;       /* absolute path, "memory", or a Redis URL */
	char *shown;       /* the same for people: without a password */
	char *spool;       /* path of the spool file */
	bool is_folder;    /* the two are a jobfile's, not shared ones */
};

/*
 * For a jobfile's path and its `store` as written; links in the path are
 * followed. jobfile NULL: for
 * `exec` without one; the store is then local.db in the state directory.
 * Creates nothing. ERR_CONFIG is a wrong Redis URL, or no place for state.
 */
bool store_place_find(const char *jobfile, const char *store,
    struct store_place *place, struct err *err) MUST_CHECK;
void store_place_release(struct store_place *place);
/* Make the directories, 0700, refusing links and other owners. */
bool
store_place_make(const struct store_place *place, struct err *err) MUST_CHECK;

#endif
