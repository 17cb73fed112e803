/* kind.c - the four kinds of a row as Paimon and Flink spell them. */
#include <assert.h>
#include <errno.h>

#include "format/text/text.h"

static const char *const names[] = {
    [PFS_INSERT] = "+I", [PFS_UPDATE_BEFORE] = "-U", [PFS_UPDATE_AFTER] = "+U", [PFS_DELETE] = "-D"};

const char *pfs_row_kind_name(enum pfs_row_kind kind)
{
    assert((size_t)kind < sizeof(names) / sizeof(names[0]));
    return names[kind];
}

int pfs_row_kind_parse(struct pfs_slice text, enum pfs_row_kind *out)
{
    for (int k = PFS_INSERT; k <= PFS_DELETE; k++)
        if (pfs_slice_eq(text, pfs_str(names[k]))) {
            *out = (enum pfs_row_kind)k;
            return 0;
        }
    return -EINVAL;
}
