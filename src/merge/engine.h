/* engine.h - merge engines: what is left of the records of one key (spec merge-engines).
 *
 * An engine is made once from a schema for a set of columns and then only read. It works on groups: the records of one
 * key, oldest first, each a row of some source batch. Work goes column by column: deduplicate and first-row only select
 * rows, which are then gathered; partial-update and aggregation run one loop a column over all groups.
 *
 * The batches it takes and gives have the engine's columns, then _SEQUENCE_NUMBER (BIGINT) and _VALUE_KIND (TINYINT,
 * enum pfs_row_kind): "key-value batches". Threads: any number of users of one engine.
 */
#pragma once

#include "format/batch.h"
#include "src/merge/key.h"
#include "src/meta/schema.h"

struct pfs_engine;

/* For the columns columns[0..count-1] of the schema (indexes; they include the trimmed key, the sequence fields and
 * what pfs_engine_needs said). Takes nothing; the schema outlives the engine. -EINVAL: malformed options; -EOPNOTSUPP:
 * a function over values of a type that it cannot compare yet, named. */
int pfs_engine_open(const struct pfs_schema *schema, const int32_t *columns, int32_t count, struct pfs_engine **out,
                    struct pfs_err *err);
void pfs_engine_close(struct pfs_engine *engine); /* NULL allowed */

/* Does the table's engine take its options? -EINVAL with Paimon's sentence. Types of functions are checked by open. */
int pfs_engine_check(const struct pfs_schema *schema, struct pfs_err *err);

/* Which columns a read of the wanted ones has to read so that rows and values come out right: wanted, keys, sequence
 * fields, sequence columns of their groups. A group none of whose columns is among them is left out with its rule for
 * removing rows, as Paimon does. needs has a place for each schema column. */
int pfs_engine_needs(const struct pfs_schema *schema, const int32_t *wanted, int32_t count, bool *needs,
                     struct pfs_err *err);

/* Does merging a retract with other new records of its key lose it where what it takes back is older than they are?
 * Then what was written apart must not be merged before it is written. */
int pfs_engine_forgets(const struct pfs_schema *schema, bool *out, struct pfs_err *err);

/* Which rows merging may refuse: none, those that take something back, any. */
enum pfs_refusal { PFS_REFUSES_NONE, PFS_REFUSES_RETRACTS, PFS_REFUSES_ANY };
int pfs_engine_refuses(const struct pfs_schema *schema, enum pfs_refusal *out, struct pfs_err *err);

struct pfs_record {
    int32_t source; /* which batch */
    int32_t row;
};

struct pfs_groups {
    const struct pfs_batch *const *source; /* key-value batches */
    int32_t sources;
    int64_t groups;
    const int64_t *start; /* groups + 1: group g is record[start[g]] .. record[start[g + 1] - 1], at least one */
    const struct pfs_record
        *record; /* in order of writing: by sequence number; the engine orders by sequence.field itself */
    const bool
        *several; /* NULL, or of each group: it had records that do not count, and is folded also when one is left */
    bool alone;   /* a group of one record is folded too (spec merge-engines 1.2) */
    bool flush;   /* merging a write buffer: sequence.field sorts ascending whatever its order says (1.4.2) */
};

/* One row a group, in order, retracts included (marked by their kind); a group of one record passes through untouched,
 * but for `several` and `alone`.
 * -EINVAL with Paimon's sentence for records that the engine does not accept (a delete in partial-update without an
 * option for it, ...). The result may share memory with the sources. */
int pfs_engine_merge(const struct pfs_engine *engine, const struct pfs_groups *groups, struct pfs_arena *arena,
                     struct pfs_batch *out, struct pfs_err *err);

/* Deletes rows whose kind is -U or -D from a key-value batch (the last stage of a read). */
int pfs_engine_drop_deletes(const struct pfs_batch *in, struct pfs_arena *arena, struct pfs_batch *out,
                            struct pfs_err *err);
