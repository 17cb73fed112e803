/* shape.c - files sorted by bucket and level, and counted in one walk. Every commit asks for it, so that nothing but
 * the entries is looked at. */
#include "src/table/shape.h"

#include <assert.h>
#include <stdlib.h>

#define TARGET_KEYED ((int64_t)128 << 20)
#define TARGET_APPENDED ((int64_t)256 << 20)

static int compare_entries(const void *left, const void *right)
{
    const struct pfs_manifest_entry *a = *(const struct pfs_manifest_entry *const *)left;
    const struct pfs_manifest_entry *b = *(const struct pfs_manifest_entry *const *)right;
    int order = pfs_slice_compare(a->partition, b->partition);

    if (order == 0)
        order = (a->bucket > b->bucket) - (a->bucket < b->bucket);
    return order != 0 ? order : (a->file.level > b->file.level) - (a->file.level < b->file.level);
}

/* Each file of level 0 is a run, and each level above that has files. Bucket after bucket. */
static void count_runs(const struct pfs_manifest_entry **sorted, int64_t files, struct pfs_shape *c)
{
    int64_t runs = 0, last_bytes = 0;

    for (int64_t i = 0; i < files; i++) {
        const struct pfs_manifest_entry *e = sorted[i], *before = i > 0 ? sorted[i - 1] : NULL;

        if (before == NULL || before->bucket != e->bucket || !pfs_slice_eq(before->partition, e->partition)) {
            c->buckets++;
            c->top_bytes += last_bytes;
            runs = 0;
            before = NULL;
        }
        if (before == NULL || e->file.level == 0 || e->file.level != before->file.level) {
            c->runs++;
            runs++;
            last_bytes = 0;
        }
        last_bytes += e->file.size;
        c->most_runs = runs > c->most_runs ? runs : c->most_runs;
    }
    assert(c->buckets <= c->runs);
    assert(c->runs <= files);
    assert(c->most_runs <= c->runs);
    c->top_bytes += last_bytes;
}

int64_t pfs_shape_amplification(const struct pfs_shape *shape)
{
    if (shape->runs == 0 || shape->top_bytes == 0)
        return 0;
    return (int64_t)((double)(shape->bytes - shape->top_bytes) * 100.0 / (double)shape->top_bytes);
}

int pfs_shape_count(const struct pfs_state *state, struct pfs_arena *arena, struct pfs_shape *out, struct pfs_err *err)
{
    const struct pfs_manifest_entry **sorted = pfs_arena_array(arena, (size_t)state->files, sizeof(*sorted));
    const struct pfs_schema *schema = state->schema;
    bool hides = schema->primary_keys > 0 && (schema->deletion_vectors || schema->engine == PFS_FIRST_ROW);
    struct pfs_shape c = {.files = state->files};
    int64_t target;

    if (sorted == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(pfs_options_bytes(&schema->options, "target-file-size",
                              schema->primary_keys > 0 ? TARGET_KEYED : TARGET_APPENDED, &target, err));
    for (int64_t i = 0; i < state->files; i++) {
        const struct pfs_manifest_entry *e = state->file[i];

        sorted[i] = e;
        c.level0 += e->file.level == 0;
        c.small += e->file.size < target / 10 * 7;
        c.bytes += e->file.size;
        c.rows += e->file.rows;
        c.hidden += e->bucket < 0 || (hides && e->file.level == 0) ? e->file.rows : 0;
    }
    if (state->files > 0)
        qsort(sorted, (size_t)state->files, sizeof(*sorted), compare_entries);
    count_runs(sorted, state->files, &c);
    if (schema->primary_keys == 0) /* files of an append table are in no order that could be run through */
        c.runs = c.most_runs = c.top_bytes = 0;
    *out = c;
    return 0;
}
