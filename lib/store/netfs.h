#ifndef WJOBS_NETFS_H
#define WJOBS_NETFS_H

#include <stddef.h>

/*
 * The kind of network file system that path lies on, such as "NFS"; NULL for a
 * local one, and where it cannot be told.
 */
const char *netfs_name(const char *path);

#endif
