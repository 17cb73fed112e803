/* schema_fuzz.c - schema and snapshot files. What parses prints as text that parses and prints the same again. */
#include <stdlib.h>

#include "src/meta/schema.h"
#include "src/meta/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_schema(struct pfs_slice json)
{
    struct pfs_buf first = {0}, second = {0};
    struct pfs_schema schema;
    struct pfs_arena arena;
    struct pfs_err err = {0};
    int rc;

    pfs_arena_init(&arena, 64 << 20);
    rc = pfs_schema_parse(json, &arena, &schema, &err);
    if (rc < 0 && err.text[0] == '\0')
        abort();
    if (rc == 0 && pfs_schema_print(&schema, &first, &err) == 0) {
        if (pfs_schema_parse(pfs_buf_slice(&first), &arena, &schema, &err) < 0 ||
            pfs_schema_print(&schema, &second, &err) < 0 ||
            !pfs_slice_eq(pfs_buf_slice(&first), pfs_buf_slice(&second)))
            abort();
        pfs_buf_clear(&second);
        (void)pfs_schema_print_sql(&schema, "db", "t", &second, &err);
        (void)pfs_schema_supported(&schema, true, &err);
    }
    pfs_buf_done(&first);
    pfs_buf_done(&second);
    pfs_arena_done(&arena);
}

static void as_snapshot(struct pfs_slice json)
{
    struct pfs_buf first = {0}, second = {0};
    struct pfs_snapshot snapshot;
    struct pfs_arena arena;
    struct pfs_err err = {0};
    int rc;

    pfs_arena_init(&arena, 64 << 20);
    rc = pfs_snapshot_parse(json, &arena, &snapshot, &err);
    if (rc < 0 && err.text[0] == '\0')
        abort();
    if (rc == 0 && pfs_snapshot_print(&snapshot, &first, &err) == 0 &&
        (pfs_snapshot_parse(pfs_buf_slice(&first), &arena, &snapshot, &err) < 0 ||
         pfs_snapshot_print(&snapshot, &second, &err) < 0 ||
         !pfs_slice_eq(pfs_buf_slice(&first), pfs_buf_slice(&second))))
        abort();
    pfs_buf_done(&first);
    pfs_buf_done(&second);
    pfs_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_schema(pfs_slice_of(data, size));
    as_snapshot(pfs_slice_of(data, size));
    return 0;
}
