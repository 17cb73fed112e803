/* sums.c - $partitions and $buckets: live files added up, as Paimon adds them up: what was added less what was deleted,
 * by the snapshot's manifests. So the last update of what has live files may be that of a file which has gone. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "src/system/tables.h"
#include "src/system/values.h"

static const struct pfs_field partition_field[] = {
    {.name = "partition", .type = PFS_STRING_TYPE},
    {.name = "record_count", .type = {.kind = PFS_BIGINT}},
    {.name = "file_size_in_bytes", .type = {.kind = PFS_BIGINT}},
    {.name = "file_count", .type = {.kind = PFS_BIGINT}},
    {.name = "last_update_time", .type = PFS_MOMENT_TYPE},
    {.name = "created_at", .type = PFS_MOMENT_TYPE},
    {.name = "created_by", .type = PFS_STRING_TYPE},
    {.name = "updated_by", .type = PFS_STRING_TYPE},
    {.name = "options", .type = PFS_STRING_TYPE},
};

static const struct pfs_field bucket_field[] = {
    {.name = "partition", .type = PFS_STRING_TYPE},
    {.name = "bucket", .type = {.kind = PFS_INT}},
    {.name = "record_count", .type = {.kind = PFS_BIGINT}},
    {.name = "file_size_in_bytes", .type = {.kind = PFS_BIGINT}},
    {.name = "file_count", .type = {.kind = PFS_BIGINT}},
    {.name = "last_update_time", .type = PFS_MOMENT_TYPE},
};

struct sum {
    struct pfs_slice partition, text;
    int32_t bucket; /* 0 in sums of partitions */
    int64_t rows, bytes, files, time_ms;
};

/* As partitions lie in metadata: neighbours are what is added up. */
static int compare_bytes(const void *left, const void *right)
{
    const struct sum *a = left, *b = right;
    int order = pfs_slice_compare(a->partition, b->partition);

    return order != 0 ? order : (a->bucket > b->bucket) - (a->bucket < b->bucket);
}

/* As they are shown. */
static int compare_text(const void *left, const void *right)
{
    const struct sum *a = left, *b = right;
    int order = pfs_slice_compare(a->text, b->text);

    return order != 0 ? order : compare_bytes(left, right);
}

/* Neighbours of the same partition and bucket become one; those without a file go. */
static int64_t add_up(struct sum *sum, int64_t count)
{
    int64_t n = 0, kept = 0;

    qsort(sum, (size_t)count, sizeof(*sum), compare_bytes);
    for (int64_t i = 0; i < count; i++) {
        struct sum *to;

        assert(n <= i);
        if (n == 0 || compare_bytes(&sum[n - 1], &sum[i]) != 0) {
            sum[n++] = sum[i];
            continue;
        }
        to = &sum[n - 1];
        to->rows += sum[i].rows;
        to->bytes += sum[i].bytes;
        to->files += sum[i].files;
        to->time_ms = sum[i].time_ms > to->time_ms ? sum[i].time_ms : to->time_ms;
    }
    for (int64_t i = 0; i < n; i++)
        if (sum[i].files > 0)
            sum[kept++] = sum[i];
    return kept;
}

typedef int text_fn(const struct pfs_schema *schema, struct pfs_slice partition, struct pfs_arena *arena,
                    struct pfs_buf *out, struct pfs_err *err);

/* What they are called, and then their order: names are what people sort by, bytes what files are grouped by. */
static int name_sums(struct sum *sum, int64_t count, const struct pfs_schema *schema, text_fn *print,
                     struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_buf text = {0};
    int rc = 0;

    for (int64_t i = 0; rc == 0 && i < count; i++) {
        pfs_buf_clear(&text);
        rc = print(schema, sum[i].partition, arena, &text, err);
        if (rc == 0 && !pfs_arena_copy(arena, pfs_buf_slice(&text), &sum[i].text))
            rc = pfs_arena_full(arena, err);
    }
    pfs_buf_done(&text);
    qsort(sum, (size_t)count, sizeof(*sum), compare_text);
    return rc;
}

static struct sum sum_of(const struct pfs_manifest_entry *e, bool by_bucket)
{
    int64_t sign = e->deleted ? -1 : 1;

    return (struct sum){.partition = e->partition,
                        .bucket = by_bucket ? e->bucket : 0,
                        .rows = sign * e->file.rows,
                        .bytes = sign * e->file.size,
                        .files = sign,
                        .time_ms = e->file.creation_time_ms};
}

