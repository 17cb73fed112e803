/* status.c - how a table is, as one JSON object. */
#include <stdlib.h>

#include "format/text/text.h"
#include "src/table.h"

/* The sentence of what this program lacks for the table, or null. */
static void put_unsupported(struct pfs_buf *out, const char *name, const struct pfs_schema *schema, bool writing)
{
    struct pfs_err err = {0};

    pfs_buf_printf(out, ",\"%s\":", name);
    if (pfs_schema_supported(schema, writing, &err) < 0)
        pfs_text_quote(pfs_str(err.text), out);
    else
        pfs_buf_puts(out, "null");
}

struct counts {
    int64_t files, level0, small, bytes, rows, hidden, buckets, runs, most_runs;
};

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
static void count_runs(const struct pfs_manifest_entry **sorted, int64_t files, struct counts *c)
{
    int64_t runs = 0;

    for (int64_t i = 0; i < files; i++) {
        const struct pfs_manifest_entry *e = sorted[i], *before = i > 0 ? sorted[i - 1] : NULL;

        if (before == NULL || before->bucket != e->bucket || !pfs_slice_eq(before->partition, e->partition)) {
            c->buckets++;
            runs = 0;
            before = NULL;
        }
        if (before == NULL || e->file.level == 0 || e->file.level != before->file.level) {
            c->runs++;
            runs++;
        }
        c->most_runs = runs > c->most_runs ? runs : c->most_runs;
    }
}

/* A small file is one that a compaction would still join with others: below 70% of target-file-size. */
static int count(const struct pfs_state *state, struct pfs_arena *arena, struct counts *c, struct pfs_err *err)
{
    const struct pfs_manifest_entry **sorted = pfs_arena_array(arena, (size_t)state->files, sizeof(*sorted));
    const struct pfs_schema *schema = state->schema;
    bool hides = schema->primary_keys > 0 && (schema->deletion_vectors || schema->engine == PFS_FIRST_ROW);
    int64_t target;

    if (sorted == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(pfs_options_bytes(&schema->options, "target-file-size",
                              (int64_t)(schema->primary_keys > 0 ? 128 : 256) << 20, &target, err));
    c->files = state->files;
    for (int64_t i = 0; i < state->files; i++) {
        const struct pfs_manifest_entry *e = state->file[i];

        sorted[i] = e;
        c->level0 += e->file.level == 0;
        c->small += e->file.size < target / 10 * 7;
        c->bytes += e->file.size;
        c->rows += e->file.rows;
        c->hidden += e->bucket < 0 || (hides && e->file.level == 0) ? e->file.rows : 0;
    }
    if (state->files > 0)
        qsort(sorted, (size_t)state->files, sizeof(*sorted), compare_entries);
    count_runs(sorted, state->files, c);
    if (schema->primary_keys == 0) /* files of an append table are in no order that could be run through */
        c->runs = c->most_runs = 0;
    return 0;
}

static int put_state(const struct pfs_state *state, struct pfs_arena *arena, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_schema schema = *state->schema;
    struct counts c = {0};

    PFS_TRY(count(state, arena, &c, err));
    pfs_buf_printf(out, ",\"schema\":%lld", (long long)schema.id);
    if (state->exists)
        pfs_buf_printf(out, ",\"snapshot\":%lld,\"committed_ms\":%lld", (long long)state->snapshot.id,
                       (long long)state->snapshot.time_ms);
    else
        pfs_buf_puts(out, ",\"snapshot\":null,\"committed_ms\":null");
    pfs_buf_printf(out, ",\"buckets\":%lld,\"files\":%lld,\"level0_files\":%lld,\"small_files\":%lld",
                   (long long)c.buckets, (long long)c.files, (long long)c.level0, (long long)c.small);
    pfs_buf_printf(out, ",\"runs\":%lld,\"most_runs\":%lld,\"rows_stored\":%lld,\"rows_hidden\":%lld,\"bytes\":%lld",
                   (long long)c.runs, (long long)c.most_runs, (long long)c.rows, (long long)c.hidden,
                   (long long)c.bytes);
    put_unsupported(out, "cannot_write", &schema, true);
    /* Views read the fallback branch as well; the list of limits speaks of those who do not. */
    PFS_TRY(pfs_options_with(&schema.options, "scan.fallback-branch", NULL, arena, &schema.options, err));
    put_unsupported(out, "cannot_read", &schema, false);
    return 0;
}

int pfs_table_status(struct pfs_table *table, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_state *state;
    struct pfs_arena arena;
    int rc;

    PFS_TRY(pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &state, err));
    pfs_buf_puts(out, "{\"table\":");
    pfs_text_quote(pfs_str(pfs_table_name(table)), out);
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = put_state(state, &arena, out, err);
    pfs_arena_done(&arena);
    pfs_buf_puts(out, "}\n");
    pfs_state_unref(state);
    return rc < 0 ? rc : pfs_buf_check(out, err);
}
