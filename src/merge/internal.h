/* internal.h - what the engines share: columns being built, the functions, the groups of a merge. Private to the suite.
 *
 * partial-update and aggregation fold the records of a key. Work is laid out by column: for each column one loop over
 * all groups, each folding its records oldest first. What a record does to a column (add, retract, take a whole row,
 * nothing; arguments swapped) is decided once for all columns, in steps.
 */
#pragma once

#include "src/merge/engine.h"

/* A column under construction: fixed values, or slices gathered at the end. */
struct pfs_cell {
    bool present;
    union {
        int64_t i;
        double d;
        pfs_i128 wide; /* DECIMAL(p > 18); struct pfs_time96 as its 16 bytes */
        struct pfs_slice bytes;
        struct { /* nested: a value of a source, never computed */
            int32_t source, row;
        } at;
    } v;
};

void pfs_cell_read(const struct pfs_column *column, int32_t source, int64_t row, struct pfs_cell *out);
/* A column of `rows` cells. Nested cells are gathered from the sources' column `index`. */
int pfs_cells_build(const struct pfs_type *type, const struct pfs_cell *cell, int64_t rows,
                    const struct pfs_batch *const *source, int32_t sources, int32_t index, struct pfs_arena *arena,
                    struct pfs_column *out, struct pfs_err *err);
/* Orders two present cells of one type; < 0, 0, > 0. */
int pfs_cell_compare(const struct pfs_type *type, const struct pfs_cell *a, const struct pfs_cell *b);

/* ---- aggregate functions ---- */

struct pfs_fold { /* state of one column of one key */
    struct pfs_cell acc;
    bool started; /* first_value: a value was taken; first_non_null_value: one that is not null */
};

struct pfs_function_use { /* a function on a column */
    const struct pfs_function *function;
    const struct pfs_type *type;
    const char *column;
    struct pfs_slice delimiter; /* listagg */
    bool distinct, ignore_retract;
};

struct pfs_function {
    const char *name;
    /* -EINVAL with Paimon's sentence when the column's type is none for it. */
    int (*check)(const struct pfs_function_use *use, struct pfs_err *err);
    /* acc = f(acc, in); with swapped, f(in, acc): a record older than what is there. */
    int (*add)(const struct pfs_function_use *use, struct pfs_fold *fold, const struct pfs_cell *in, bool swapped,
               struct pfs_arena *arena, struct pfs_err *err);
    /* NULL: retraction is not supported. */
    int (*retract)(const struct pfs_function_use *use, struct pfs_fold *fold, const struct pfs_cell *in,
                   struct pfs_err *err);
};

/* -EINVAL: unknown; -EOPNOTSUPP: known to Paimon and not there yet. */
int pfs_function_find(const char *name, const struct pfs_function **out, struct pfs_err *err);
int pfs_function_retract(const struct pfs_function_use *use, struct pfs_fold *fold, const struct pfs_cell *in,
                         struct pfs_err *err);

/* ---- engines ---- */

struct pfs_sequence_group {
    int32_t sequences;
    int32_t *sequence; /* places of its sequence columns among the engine's */
    bool removes;      /* one of them is in partial-update.remove-record-on-sequence-group */
};

enum pfs_role { PFS_ROLE_PLAIN, PFS_ROLE_SEQUENCE, PFS_ROLE_PROTECTED };

struct pfs_engine_column {
    int32_t index; /* in the schema */
    const struct pfs_type *type;
    enum pfs_role role;
    int32_t group; /* -1 = none */
    bool has_function;
    struct pfs_function_use use; /* when has_function */
};

struct pfs_engine {
    const struct pfs_schema *schema;
    struct pfs_arena arena;
    int32_t columns;
    struct pfs_engine_column *column;
    int32_t sequence_fields; /* sequence.field */
    int32_t *sequence_field; /* places among the engine's columns */
    bool descending;
    bool ignore_delete;
    bool remove_on_delete; /* of partial-update or aggregation */
    int32_t groups;
    struct pfs_sequence_group *group;
};

/* The three ways to merge; each gives one row a group. */
int pfs_merge_select(const struct pfs_engine *engine, const struct pfs_groups *groups, bool newest,
                     struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err);
int pfs_merge_fold(const struct pfs_engine *engine, const struct pfs_groups *groups, struct pfs_arena *arena,
                   struct pfs_batch *out, struct pfs_err *err);

/* Reads sequence groups and functions from the options; engine.c and groups.c. */
int pfs_engine_read_groups(struct pfs_engine *engine, struct pfs_err *err);
int pfs_engine_read_functions(struct pfs_engine *engine, struct pfs_err *err);
/* Orders the records of each group as the engine wants them: by sequence.field, then by number. *out has the same shape
 * as groups->record. */
int pfs_engine_order(const struct pfs_engine *engine, const struct pfs_groups *groups, struct pfs_arena *arena,
                     const struct pfs_record **out, struct pfs_err *err);
