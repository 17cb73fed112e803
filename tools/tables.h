/* tables.h - tables of a warehouse by the names that commands take: db.t, or db.t$branch_b. */
#pragma once

#include "tools/session.h"

/* -ENOENT and -EINVAL with a sentence. A reference is the caller's. */
int tables_open(struct session *session, const char *name, struct pfs_table **out, struct pfs_err *err);

/* Does it to the table `only`, or to every one of the warehouse until `stop` (NULL allowed) says so: each failure is
 * told of on standard error, and the next table is done. Gives the exit code; 1 from `each` is a failure that it has
 * told of itself. With branches those of each table come after it. */
typedef int tables_each_fn(void *context, struct session *session, const char *name, struct pfs_table *table,
                           struct pfs_err *err);
struct tables_want {
    const char *only; /* NULL = all */
    bool branches;
    bool (*stop)(void);
    tables_each_fn *each;
    void *context;
};
int tables_each(struct session *session, const struct tables_want *want);
