/* plan.c - the files of a state, sorted into what is read together.
 *
 *   plan      split, split, ...              a partition and bucket each, in the order of rows
 *   split     section, section, ...          primary keys: files whose key ranges meet, sections in order of keys
 *             file, file, ...                append tables: in the order of reading
 *
 * Partitions are told apart by their serialised bytes, which are sorted to find each one's rank by value; then one sort
 * of the files by (rank, bucket, place in the state) puts all of a split side by side.
 */
#include "src/scan/plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "format/binrow.h"

struct partition {
    struct pfs_slice bytes;
    struct pfs_column *value; /* one row a partition key */
    int32_t count;
};

struct candidate {
    const struct pfs_manifest_entry *entry;
    int64_t order; /* in the state's list */
    int32_t rank;  /* of its partition among all */
    const struct pfs_column *value;
};

static int compare_bytes(const void *a, const void *b)
{
    return pfs_slice_compare(((const struct partition *)a)->bytes, ((const struct partition *)b)->bytes);
}

int pfs_scan_partition_compare(const struct pfs_column *a, const struct pfs_column *b, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        bool has_a = pfs_column_present(&a[i], 0), has_b = pfs_column_present(&b[i], 0);
        int order = has_a && has_b ? pfs_value_compare(&a[i], 0, &b[i], 0) : (int)has_a - (int)has_b;

        if (order != 0)
            return order;
    }
    return 0;
}

/* By value; partitions that differ in bytes only (there are none) by bytes. */
static int compare_values(const void *left, const void *right)
{
    const struct partition *a = left, *b = right;
    int order = pfs_scan_partition_compare(a->value, b->value, a->count);

    return order != 0 ? order : pfs_slice_compare(a->bytes, b->bytes);
}

/* Partitions of two states: bytes of one and values decoded by both; the value decides, as it does inside a plan. */
int pfs_split_compare(const struct pfs_split *a, const struct pfs_split *b, int32_t partition_keys)
{
    const struct partition left = {a->partition, (struct pfs_column *)(uintptr_t)a->value, partition_keys};
    const struct partition right = {b->partition, (struct pfs_column *)(uintptr_t)b->value, partition_keys};
    int order = compare_values(&left, &right);

    return order != 0 ? order : a->bucket < b->bucket ? -1 : a->bucket > b->bucket;
}

static int decode_partition(const struct pfs_schema *schema, struct pfs_slice bytes, struct pfs_arena *arena,
                            struct partition *out, struct pfs_err *err)
{
    size_t count = (size_t)schema->partition_keys;
    const struct pfs_type **types = pfs_arena_array(arena, count, sizeof(*types));
    struct pfs_column *value = pfs_arena_array(arena, count, sizeof(*value));

    if (types == NULL || value == NULL)
        return pfs_arena_full(arena, err);
    for (size_t i = 0; i < count; i++)
        types[i] = &schema->field[schema->partition_key[i]].type;
    PFS_TRY(pfs_binrow_parse(bytes, types, (int32_t)count, arena, value, err));
    *out = (struct partition){bytes, value, (int32_t)count};
    return 0;
}

/* The distinct partitions of the live files, sorted by value; with both those of the fallback branch too. */
static int partitions_of(const struct pfs_state *state, bool both, struct pfs_arena *arena, struct partition **out,
                         int64_t *count, struct pfs_err *err)
{
    const struct pfs_state *fallback = both ? state->fallback : NULL;
    int64_t files = state->files + (fallback != NULL ? fallback->files : 0), n = 0;
    struct partition *all = pfs_arena_array(arena, (size_t)files, sizeof(*all));

    if (all == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < files; i++)
        all[i].bytes = (i < state->files ? state->file[i] : fallback->file[i - state->files])->partition;
    qsort(all, (size_t)files, sizeof(*all), compare_bytes);
    for (int64_t i = 0; i < files; i++)
        if (n == 0 || !pfs_slice_eq(all[n - 1].bytes, all[i].bytes))
            all[n++] = all[i];
    assert(n <= files);
    for (int64_t i = 0; i < n; i++)
        PFS_TRY(decode_partition(state->schema, all[i].bytes, arena, &all[i], err));
    qsort(all, (size_t)n, sizeof(*all), compare_values);
    *out = all;
    *count = n;
    return 0;
}

