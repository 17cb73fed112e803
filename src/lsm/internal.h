/* internal.h - what the rooms of a compaction share. Private to the suite. */
#pragma once

#include "format/bitmap.h"
#include "src/file/file.h"
#include "src/lsm/compact.h"
#include "src/merge/engine.h"
#include "src/scan/section.h"

#define PFS_VECTORS "DELETION_VECTORS" /* type of an index entry */

struct pfs_compactor {
    struct pfs_compactor_config config;
    struct pfs_pick_rules rules;     /* primary-key tables */
    struct pfs_engine *engine;       /* NULL: an append table */
    int32_t columns, *column;        /* all of them; data evolution: without those of blob files */
    const struct pfs_schema *schema; /* of these columns: as files are written */
    struct pfs_schema narrow;        /* that one, if it is not the state's */
    struct pfs_arena arena;          /* of what it has of its own */
    bool row_ids;                    /* an append table with row tracking: rows keep their ids and numbers */
    bool evolved;                    /* data evolution: files are joined into one, whose entry has the ids */
    bool changes;                    /* changelog-producer = full-compaction or lookup */
    bool lookup;                     /* lookup: records of level 0 are what changes, not those below the top level */
    bool finds;                      /* keys of level 0 are looked for in the levels over the output (spec lsm 7) */
    bool merges_found;               /* and what is found takes part in the merge */
    struct pfs_deletions *vectors;   /* of the state, owned; NULL: it has none */
    struct pfs_deletions *deletions; /* the same while they count; NULL: rows are read as they are */
    bool *compared; /* row-deduplicate: columns that tell whether a row changed; NULL = all changes count */
};

/* Is the file's smallest time so old that a compaction is to rewrite it (spec merge-engines 8)? */
int pfs_file_is_old(const struct pfs_state *state, const struct pfs_manifest_entry *entry, int64_t now_ms, bool *out,
                    struct pfs_err *err);

static inline bool pfs_writes_changes(const struct pfs_compactor *c, const struct pfs_compact_job *job)
{
    return c->changes && (c->lookup || job->to_top);
}

/* Of vectors.c: how many rows of the file its deletion vector leaves out; 0 = it has none. At least 1 where that is not
 * known. */
int64_t pfs_file_marks(const struct pfs_state *state, const struct pfs_manifest_entry *entry);

/* Did its rows come since the last changelog? */
static inline bool pfs_is_news(const struct pfs_compactor *c, const struct pfs_compact_job *job,
                               const struct pfs_manifest_entry *entry)
{
    return c->lookup ? entry->file.level == 0 : entry->file.level < job->level;
}

/* ---- follow.c ---- */

struct pfs_follower {
    struct pfs_reader *reader; /* NULL: at its end */
    struct pfs_arena arena;    /* of the batch */
    struct pfs_batch batch;
    struct pfs_keys keys;
    int64_t at, rows; /* next row, of so many */
};

void pfs_follower_init(struct pfs_follower *follower, struct pfs_reader *in); /* takes the reader */
void pfs_follower_done(struct pfs_follower *follower);                        /* a zeroed one too */
/* Is there a next row? 1, 0, -errno. `key`: the places of the key in the batches. */
int pfs_follower_fill(struct pfs_follower *follower, const int32_t *key, int32_t keys, struct pfs_err *err);
/* Goes on to the first row whose key is not below that one. 1: it is that key; 0; -errno. */
int pfs_follower_has(struct pfs_follower *follower, const int32_t *key, int32_t keys, const struct pfs_keys *other,
                     int64_t row, struct pfs_err *err);

/* ---- found.c: keys of level 0 that there are in levels over the output (spec lsm 7) ---- */

struct pfs_found {
    int32_t files, room;
    struct pfs_found_file {
        const struct pfs_plan_file *file; /* of the job's upper ones, in their order */
        struct pfs_bitmap *rows;          /* of the file; at least one, none that a deletion vector names */
    } * file;
};

/* For one section. moves: its one file stays as it is, with the rows that are too old for a merge. mark (NULL = not
 * wanted): a place each upper file of the job; what is found is added there. Empty when the table needs no look. `read`
 * tells how files are read; its columns do not matter. */
int pfs_found_search(const struct pfs_compactor *c, const struct pfs_data_read *read, const struct pfs_compact_job *job,
                     const struct pfs_section *section, bool moves, struct pfs_bitmap **mark, struct pfs_arena *arena,
                     struct pfs_found *out, struct pfs_err *err);
void pfs_found_done(struct pfs_found *found);

/* ---- found_read.c ---- */

