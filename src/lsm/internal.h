/* internal.h - what the rooms of a compaction share. Private to the suite. */
#pragma once

#include "src/file/file.h"
#include "src/lsm/compact.h"
#include "src/merge/engine.h"
#include "src/scan/section.h"

struct pfs_compactor {
    struct pfs_compactor_config config;
    struct pfs_pick_rules rules;     /* primary-key tables */
    struct pfs_engine *engine;       /* NULL: an append table */
    int32_t *column;                 /* all of them */
    bool changes;                    /* changelog-producer = full-compaction or lookup */
    bool lookup;                     /* lookup: records of level 0 are what changes, not those below the top level */
    struct pfs_deletions *deletions; /* NULL: the state has no vectors */
    bool *compared; /* row-deduplicate: columns that tell whether a row changed; NULL = all changes count */
};

/* Is the file's smallest time so old that a compaction is to rewrite it (spec merge-engines 8)? */
int pfs_file_is_old(const struct pfs_state *state, const struct pfs_manifest_entry *entry, int64_t now_ms, bool *out,
                    struct pfs_err *err);

static inline bool pfs_writes_changes(const struct pfs_compactor *c, const struct pfs_compact_job *job)
{
    return c->changes && job->to_top;
}

bool pfs_file_has_vector(const struct pfs_state *state, const struct pfs_manifest_entry *entry);

/* Did its rows come since the last changelog? */
static inline bool pfs_is_news(const struct pfs_compactor *c, const struct pfs_compact_job *job,
                               const struct pfs_manifest_entry *entry)
{
    return c->lookup ? entry->file.level == 0 : entry->file.level < job->level;
}

/* ---- rewrite.c ---- */

struct pfs_rewritten { /* ADD entries in the arena of the job */
    struct pfs_manifest_entry *entry, *changelog;
    int64_t entries, changelogs;
};

/* Reads the sections one after the other (append tables: the files of the job) and writes their rows as new files at
 * the output level, with their changes where the table wants them. moves: the files stay, and only the changes are
 * written. */
int pfs_rewrite(const struct pfs_compactor *c, const struct pfs_compact_job *job, const struct pfs_section *section,
                int32_t sections, bool moves, struct pfs_budget budget, struct pfs_arena *arena,
                struct pfs_rewritten *out, struct pfs_err *err);

/* ---- effects.c ---- */

/* What a compaction to the top level changes there (spec changelog 2, full-compaction and lookup): of each key with a
 * record that is news its row before, and the merged one. Of one section; one thread. */
struct pfs_effects;

/* `read`: as the section is read. Rows go to the writer (borrowed), of changelog files. */
int pfs_effects_open(const struct pfs_compactor *c, const struct pfs_section_read *read,
                     const struct pfs_section *section, const struct pfs_compact_job *job, struct pfs_data_writer *to,
                     struct pfs_effects **out, struct pfs_err *err);
/* The next merged rows of the section, deletes among them. */
int pfs_effects_add(struct pfs_effects *effects, const struct pfs_batch *merged, struct pfs_err *err);
void pfs_effects_close(struct pfs_effects *effects); /* NULL allowed */
