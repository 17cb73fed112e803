/* tables.h - tables that Paimon wrote (tests/data/tables), over a store that counts the data files that are opened. */
#pragma once

#include "src/scan/scan.h"
#include "tests/unit/cm.h"

static struct pfs_arena arena;
static struct pfs_fault fault;
static struct pfs_store *store;
static int data_files; /* opened since it was set to 0 */

static inline void each(void *context, const char *op, const char *path)
{
    size_t len = path == NULL ? 0 : strlen(path);

    (void)context;
    if (strcmp(op, "open") == 0 && len > 8 && strcmp(path + len - 8, ".parquet") == 0)
        data_files++;
}

static inline int set_up(void **state)
{
    struct pfs_store *below = NULL;

    (void)state;
    pfs_arena_init(&arena, 0);
    fault = (struct pfs_fault){.each = each};
    assert_int_equal(pfs_store_open_posix("tests/data/tables", &below, NULL), 0);
    assert_int_equal(pfs_store_open_fault(below, &fault, &store, NULL), 0);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    pfs_store_close(store);
    pfs_arena_done(&arena);
    return 0;
}

struct table {
    struct pfs_manifests *manifests;
    struct pfs_schemas *schemas;
    struct pfs_state *state;
};

static inline void open_table(const char *name, struct table *t)
{
    const struct pfs_schema *schema;
    struct pfs_snapshot snapshot;
    int64_t id;

    assert_int_equal(pfs_manifests_open(store, name, 1 << 20, &t->manifests, NULL), 0);
    assert_int_equal(pfs_schemas_open(store, name, &t->schemas, NULL), 0);
    assert_int_equal(pfs_schemas_latest(t->schemas, &schema, NULL), 0);
    assert_int_equal(pfs_snapshot_latest_id(store, name, &id, NULL), 0);
    assert_int_equal(pfs_snapshot_load(store, name, id, &arena, &snapshot, NULL, NULL), 0);
    assert_int_equal(pfs_state_load(t->manifests, store, name, t->schemas, schema, &snapshot, &t->state, NULL), 0);
}

static inline void close_table(struct table *t)
{
    pfs_state_unref(t->state);
    pfs_schemas_unref(t->schemas);
    pfs_manifests_close(t->manifests);
}