/* The rows as further runs of a merge, which takes their readers; `found` outlives them. */
int pfs_found_open(const struct pfs_found *found, const struct pfs_data_read *read, struct pfs_arena *arena,
                   struct pfs_section_read *into, struct pfs_err *err);
/* Takes `in`, also on failure: key-value batches of all columns in key order; leaves out rows whose key was found. */
int pfs_found_leave_out(const struct pfs_found *found, const struct pfs_data_read *read, struct pfs_arena *arena,
                        struct pfs_reader *in, struct pfs_reader **out, struct pfs_err *err);

/* ---- vectors.c ---- */

/* The deletion vectors of the job's bucket when it is done: without those of files that went, with the marked rows
 * (`mark`: a place each upper file). Makes out->index if they are others than before. */
int pfs_vectors_make(const struct pfs_compactor *c, const struct pfs_compact_job *job, struct pfs_bitmap *const *mark,
                     struct pfs_arena *arena, struct pfs_compacted *out, struct pfs_err *err);

/* ---- cluster.c ---- */

/* What clustering.columns and clustering.strategy say; names in the arena. -EINVAL with the sentence. */
int pfs_cluster_order(const struct pfs_schema *schema, struct pfs_arena *arena, struct pfs_order *out,
                      struct pfs_err *err);
/* Was the file written when clustering.columns were those of today? */
int pfs_cluster_stands(const struct pfs_state *state, const struct pfs_data_file *file, bool *out, struct pfs_err *err);

/* ---- evolved.c: data evolution, where files hold columns of the same rows (spec datafiles 9) ---- */

/* Is it on? Files are then joined, and have neither levels nor rows that went. */
int pfs_evolved_is_on(const struct pfs_schema *schema, bool *out, struct pfs_err *err);
/* The table as those of its files are that hold rows: without the columns of blob files, which no compaction touches.
 * *column: `narrow->columns` places in `schema`; in the arena. -EINVAL, -EOPNOTSUPP with the sentence. */
int pfs_evolved_narrow(const struct pfs_schema *schema, struct pfs_arena *arena, int32_t **column,
                       struct pfs_schema *narrow, struct pfs_err *err);

struct pfs_evolved {
    int64_t ranges;
    struct pfs_pick_range *range; /* ascending, apart */
    int32_t *at;                  /* of each range its first file; the others follow */
    struct pfs_plan_file *file;   /* by row ids */
};

/* The rows of a partition, in the arena. -EIO with the sentence: a file without row ids, or files that share some of
 * their rows but not all. */
int pfs_evolved_ranges(const struct pfs_append_rules *rules, const struct pfs_split *split, struct pfs_arena *arena,
                       struct pfs_evolved *out, struct pfs_err *err);
/* The one file that a job made: it has the rows that there were, under their ids, and the numbers of all its files. */
void pfs_evolved_number(const struct pfs_compact_job *job, struct pfs_manifest_entry *made);

/* ---- rewrite.c ---- */

struct pfs_rewritten { /* ADD entries in the arena of the job */
    struct pfs_manifest_entry *entry, *changelog;
    int64_t entries, changelogs;
};

/* Reads the sections one after the other (append tables: the files of the job) and writes their rows as new files at
 * the output level, with their changes where the table wants them. moves: the files stay, and only the changes are
 * written, and what is found of their keys is marked. mark: as pfs_found_search. */
int pfs_rewrite(const struct pfs_compactor *c, const struct pfs_compact_job *job, const struct pfs_section *section,
                int32_t sections, bool moves, struct pfs_budget budget, struct pfs_bitmap **mark,
                struct pfs_arena *arena, struct pfs_rewritten *out, struct pfs_err *err);

/* ---- effects.c ---- */

/* What a compaction to the top level changes there (spec changelog 2, full-compaction and lookup): of each key with a
 * record that is news its row before, and the merged one. Of one section; one thread. */
struct pfs_effects;

/* `read`: as the section is read. found: records over the output level, which are rows before; outlives the answer.
 * Rows go to the writer (borrowed), of changelog files. */
int pfs_effects_open(const struct pfs_compactor *c, const struct pfs_section_read *read,
                     const struct pfs_section *section, const struct pfs_found *found,
                     const struct pfs_compact_job *job, struct pfs_data_writer *to, struct pfs_effects **out,
                     struct pfs_err *err);
/* The next merged rows of the section, deletes among them. */
int pfs_effects_add(struct pfs_effects *effects, const struct pfs_batch *merged, struct pfs_err *err);
void pfs_effects_close(struct pfs_effects *effects); /* NULL allowed */
