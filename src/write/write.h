/* write.h - rows of one transaction on their way to level-0 files: gate, route, buffer, sort, merge, write.
 *
 * Rows are added in batches as the text parser gives them: the table's columns in order, then the row kind. The gate
 * (spec merge-engines 1) applies rowkind.field, ignore-delete and ignore-update-before; NOT NULL and defaults are the
 * parser's. Rows wait in memory, counted as it is allocated; above the budget they are sorted, merged and put aside as
 * runs in a file without a name, or where a table's options or kind ask for it, become level-0 files that belong to no
 * snapshot yet (write-buffer-spillable = false, changelog-producer = input, append tables, keys that move between
 * partitions, postponed rows). prepare merges what is left into few files and says what to commit.
 *
 * Sequence numbers follow the bucket's greatest live one in the given state; dynamic buckets are assigned through the
 * hash index of that state (spec buckets 4). With bucket = -2 rows are neither sorted nor merged nor numbered: that is
 * left to the compaction that gives them real buckets (spec buckets 7). After a lost race prepare is called again with
 * the newer state: what no longer fits (a greater sequence number, another assignment) is written anew. Files that
 * never got into a snapshot are removed. Threads: one write, one thread at a time.
 */
#pragma once

#include "base/clock.h"
#include "base/pool.h"
#include "format/batch.h"
#include "src/scan/state.h"

struct pfs_write;

struct pfs_write_config {
    struct pfs_store *store;
    const char *table; /* the main table's directory */
    const struct pfs_schema *schema;
    struct pfs_schemas *schemas;
    const struct pfs_external *external; /* where files outside of the table may lie; NULL = nowhere */
    size_t memory_bytes;                 /* rows held in memory; 0 = 64 MiB */
    const struct pfs_clock *clock;
    struct pfs_pool *pool; /* buckets are sorted and written in parallel; NULL = on the caller alone */
    bool overwrite;        /* what is there will be replaced: numbers begin at 0, keys are assigned to buckets as in an
                              empty table, and the number of buckets may differ from that of the partition's files */
    const char *user;      /* of the commit: names of files in the postpone bucket tell it; NULL = one made up */
    const char *scratch_dir; /* where sorted rows beyond the budget wait, in a file without a name; NULL = /var/tmp */
};

struct pfs_write_files {
    int64_t entries;
    const struct pfs_manifest_entry *entry; /* ADDs */
    int64_t indexes;
    const struct pfs_index_entry *index; /* each replaces the one of its partition, bucket and type */
    int64_t changelogs;
    const struct pfs_manifest_entry *changelog; /* files of changelog-producer = input; none of an overwrite */
};

/* `config` is copied, what it points to is borrowed. -EOPNOTSUPP: pfs_schema_supported(writing) says why. */
int pfs_write_open(const struct pfs_write_config *config, struct pfs_write **out, struct pfs_err *err);
/* Takes what is in the arena (it is empty afterwards) also on failure; `batch` lives in it. `state` is used when the
 * budget forces rows out. A null partition column is a partition of its own; a null key -EINVAL. */
int pfs_write_add(struct pfs_write *write, struct pfs_arena *arena, const struct pfs_batch *batch,
                  struct pfs_state *state, struct pfs_err *err);
/* The rows that a write of that schema lets pass, with the kinds that count. In the arena; shares memory with `batch`.
 */
int pfs_write_gate(const struct pfs_schema *schema, const struct pfs_batch *batch, struct pfs_arena *arena,
                   struct pfs_batch *out, struct pfs_err *err);
int64_t pfs_write_rows(const struct pfs_write *write); /* that passed the gate */

/* Everything in memory becomes level-0 files now, synced; they fit `state`. *out, until the next call, lists all files
 * of this write so far (no indexes: those are made by prepare). The listed files are the caller's from then on, who
 * names them in a journal: neither close nor a prepare that replaces them removes them, pfs_write_committed removes
 * those that were replaced. */
int pfs_write_spill(struct pfs_write *write, struct pfs_state *state, struct pfs_write_files *out, struct pfs_err *err);
/* Files that a spill of another process (or another write) listed, in its order, become part of this one, in front of
 * what is added later; entries are copied. They are published as they are when they fit the state of prepare; else, and
 * always when buckets are dynamic, their rows are read back and written anew. Files of older schemas are allowed. The
 * files stay the caller's as above; a file that is gone is -EIO. With changelog-producer = input the changelog of files
 * that come without theirs is made of their rows, merged as they are. */
int pfs_write_adopt(struct pfs_write *write, const struct pfs_write_files *files, struct pfs_state *state,
                    struct pfs_err *err);
/* The rows of a file of the postpone bucket, of any schema of the table, in their order, as if they were added now; the
 * gate has let them pass already. `state` as in pfs_write_add. */
int pfs_write_add_postponed(struct pfs_write *write, const struct pfs_manifest_entry *entry, struct pfs_state *state,
                            struct pfs_err *err);
/* Puts the rows of `from` behind those of `into`, which has the same schema: those in memory are moved, those that are
 * files already are read back (large writes are better committed alone). `from` is empty afterwards, also on failure;
 * its listed files stay, and are removed when `into` is committed. */
int pfs_write_take(struct pfs_write *into, struct pfs_write *from, struct pfs_state *state, struct pfs_err *err);

/* Everything durable as files that fit `state`; *out lives until the next call. */
int pfs_write_prepare(struct pfs_write *write, struct pfs_state *state, struct pfs_write_files *out,
                      struct pfs_err *err);
/* The prepared files are named by a snapshot now: they stay; listed files that were replaced by others are removed. The
 * write is empty and may be used again. */
void pfs_write_committed(struct pfs_write *write);
/* NULL allowed. Removes files that were neither committed nor listed by pfs_write_spill. */
void pfs_write_close(struct pfs_write *write);
