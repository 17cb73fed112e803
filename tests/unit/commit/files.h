/* files.h - what a table has on its disk. */
#pragma once

#include "base/store.h"
#include "tests/unit/cm.h"

static int count_name(void *context, struct pfs_slice name, bool directory)
{
    (void)name;
    (void)directory;
    ++*(int *)context;
    return 0;
}

/* Manifests and manifest lists of d.t. */
static int manifests_of(struct pfs_store *store)
{
    int count = 0;

    assert_int_equal(pfs_store_list(store, "d.db/t/manifest", count_name, &count, NULL), 0);
    return count;
}
