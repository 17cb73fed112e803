/* ints.h - streams of integers: run lengths of version 1 and 2. Private to the suite.
 *
 * Decoded run by run: straight into the caller's array when the longest run fits into it, else into a small array of
 * the decoder, from which the rest is handed out later. Threads: one decoder, one thread.
 */
#pragma once

#include "format/orc/stream.h"

#define PFS_ORC_RUN_MAX 512 /* integers of the longest run */

struct pfs_orc_ints {
    struct pfs_orc_stream stream;
    bool second; /* version 2 */
    bool is_signed;
    int32_t at, len; /* of run: handed out, decoded */
    int64_t run[PFS_ORC_RUN_MAX];
};

void pfs_orc_ints_open(struct pfs_orc_ints *ints, const struct pfs_orc_source *source,
                       const struct pfs_orc_extent *extent, bool second, bool is_signed);
void pfs_orc_ints_done(struct pfs_orc_ints *ints);

/* Exactly the next n; -EIO when there are fewer or a run is damaged. skip may go through memory of its own. */
int pfs_orc_ints_next(struct pfs_orc_ints *ints, int64_t *out, int64_t n, struct pfs_err *err);
int pfs_orc_ints_skip(struct pfs_orc_ints *ints, int64_t n, struct pfs_err *err);
int pfs_orc_ints_seek(struct pfs_orc_ints *ints, const struct pfs_orc_group *group, size_t *at, struct pfs_err *err);
