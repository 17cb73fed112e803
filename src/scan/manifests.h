/* manifests.h - decoded manifests by name, shared and counted. Private to src/; the cache itself is opened through
 * state.h. Threads: any. */
#pragma once

#include "src/scan/state.h"

struct pfs_decoded {
    const struct pfs_manifest_entry *entry; /* live as long as this is referenced */
    int64_t entries;
};

/* A reference is the caller's. */
int pfs_manifests_get(struct pfs_manifests *cache, const char *name, const struct pfs_decoded **out,
                      struct pfs_err *err);
void pfs_decoded_unref(const struct pfs_decoded *decoded);
