/* tracking.c - $row_tracking: the rows of an append table with their ids. */
#include "src/system/tables.h"

int pfs_system_row_tracking(const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err)
{
    bool enabled;

    (void)out;
    PFS_TRY(pfs_options_bool(&system->schema->options, "row-tracking.enabled", false, &enabled, err));
    if (!enabled)
        return pfs_fail(err, EOPNOTSUPP, "the table has no row-tracking.enabled = true");
    return pfs_fail(err, EOPNOTSUPP, "the ids of tracked rows cannot be read yet");
}
