/* internal.h - what the engines share. Private to the suite.
 *
 * Merging groups has three parts. First it is decided, once for all columns, what each record does: its steps. Then
 * each column is folded by a kernel. Most functions only select: the answer is the value of one of the records, or
 * NULL. So a kernel says which record, and values of any type need no more than that; the few functions that compute
 * make a column of their own. Last, all columns are gathered by these picks.
 */
#pragma once

#include "src/merge/engine.h"

/* ---- picks: an answer that is not gathered yet ---- */

struct pfs_picks {
    const struct pfs_batch *const *source; /* those of the groups; partial-update and aggregation add one */
    const struct pfs_record **column;      /* for each column of the batches: a record for each group */
};

/* Decides for each group. Everything lives in the arena. */
int pfs_engine_pick(const struct pfs_engine *engine, const struct pfs_groups *groups, struct pfs_arena *arena,
                    struct pfs_picks *out, struct pfs_err *err);

/* Gathers `rows` rows: a range of source -1 stands for the picks of groups from, from + 1, ..., other ranges for rows
 * of the sources. `groups` in all may be picked. */
int pfs_picks_gather(const struct pfs_picks *picks, int64_t groups, int32_t columns, const struct pfs_range *range,
                     int64_t ranges, int64_t rows, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err);

/* ---- folding one column ---- */

/* What a record does to a column; a take comes before anything else that the record does. */
enum pfs_step {
    PFS_STEP_TAKE = 1,         /* the state becomes the record, whole */
    PFS_STEP_ADD = 2,          /* acc = f(acc, in) */
    PFS_STEP_ADD_OLD = 4,      /* older than its group: acc = f(in, acc) */
    PFS_STEP_RETRACT = 8,      /* acc = f.retract(acc, in) */
    PFS_STEP_RETRACT_OLD = 16, /* the same, but older than its group: for functions alone */
};

#define PFS_STEPS_ADD (PFS_STEP_ADD | PFS_STEP_ADD_OLD)
#define PFS_STEPS_RETRACT (PFS_STEP_RETRACT | PFS_STEP_RETRACT_OLD)

struct pfs_function_use { /* a function on a column */
    const struct pfs_function *function;
    const struct pfs_type *type;
    const char *column;
    struct pfs_slice delimiter; /* listagg */
    bool distinct, ignore_retract;
    int32_t nested_keys; /* nested_update, nested_partial_update: fields of the array's rows */
    const int32_t *nested_key;
    int64_t count_limit; /* nested_update */
    int32_t ts_field;    /* merge_map_with_keytime: field of the map's rows */
};

struct pfs_fold {
    const struct pfs_function_use *use;
    int64_t keys;
    const int64_t *start;   /* keys + 1: the records of key k are start[k] .. start[k + 1] - 1, oldest first */
    const uint8_t *step;    /* of each record, enum pfs_step */
    const uint8_t *present; /* of each record: its value is not NULL; itself NULL when all are present */
    struct pfs_column in;   /* the values of all records, for functions that look at them */
};

static inline bool pfs_fold_has(const struct pfs_fold *f, int64_t record)
{
    return f->present == NULL || f->present[record];
}

/* pick[k]: the record whose value key k gets; -1 = NULL. */
typedef int pfs_select_fn(const struct pfs_fold *f, int32_t *pick, struct pfs_err *err);
/* The values of all keys. */
typedef int pfs_compute_fn(const struct pfs_fold *f, struct pfs_arena *arena, struct pfs_column *out,
                           struct pfs_err *err);

struct pfs_function {
    const char *name;
    int (*check)(const struct pfs_function_use *use, struct pfs_err *err); /* of the column's type: -EINVAL */
    pfs_select_fn *select;                                                 /* either this */
    pfs_compute_fn *compute;                                               /* or this */
    bool looks;    /* wants the values, not only which are there */
    bool retracts; /* can take back */
    bool forgets;  /* what it takes back from NULL is lost */
};

/* -EINVAL: unknown to Paimon. */
int pfs_function_find(const char *name, const struct pfs_function **out, struct pfs_err *err);