int pfs_scan_partitions(const struct pfs_state *state, struct pfs_arena *arena, const struct pfs_slice **out,
                        int64_t *count, struct pfs_err *err)
{
    struct partition *all;
    struct pfs_slice *bytes;

    PFS_TRY(partitions_of(state, true, arena, &all, count, err));
    bytes = pfs_arena_array(arena, (size_t)*count, sizeof(*bytes));
    if (bytes == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < *count; i++)
        bytes[i] = all[i].bytes;
    *out = bytes;
    return 0;
}

int pfs_scan_partition_values(const struct pfs_state *state, struct pfs_slice partition, struct pfs_arena *arena,
                              struct pfs_column **out, struct pfs_err *err)
{
    struct partition p;

    PFS_TRY(decode_partition(state->schema, partition, arena, &p, err));
    *out = p.value;
    return 0;
}

bool pfs_scan_partition_matches(const struct pfs_schema *schema, const struct pfs_column *value,
                                const struct pfs_partition_value *held, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        for (int32_t k = 0; k < schema->partition_keys; k++) {
            bool has;

            if (schema->partition_key[k] != held[i].column)
                continue;
            has = pfs_column_present(&held[i].value, 0);
            if (has != pfs_column_present(&value[k], 0) ||
                (has && pfs_value_compare(&held[i].value, 0, &value[k], 0) != 0))
                return false;
        }
    return true;
}

static int compare_ranked(const void *key, const void *item)
{
    return compare_bytes(key, item);
}

struct ranked { /* a partition by its bytes, for looking it up */
    struct partition partition;
    int32_t rank;
    bool wanted;
};

/* The postpone bucket is never read. */
static bool is_read(const struct pfs_scan_want *want, int32_t top, const struct pfs_manifest_entry *e)
{
    const struct pfs_schema *schema = want->state->schema;
    int32_t level = e->file.level;

    if (e->bucket < 0)
        return false;
    if (schema->primary_keys == 0)
        return true;
    switch (want->levels) {
    case PFS_LEVELS_BATCH:
        return level > 0 || !(schema->deletion_vectors || schema->engine == PFS_FIRST_ROW);
    case PFS_LEVELS_UPPER:
        return level > 0;
    case PFS_LEVELS_TOP:
        return level == top;
    case PFS_LEVELS_ALL:
        break;
    }
    return true;
}

/* num-levels - 1, which counts from the compaction trigger when it is not set. */
static int top_level(const struct pfs_schema *schema, int32_t *out, struct pfs_err *err)
{
    int64_t trigger, levels;

    PFS_TRY(pfs_options_int(&schema->options, "num-sorted-run.compaction-trigger", 5, &trigger, err));
    PFS_TRY(pfs_options_int(&schema->options, "num-levels", trigger + 1, &levels, err));
    *out = levels > INT32_MAX ? INT32_MAX : (int32_t)levels - 1;
    return 0;
}

bool pfs_plan_has_single_keys(const struct pfs_scan_want *want)
{
    const struct pfs_schema *schema = want->state->schema;

    return want->levels != PFS_LEVELS_ALL && (schema->deletion_vectors || schema->engine == PFS_FIRST_ROW);
}

/* Does a file that is read hold rows that no other file changes? Then its values say what it may give. */
static int rows_are_whole(const struct pfs_scan_want *want, bool *out, struct pfs_err *err)
{
    const struct pfs_schema *schema = want->state->schema;
    bool evolves;

    PFS_TRY(pfs_options_bool(&schema->options, "data-evolution.enabled", false, &evolves, err));
    *out = schema->primary_keys > 0 ? pfs_plan_has_single_keys(want) : !evolves;
    return 0;
}