/* Sums of a state's files in the order of their names; by_bucket: of each bucket, the postpone bucket too. */
static int sums_of(const struct pfs_state *state, bool by_bucket, struct pfs_arena *arena, struct sum **out,
                   int64_t *count, struct pfs_err *err)
{
    const struct pfs_manifest_entry *entry;
    int64_t entries, all = 0;
    struct sum *sum;

    for (int64_t i = 0; pfs_state_entries(state, i, &entry, &entries); i++)
        all += entries;
    sum = pfs_arena_array(arena, (size_t)all, sizeof(*sum));
    if (sum == NULL)
        return pfs_arena_full(arena, err);
    *count = 0;
    for (int64_t i = 0; pfs_state_entries(state, i, &entry, &entries); i++)
        for (int64_t k = 0; k < entries; k++)
            if ((by_bucket || entry[k].bucket >= 0) &&
                (!state->partial || entry[k].file.creation_time_ms >= state->since_ms))
                sum[(*count)++] = sum_of(&entry[k], by_bucket);
    *count = add_up(sum, *count);
    *out = sum;
    return name_sums(sum, *count, state->schema, by_bucket ? pfs_braces : pfs_partition_path, arena, err);
}

static void put_sum(struct pfs_grid *g, const struct sum *sum)
{
    pfs_grid_number(g, sum->rows);
    pfs_grid_number(g, sum->bytes);
    pfs_grid_number(g, sum->files);
    pfs_grid_number(g, sum->time_ms);
}

/* With the partitions of another branch that the first of both lacks. */
static int sums_of_both(const struct pfs_state *state, struct pfs_arena *arena, struct sum **out, int64_t *count,
                        struct pfs_err *err)
{
    const struct pfs_state *first = state->fallback_first ? state->fallback : state;
    struct sum *own, *other, *both;
    int64_t owns, others;

    PFS_TRY(sums_of(first, false, arena, &own, &owns, err));
    *out = own;
    *count = owns;
    if (state->fallback == NULL)
        return 0;
    PFS_TRY(sums_of(state->fallback_first ? state : state->fallback, false, arena, &other, &others, err));
    both = pfs_arena_array(arena, (size_t)(owns + others), sizeof(*both));
    if (both == NULL)
        return pfs_arena_full(arena, err);
    if (owns > 0)
        memcpy(both, own, (size_t)owns * sizeof(*both));
    qsort(own, (size_t)owns, sizeof(*own), compare_bytes);
    for (int64_t i = 0; i < others; i++)
        if (bsearch(&other[i], own, (size_t)owns, sizeof(*own), compare_bytes) == NULL)
            both[(*count)++] = other[i];
    assert(*count <= owns + others);
    qsort(both, (size_t)*count, sizeof(*both), compare_text);
    *out = both;
    return 0;
}

static int put_partitions(struct pfs_grid *g, const struct pfs_system *system, struct pfs_arena *arena,
                          struct pfs_err *err)
{
    struct sum *sum;
    int64_t count;

    PFS_TRY(sums_of_both(system->state, arena, &sum, &count, err));
    for (int64_t i = 0; i < count; i++) {
        pfs_grid_bytes(g, sum[i].text);
        put_sum(g, &sum[i]);
        for (int unknown = 0; unknown < 4; unknown++) /* a metastore would know these */
            pfs_grid_null(g);
    }
    return 0;
}

/* Of the newest state in any case, and of this branch alone: as Paimon's table has it. */
static int put_buckets(struct pfs_grid *g, const struct pfs_system *system, struct pfs_arena *arena,
                       struct pfs_err *err)
{
    struct sum *sum;
    int64_t count;

    PFS_TRY(sums_of(system->state, true, arena, &sum, &count, err));
    for (int64_t i = 0; i < count; i++) {
        pfs_grid_bytes(g, sum[i].text);
        pfs_grid_number(g, sum[i].bucket);
        put_sum(g, &sum[i]);
    }
    return 0;
}

int pfs_system_partitions(const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err)
{
    return pfs_system_make(PFS_FIELDS(partition_field), put_partitions, system, out, err);
}

int pfs_system_buckets(const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err)
{
    return pfs_system_make(PFS_FIELDS(bucket_field), put_buckets, system, out, err);
}