/* select.c; the first four are for columns without a function. */
pfs_select_fn pfs_select_key;       /* of the primary key: all records agree */
pfs_select_fn pfs_select_overwrite; /* partial-update: values that are not NULL overwrite */
pfs_select_fn pfs_select_protected; /* in a sequence group: the newest record's, NULL after a retract */
pfs_select_fn pfs_select_sequence;  /* the group's own columns: the newest record's */
pfs_select_fn pfs_select_max, pfs_select_min, pfs_select_last_value, pfs_select_last_non_null, pfs_select_first_value,
    pfs_select_first_non_null, pfs_select_primary_key;

/* compute.c, listagg.c, collect.c, maps.c, sketches.c */
pfs_compute_fn pfs_compute_sum, pfs_compute_product, pfs_compute_bool_and, pfs_compute_bool_or, pfs_compute_listagg;
pfs_compute_fn pfs_compute_collect, pfs_compute_nested_update, pfs_compute_nested_partial, pfs_compute_merge_map,
    pfs_compute_keytime;
pfs_compute_fn pfs_compute_rbm32, pfs_compute_rbm64, pfs_compute_theta, pfs_compute_hll;
/* Sets values and validity (a byte a key: present) of a computed column. */
int pfs_computed(const struct pfs_fold *f, const void *values, const uint8_t *some, struct pfs_arena *arena,
                 struct pfs_column *out, struct pfs_err *err);

/* ---- engines ---- */

struct pfs_sequence_group {
    int32_t sequences;
    int32_t *sequence; /* places of its sequence columns among the engine's */
    bool removes;      /* one of them is in partial-update.remove-record-on-sequence-group */
};

enum pfs_role { PFS_ROLE_PLAIN, PFS_ROLE_KEY, PFS_ROLE_SEQUENCE, PFS_ROLE_PROTECTED };

struct pfs_engine_column {
    int32_t index; /* in the schema */
    const struct pfs_type *type;
    enum pfs_role role;
    int32_t group; /* -1 = none */
    bool has_function;
    struct pfs_function_use use; /* function and what belongs to it when has_function; column and type always */
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
    bool grouped;          /* the table has sequence groups, read or not */
    int32_t groups;        /* those that are read */
    struct pfs_sequence_group *group;
};

/* The two ways to merge. */
int pfs_pick_record(const struct pfs_engine *engine, const struct pfs_groups *groups, struct pfs_arena *arena,
                    struct pfs_picks *out, struct pfs_err *err);
int pfs_pick_folded(const struct pfs_engine *engine, const struct pfs_groups *groups, struct pfs_arena *arena,
                    struct pfs_picks *out, struct pfs_err *err);

/* Reads sequence groups and functions from the options. */
int pfs_engine_read_groups(struct pfs_engine *engine, struct pfs_err *err);
int pfs_engine_read_functions(struct pfs_engine *engine, struct pfs_err *err);
/* Orders the records of each group as the engine wants them: by sequence.field, then by number. *out has the same shape
 * as groups->record. */
int pfs_engine_order(const struct pfs_engine *engine, const struct pfs_groups *groups, struct pfs_arena *arena,
                     const struct pfs_record **out, struct pfs_err *err);
/* NULL is the smallest, and in descending order loses too. < 0, 0, > 0. */
int pfs_order_compare(const struct pfs_column *a, int32_t row_a, const struct pfs_column *b, int32_t row_b,
                      bool descending);

static inline int8_t pfs_record_kind(const struct pfs_engine *e, const struct pfs_groups *g, const struct pfs_record *r)
{
    return ((const int8_t *)g->source[r->source]->column[e->columns + 1].values)[r->row];
}

/* "fields.<names>.<what>": the names between; false for another key. */
bool pfs_field_option(const char *key, const char *what, struct pfs_slice *names);
/* ignore-delete, or as it was called before. */
int pfs_engine_ignores_deletes(const struct pfs_schema *schema, bool *out, struct pfs_err *err);

/* -U and -D are the odd kinds. */
static inline bool pfs_kind_retracts(int8_t kind)
{
    return (kind & 1) != 0;
}
