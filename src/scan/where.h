/* where.h - rows that match a condition, out of rows that do not know of it. Private to the suites that make rows. */
#pragma once

#include "format/rows.h"
#include "src/condition/condition.h"

struct pfs_where { /* facts in an arena */
    int32_t columns;
    int32_t *column; /* to be read: the wanted ones, then those that only the condition looks at */
    int32_t keep;    /* columns that go on: those in front, and the wanted ones */
    int32_t *place;  /* of each schema column, in rows of `front` columns and these */
};

/* wanted: count -1 = all. */
int pfs_where_plan(const struct pfs_condition *condition, const struct pfs_schema *schema, const int32_t *wanted,
                   int32_t count, int32_t front, struct pfs_arena *arena, struct pfs_where *out, struct pfs_err *err);
/* Takes `in` (closed with the answer, also on failure): rows of the columns that were planned. */
int pfs_where_rows(struct pfs_rows *in, const struct pfs_condition *condition, const struct pfs_where *where,
                   const struct pfs_schema *schema, struct pfs_rows **out, struct pfs_err *err);
