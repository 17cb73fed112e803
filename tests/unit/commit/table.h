/* table.h - one table d.t (k INT) over a memory store that fails where it is told to, and commits of one row. */
#pragma once

#include "base/mem.h"
#include "src/statement/statement.h"
#include "src/table/catalog.h"
#include "tests/unit/cm.h"

static struct pfs_fault fault;
static struct pfs_store *memory; /* below the next */
static struct pfs_store *store;  /* the catalog's */
static struct pfs_catalog *catalog;
static struct pfs_table *table;

static inline int said(const char *sql, struct pfs_err *err)
{
    struct pfs_buf answer = {0};
    int rc = pfs_catalog_execute(catalog, NULL, pfs_str(sql), &answer, err);

    pfs_buf_done(&answer);
    return rc;
}

static inline void run(const char *sql)
{
    struct pfs_err err = {0};

    if (said(sql, &err) < 0)
        fail_msg("%s", err.text);
}

static inline int set_up(void **state)
{
    struct pfs_catalog_config config = {0};

    (void)state;
    fault = (struct pfs_fault){0};
    assert_int_equal(pfs_store_open_memory(&memory, NULL), 0);
    assert_int_equal(pfs_store_open_fault(memory, &fault, &store, NULL), 0);
    config.store = store;
    assert_int_equal(pfs_catalog_open(&config, &catalog, NULL), 0);
    run("CREATE DATABASE d; CREATE TABLE d.t (k INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1',"
        " 'commit.min-retry-wait' = '0 ms', 'commit.max-retry-wait' = '1 ms', 'commit.max-retries' = '3',"
        " 'manifest.merge-min-count' = '4');");
    assert_int_equal(pfs_catalog_table(catalog, "d", "t", NULL, &table, NULL), 0);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    fault = (struct pfs_fault){0};
    pfs_table_unref(table);
    pfs_catalog_close(catalog);
    return 0;
}

static inline struct pfs_state *newest(void)
{
    struct pfs_state *s = NULL;
    struct pfs_err err = {0};

    if (pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &s, &err) < 0)
        fail_msg("%s", err.text);
    return s;
}

/* A write that holds one row. */
static inline struct pfs_write *row(int32_t key)
{
    const struct pfs_schema *schema;
    struct pfs_write *write;
    struct pfs_arena arena = {0};
    struct pfs_state *s = newest();
    struct pfs_column *column = pfs_arena_array(&arena, 2, sizeof(*column));
    static const struct pfs_type kind = {.kind = PFS_TINYINT};

    assert_int_equal(pfs_table_schema(table, &schema, NULL), 0);
    column[0] = (struct pfs_column){.type = &schema->field[0].type, .values = pfs_arena_alloc(&arena, 4)};
    memcpy((void *)(uintptr_t)column[0].values, &key, 4);
    column[1] = (struct pfs_column){.type = &kind, .values = pfs_arena_zalloc(&arena, 1)};
    assert_int_equal(pfs_table_write_open(table, 0, &write, NULL), 0);
    assert_int_equal(pfs_write_add(write, &arena, &(struct pfs_batch){1, 2, column}, s, NULL), 0);
    pfs_state_unref(s);
    pfs_arena_done(&arena);
    return write;
}

static inline int64_t commit(int32_t key)
{
    struct pfs_write *write = row(key);
    struct pfs_err err = {0};
    int64_t id = 0;

    if (pfs_table_commit(table, write, "u", key, false, &id, &err) < 0)
        fail_msg("%s", err.text);
    pfs_write_close(write);
    return id;
}
