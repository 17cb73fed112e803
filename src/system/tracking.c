/* tracking.c - $row_tracking: the rows of an append table with their ids and sequence numbers. */
#include <assert.h>

#include "src/system/tables.h"

int pfs_system_row_tracking(const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err)
{
    struct pfs_scan_want want = {.state = system->state,
                                 .columns = -1,
                                 .row_ids = true,
                                 .budget = system->budget,
                                 .cancel = system->cancel,
                                 .pool = system->pool};
    bool enabled;

    assert(system->state != NULL);
    PFS_TRY(pfs_options_bool(&system->schema->options, "row-tracking.enabled", false, &enabled, err));
    if (!enabled)
        return pfs_fail(err, EOPNOTSUPP, "the table does not track rows (row-tracking.enabled is not true)");
    return pfs_scan_rows(&want, out, err);
}