static int compare_slices(const void *a, const void *b)
{
    return pfs_slice_compare(*(const struct pfs_slice *)a, *(const struct pfs_slice *)b);
}

int pfs_plan_existing(const struct pfs_scan_want *want, struct pfs_arena *arena, const struct pfs_slice **out,
                      int64_t *count, struct pfs_err *err)
{
    const struct pfs_state *state = want->state;
    struct pfs_slice *all = pfs_arena_array(arena, (size_t)state->files, sizeof(*all));
    int64_t files = 0;
    int32_t top;

    if (all == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(top_level(state->schema, &top, err));
    for (int64_t i = 0; i < state->files; i++)
        if (is_read(want, top, state->file[i]))
            all[files++] = state->file[i]->partition;
    qsort(all, (size_t)files, sizeof(*all), compare_slices);
    *count = 0;
    for (int64_t i = 0; i < files; i++)
        if (i == 0 || !pfs_slice_eq(all[*count - 1], all[i]))
            all[(*count)++] = all[i];
    *out = all;
    return 0;
}

/* By bytes: both branches serialise the same values the same way. */
static bool is_excepted(const struct pfs_scan_want *want, struct pfs_slice partition)
{
    return want->excepts > 0 &&
           bsearch(&partition, want->except, (size_t)want->excepts, sizeof(partition), compare_slices) != NULL;
}

/* Partitions that are held, and may match. `scratch` is reset. */
static int want_partition(const struct pfs_scan_want *want, const struct pfs_pruner *pruner, struct ranked *r,
                          struct pfs_arena *scratch, struct pfs_err *err)
{
    r->wanted =
        pfs_scan_partition_matches(want->state->schema, r->partition.value, want->partition, want->partitions) &&
        !is_excepted(want, r->partition.bytes);
    pfs_arena_reset(scratch);
    return r->wanted ? pfs_prune_partition(pruner, r->partition.value, scratch, &r->wanted, err) : 0;
}

/* The files that are read and may hold a row that is wanted. What is known of a file's values counts only where none of
 * its rows may be changed by another file: else the row that hides an older one might be left out, and that one shown.
 */
static int collect(const struct pfs_scan_want *want, const struct pfs_pruner *pruner, struct pfs_arena *arena,
                   struct pfs_arena *scratch, struct candidate **out, int64_t *count, struct pfs_err *err)
{
    bool alone;
    const struct pfs_state *state = want->state;
    struct candidate *files = pfs_arena_array(arena, (size_t)state->files, sizeof(*files));
    struct partition *all;
    struct ranked *ranked;
    int64_t partitions, n = 0;
    int32_t top;

    PFS_TRY(top_level(state->schema, &top, err));
    PFS_TRY(rows_are_whole(want, &alone, err));
    PFS_TRY(partitions_of(state, false, arena, &all, &partitions, err));
    ranked = pfs_arena_array(arena, (size_t)partitions, sizeof(*ranked));
    if (files == NULL || ranked == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < partitions; i++) {
        ranked[i] = (struct ranked){all[i], (int32_t)i, false};
        PFS_TRY(want_partition(want, pruner, &ranked[i], scratch, err));
    }
    qsort(ranked, (size_t)partitions, sizeof(*ranked), compare_bytes);
    for (int64_t i = 0; i < state->files; i++) {
        struct partition key = {.bytes = state->file[i]->partition};
        const struct ranked *r = bsearch(&key, ranked, (size_t)partitions, sizeof(*ranked), compare_ranked);
        bool may;

        assert(r != NULL); /* the partitions are those of these files */
        may = r->wanted && is_read(want, top, state->file[i]);

        pfs_arena_reset(scratch);
        if (may)
            PFS_TRY(pfs_prune_file(pruner, state->file[i], r->partition.value,
                                   alone ? PFS_PRUNE_VALUES : PFS_PRUNE_KEYS, scratch, &may, err));
        if (may)
            files[n++] = (struct candidate){state->file[i], i, r->rank, r->partition.value};
    }
    *out = files;
    *count = n;
    return 0;
}

static int compare_candidates(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;

    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    if (a->entry->bucket != b->entry->bucket)
        return a->entry->bucket < b->entry->bucket ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

int pfs_plan_bound(const struct pfs_schema *schema, struct pfs_slice row, struct pfs_arena *arena, struct pfs_keys *out,
                   struct pfs_err *err)
{
    size_t count = (size_t)schema->trimmed_keys;
    const struct pfs_type **types = pfs_arena_array(arena, count, sizeof(*types));
    int32_t *index = pfs_arena_array(arena, count, sizeof(*index));
    struct pfs_batch one = {1, (int32_t)count, pfs_arena_array(arena, count, sizeof(*one.column))};

    assert(count > 0);
    if (types == NULL || index == NULL || one.column == NULL)
        return pfs_arena_full(arena, err);
    for (size_t i = 0; i < count; i++) {
        types[i] = &schema->field[schema->trimmed_key[i]].type;
        index[i] = (int32_t)i;
    }
    PFS_TRY(pfs_binrow_parse(row, types, (int32_t)count, arena, one.column, err));
    for (size_t i = 0; i < count; i++)
        if (!pfs_column_present(&one.column[i], 0))
            return pfs_fail(err, EIO, "its key range has a null");
    return pfs_keys_of(&one, index, (int32_t)count, arena, out, err);
}

static int compare_min(const void *left, const void *right)
{
    const struct pfs_plan_file *a = left, *b = right;

    return pfs_keys_compare(&a->min, 0, &b->min, 0);
}

int pfs_plan_sections(const struct pfs_plan_file *file, int32_t files, struct pfs_arena *arena,
                      struct pfs_section **out, int32_t *sections, struct pfs_err *err)
{
    struct pfs_section *section = pfs_arena_array(arena, (size_t)files, sizeof(*section));
    const struct pfs_keys *max = NULL;

    if (section == NULL)
        return pfs_arena_full(arena, err);
    *sections = 0;
    for (int32_t i = 0; i < files; i++) {
        const struct pfs_plan_file *f = &file[i];

        assert(i == 0 || pfs_keys_compare(&file[i - 1].min, 0, &f->min, 0) <= 0);
        if (max == NULL || pfs_keys_compare(&f->min, 0, max, 0) > 0) {
            section[(*sections)++] = (struct pfs_section){0, f};
            max = &f->max;
        }
        section[*sections - 1].files++;
        if (pfs_keys_compare(&f->max, 0, max, 0) > 0)
            max = &f->max;
    }
    assert(*sections <= files);
    *out = section;
    return 0;
}

/* Key ranges are the manifest's: a damaged one is told here, before a merge would go wrong by it. */
static int make_sections(const struct pfs_schema *schema, struct pfs_split *split, struct pfs_arena *arena,
                         struct pfs_err *err)
{
    for (int32_t i = 0; i < split->files; i++) {
        struct pfs_plan_file *f = &split->file[i];

        if (pfs_plan_bound(schema, f->entry->file.min_key, arena, &f->min, err) < 0 ||
            pfs_plan_bound(schema, f->entry->file.max_key, arena, &f->max, err) < 0)
            return pfs_wrap(err, "data file %s", f->entry->file.name);
    }
    qsort(split->file, (size_t)split->files, sizeof(*split->file), compare_min);
    return pfs_plan_sections(split->file, split->files, arena, &split->section, &split->sections, err);
}

/* The smallest numbers: files of a bucket do not overlap in them, but for what writers beside each other made. */
static int compare_sequence(const void *left, const void *right)
{
    const struct pfs_plan_file *a = left, *b = right;
    int64_t x = a->entry->file.min_sequence, y = b->entry->file.min_sequence;

    return x < y ? -1 : x > y;
}

static int compare_row_ids(const void *left, const void *right)
{
    const struct pfs_data_file *a = &((const struct pfs_plan_file *)left)->entry->file;
    const struct pfs_data_file *b = &((const struct pfs_plan_file *)right)->entry->file;

    if (a->first_row_id != b->first_row_id)
        return a->first_row_id < b->first_row_id ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* Fixed-bucket append tables keep the order of writing; with data evolution files of the same rows stand together;
 * elsewhere the order of the ADDs is as good as any. */
static int order_appended(const struct pfs_schema *schema, struct pfs_split *split, struct pfs_err *err)
{
    bool evolves;

    PFS_TRY(pfs_options_bool(&schema->options, "data-evolution.enabled", false, &evolves, err));
    if (evolves)
        qsort(split->file, (size_t)split->files, sizeof(*split->file), compare_row_ids);
    else if (schema->buckets > 0)
        qsort(split->file, (size_t)split->files, sizeof(*split->file), compare_sequence);
    return 0;
}

/* A section of one file needs no merge: its values count as well. */
static int prune_sections(const struct pfs_pruner *pruner, struct pfs_split *split, struct pfs_arena *scratch,
                          struct pfs_err *err)
{
    int32_t n = 0;

    for (int32_t i = 0; i < split->sections; i++) {
        const struct pfs_section *s = &split->section[i];
        bool may = true;

        pfs_arena_reset(scratch);
        if (s->files == 1)
            PFS_TRY(pfs_prune_file(pruner, s->file->entry, split->value, PFS_PRUNE_VALUES, scratch, &may, err));
        assert(s->files > 0);
        if (may)
            split->section[n++] = *s;
        else
            split->rows -= s->file->entry->file.rows;
    }
    split->sections = n;
    return 0;
}

static int make(const struct pfs_scan_want *want, const struct pfs_pruner *pruner, struct pfs_arena *arena,
                struct pfs_arena *scratch, struct pfs_plan *out, struct pfs_err *err)
{
    const struct pfs_schema *schema = want->state->schema;
    struct candidate *candidate = NULL;
    struct pfs_plan_file *file;
    int64_t count = 0;

    PFS_TRY(collect(want, pruner, arena, scratch, &candidate, &count, err));
    qsort(candidate, (size_t)count, sizeof(*candidate), compare_candidates);
    file = pfs_arena_array(arena, (size_t)count, sizeof(*file));
    out->split = pfs_arena_array(arena, (size_t)count, sizeof(*out->split));
    if (file == NULL || out->split == NULL)
        return pfs_arena_full(arena, err);
    out->splits = 0;
    for (int64_t i = 0; i < count; i++) {
        const struct candidate *c = &candidate[i];
        struct pfs_split *s;

        if (i == 0 || c->rank != c[-1].rank || c->entry->bucket != c[-1].entry->bucket)
            out->split[out->splits++] = (struct pfs_split){
                .partition = c->entry->partition, .value = c->value, .bucket = c->entry->bucket, .file = &file[i]};
        assert(out->splits > 0); /* the first file begins a split */
        s = &out->split[out->splits - 1];
        s->file[s->files++].entry = c->entry;
        s->rows += c->entry->file.rows;
    }
    for (int32_t i = 0; i < out->splits; i++) {
        if (schema->primary_keys > 0)
            PFS_TRY(make_sections(schema, &out->split[i], arena, err));
        else
            PFS_TRY(order_appended(schema, &out->split[i], err));
        if (schema->primary_keys > 0 && pruner != NULL)
            PFS_TRY(prune_sections(pruner, &out->split[i], scratch, err));
    }
    return 0;
}

int pfs_plan_make(const struct pfs_scan_want *want, const struct pfs_pruner *pruner, struct pfs_arena *arena,
                  struct pfs_plan *out, struct pfs_err *err)
{
    struct pfs_arena scratch;
    int rc;

    pfs_arena_init(&scratch, PFS_ARENA_LIMIT);
    rc = make(want, pruner, arena, &scratch, out, err);
    pfs_arena_done(&scratch);
    return rc;
}
