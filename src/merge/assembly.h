/* assembly.h - one batch of answers being put together: stretches of rows that go out as they are, and keys with
 * several records that the engine merges. Private to the suite.
 *
 * Sources are given at the end; rows are named by (source, row) meanwhile. Order of adding = order of the answer.
 */
#pragma once

#include "src/merge/engine.h"

struct pfs_assembly {
    struct pfs_range *range; /* source -1: the merged row of group `from` */
    int64_t ranges, ranges_room;
    struct pfs_record *record; /* of all groups */
    int64_t records, records_room;
    int64_t *start; /* of each group in record */
    bool *several;  /* of each group: it had more records than are left */
    int64_t groups, groups_room, several_room;
    int64_t rows;
    bool alone; /* groups of one record are folded too */
    bool full;  /* no memory: sticky */
};

void pfs_assembly_clear(struct pfs_assembly *a); /* keeps its memory */
void pfs_assembly_done(struct pfs_assembly *a);

void pfs_assembly_stretch(struct pfs_assembly *a, int32_t source, int32_t from, int32_t len);
/* A key with several records: begin, then record for each, in order of their numbers or not. */
void pfs_assembly_group(struct pfs_assembly *a);
void pfs_assembly_record(struct pfs_assembly *a, int32_t source, int32_t row);
/* Leaves the last group its first `records` records; it is folded as what it was, also when that is one. */
void pfs_assembly_cut(struct pfs_assembly *a, int64_t records);

/* The batch, all copied into the arena. `columns` of the sources' columns: the engine's and two. */
int pfs_assembly_build(struct pfs_assembly *a, const struct pfs_engine *engine, int32_t columns,
                       const struct pfs_batch *const *source, int32_t sources, bool flush, struct pfs_arena *arena,
                       struct pfs_batch *out, struct pfs_err *err);
