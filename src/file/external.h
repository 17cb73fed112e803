/* external.h - files that a table keeps outside of the warehouse (`_EXTERNAL_PATH`): which of them may be touched.
 *
 * A path in metadata is data, not trust: only what lies below a directory that the mount was told to allow is opened,
 * through a store of that directory's own. Threads: immutable after open; any.
 */
#pragma once

#include "base/store.h"

struct pfs_external;

/* `list` names absolute directories, ':' between them; NULL or "" allows nothing (*out is NULL then). -EINVAL for one
 * that is not absolute, -ENOENT for one that is not there. */
int pfs_external_open(const char *list, struct pfs_external **out, struct pfs_err *err);
void pfs_external_close(struct pfs_external *external); /* NULL allowed */

/* The store of the longest allowed directory that holds `uri` ("/x/y", "file:/x/y", "file:///x/y") and the path in it,
 * which points into `uri`. -EOPNOTSUPP with a sentence: not allowed, another scheme, ".." among its parts. */
int pfs_external_find(const struct pfs_external *external, const char *uri, struct pfs_store **store, const char **path,
                      struct pfs_err *err);
/* The absolute path in a URI of this machine, which it points into; NULL for any other. */
const char *pfs_external_local(const char *uri);
