#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/jobfile/jobfile.h"

/* $XDG_CONFIG_HOME/wjobs/wjobs.yaml, ~/.config where it is not set; or NULL. */
static char *
locate_own(void)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	/* the XDG specification ignores paths that are not absolute */
	if (config != NULL && *config == '/')
		return mem_printf("%s/wjobs/wjobs.yaml", config);
	if (home != NULL && *home == '/')
		return mem_printf("%s/.config/wjobs/wjobs.yaml", home);
	return NULL;
}

char *
jobfile_locate(const char *option, struct err *err)
{
	const char *named = getenv("WJOBS_FILE");
	char *place[] = { mem_strdup("wjobs.yaml"), locate_own(),
		mem_strdup("/etc/wjobs/wjobs.yaml") };
	struct str tried = { 0 };
	char *found = NULL;
	size_t i;

	if (option == NULL && named != NULL && *named != '\0')
		option = named;
	if (option != NULL)
		found = mem_strdup(option);
	for (i = 0; i < ARRAY_LEN(place); i++) {
		if (found == NULL && place[i] != NULL) {
			if (access(place[i], F_OK) == 0)
				found = mem_strdup(place[i]);
			str_addf(&tried, "%s%s", i != 0 ? ", " : "", place[i]);
		}
		free(place[i]);
	}
	if (found == NULL)
		err_set(err, ERR_CONFIG,
		    "no jobfile: name one with -f or WJOBS_FILE (tried %s)",
		    str_text(&tried));
	str_release(&tried);
	return found;
}
