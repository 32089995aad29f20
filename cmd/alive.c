#include "cmd/alive.h"

bool
alive_list(struct cli *cli, struct instance **list, size_t *n, struct err *err)
{
	const char *claims = cli->has_jobfile ? jobfile_claims(&cli->jobfile)
					      : NULL;
	struct store_place place;
	bool is_good;

	if (claims == NULL)
		return cli_find_place(cli, err) &&
		    instances_list(&cli->place, list, n, err);
	if (!store_place_find(cli->jobfile.path, claims, &place, err))
		return false;
	is_good = instances_list(&place, list, n, err);
	store_place_release(&place);
	return is_good;
}
