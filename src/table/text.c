/* text.c - metadata files as they stand on disk, and schemas of other times. A file is parsed before its text is given
 * out: what is damaged fails here, and not in the reader's JSON library. */
#include <assert.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/meta/branch.h"
#include "src/table/internal.h"

/* Appends the file and ends its last line. */
static int put_file(struct pfs_store *store, const char *path, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_slice text;

    PFS_TRY(pfs_store_load(store, path, PFS_METADATA_BYTES_MAX, &text, err));
    pfs_buf_put(out, text.at, text.len);
    if (text.len > 0 && text.at[text.len - 1] != '\n')
        pfs_buf_putc(out, '\n');
    pfs_free((void *)(uintptr_t)text.at);
    return pfs_buf_check(out, err);
}

static int snapshot_of(struct pfs_table *table, struct pfs_when when, struct pfs_arena *arena, struct pfs_snapshot *out,
                       const char **path, struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(table);

    assert(when.kind == PFS_WHEN_TAG || when.kind == PFS_WHEN_SNAPSHOT);
    if (when.kind == PFS_WHEN_TAG) {
        *path = pfs_arena_printf(arena, "%s/tag/tag-%s", parts.meta, when.tag);
        PFS_TRY(pfs_tag_load(parts.store, parts.meta, when.tag, arena, out, NULL, err));
    } else {
        *path = pfs_arena_printf(arena, "%s/snapshot/snapshot-%lld", parts.meta, (long long)when.number);
        PFS_TRY(pfs_snapshot_load(parts.store, parts.meta, when.number, arena, out, NULL, err));
    }
    return *path == NULL ? pfs_arena_full(arena, err) : 0;
}

/* It lives as long as the table, and so longer than the state. */
static int schema_of_reads(struct pfs_table *table, const struct pfs_schema **out, struct pfs_err *err)
{
    struct pfs_state *state;

    PFS_TRY(pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_READ}, &state, err));
    *out = state->schema;
    pfs_state_unref(state);
    return 0;
}

int pfs_table_schema_at(struct pfs_table *table, struct pfs_when when, const struct pfs_schema **out,
                        struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(table);
    struct pfs_snapshot snapshot;
    struct pfs_arena arena;
    const char *path;
    int rc;

    if (when.kind == PFS_WHEN_READ)
        return schema_of_reads(table, out, err);
    if (when.kind != PFS_WHEN_SNAPSHOT && when.kind != PFS_WHEN_TAG)
        return pfs_table_schema(table, out, err);
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = snapshot_of(table, when, &arena, &snapshot, &path, err);
    if (rc == 0)
        rc = pfs_schemas_get(parts.schemas, snapshot.schema_id, out, err);
    pfs_arena_done(&arena);
    return rc;
}

int pfs_table_schema_json(struct pfs_table *table, struct pfs_when when, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(table);
    const struct pfs_schema *schema;
    struct pfs_arena arena;
    const char *path;
    int rc;

    PFS_TRY(pfs_table_schema_at(table, when, &schema, err));
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    path = pfs_arena_printf(&arena, "%s/schema/schema-%lld", parts.meta, (long long)schema->id);
    rc = path == NULL ? pfs_arena_full(&arena, err) : put_file(parts.store, path, out, err);
    pfs_arena_done(&arena);
    return rc;
}

int pfs_table_snapshot_json(struct pfs_table *table, struct pfs_when when, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_snapshot snapshot;
    struct pfs_arena arena;
    const char *path;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = snapshot_of(table, when, &arena, &snapshot, &path, err);
    if (rc == 0)
        rc = put_file(pfs_table_parts(table).store, path, out, err);
    pfs_arena_done(&arena);
    return rc;
}

int pfs_table_branches(struct pfs_table *table, struct pfs_arena *arena, const char ***names, int64_t *count,
                       struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(table);

    return pfs_branch_list(parts.store, parts.root, arena, names, count, err);
}
