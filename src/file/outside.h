/* outside.h - where new data files of a table go that are not to lie in it: data-file.external-paths and what begins
 * with that (spec options 3). Threads: one place, one thread.
 */
#pragma once

#include "src/file/external.h"
#include "src/meta/schema.h"

struct pfs_outside {
    int32_t paths;         /* 0 = new files lie in the table */
    const char **path;     /* as Paimon prints them: file:/x/y */
    const int64_t *weight; /* of each; NULL = they take turns */
    int64_t weights;       /* their sum */
    bool scattered;        /* in directories by a hash of the file's name */
    uint32_t turn;
};

/* What the table's options say. -EINVAL: without sense; -EOPNOTSUPP: on something that is no directory here. The arena
 * keeps what is read. */
int pfs_outside_read(const struct pfs_schema *schema, struct pfs_arena *arena, struct pfs_outside *out,
                     struct pfs_err *err);
/* May files be written there? -EOPNOTSUPP with a sentence that names the first path that may not. */
int pfs_outside_check(const struct pfs_outside *outside, const struct pfs_external *external, struct pfs_err *err);
/* The URI of the next file. `bucket`: its directory below the table, as "p=1/bucket-0". */
int pfs_outside_next(struct pfs_outside *outside, const char *bucket, const char *name, struct pfs_arena *arena,
                     const char **out, struct pfs_err *err);
