#include "lib/store/netfs.h"

#ifdef WJOBS_PORTABLE

/* POSIX does not tell what kind of file system it is. */
const char *
netfs_name(const char *path)
{
	(void)path;
	return NULL;
}

#else

#include <sys/vfs.h>

#include "lib/base/err.h"

const char *
netfs_name(const char *path)
{
	static const struct {
		unsigned type;
		const char *name;
	} network[] = {
		{ 0x6969, "NFS" },
		{ 0x517b, "SMB" },
		{ 0xff534d42, "CIFS" },
		{ 0xfe534d42, "SMB2" },
		{ 0x5346414f, "AFS" },
		{ 0x00c36400, "Ceph" },
		{ 0x01021997, "9P" },
		{ 0x0bd00bd0, "Lustre" },
	};
	struct statfs fs;
	size_t i;

	if (statfs(path, &fs) != 0)
		return NULL;
	for (i = 0; i < ARRAY_LEN(network); i++)
		if ((unsigned)fs.f_type == network[i].type)
			return network[i].name;
	return NULL;
}

#endif
