/* internal.h - what the rooms of a compaction share. Private to the suite. */
#pragma once

#include "src/lsm/compact.h"
#include "src/merge/engine.h"
#include "src/scan/section.h"

struct pfs_compactor {
    struct pfs_compactor_config config;
    struct pfs_pick_rules rules; /* primary-key tables */
    struct pfs_engine *engine;   /* NULL: an append table */
    int32_t *column;             /* all of them */
};

/* Is the file's smallest time so old that a compaction is to rewrite it (spec merge-engines 8)? */
int pfs_file_is_old(const struct pfs_state *state, const struct pfs_manifest_entry *entry, int64_t now_ms, bool *out,
                    struct pfs_err *err);

/* ---- rewrite.c ---- */

/* Reads the sections one after the other (append tables: the files of the job) and writes their rows as new files at
 * the output level; ADD entries in the arena. */
int pfs_rewrite(const struct pfs_compactor *c, const struct pfs_compact_job *job, const struct pfs_section *section,
                int32_t sections, struct pfs_budget budget, struct pfs_arena *arena, struct pfs_manifest_entry **out,
                int64_t *count, struct pfs_err *err);
