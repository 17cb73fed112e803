/* show.h - SHOW PARTITIONS, TBLPROPERTIES, TAGS and BRANCHES of a table, as CSV with a header. Private to src/. */
#pragma once

#include "src/sql/sql.h"
#include "src/table/table.h"

int pfs_show(struct pfs_table *table, const struct pfs_statement *statement, struct pfs_arena *arena,
             struct pfs_buf *answer, struct pfs_err *err);
