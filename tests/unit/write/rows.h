/* rows.h - tables in a store in memory, and rows on their way into them. The includer defines TABLES, the statements
 * that make the tables of database d with columns k INT, p INT, n BIGINT. */
#pragma once

#include <errno.h>
#include <stdio.h>

#include "base/mem.h"
#include "format/text/text.h"
#include "src/scan/scan.h"
#include "src/statement/statement.h"
#include "src/table/catalog.h"
#include "src/write/write.h"
#include "tests/unit/cm.h"

#define SMALL ((size_t)256 << 10) /* a budget that a few thousand rows use up */

static struct pfs_store *bare;  /* below the next */
static struct pfs_store *store; /* the catalog's */
static struct pfs_fault fault;  /* of the store */
static struct pfs_pool *pool;
static struct pfs_catalog *catalog;
static struct pfs_table *table;
static int32_t partition_shift; /* where `add` puts rows */
static int32_t partition_count; /* over how many it spreads them; 0 = 3 */
static const char *far_away;    /* a directory outside of the warehouse; NULL = none is allowed */

static int set_up_with(int workers)
{
    struct pfs_catalog_config config = {0};
    struct pfs_buf answer = {0};

    fault = (struct pfs_fault){0};
    assert_int_equal(pfs_store_open_memory(&bare, NULL), 0);
    assert_int_equal(pfs_store_open_fault(bare, &fault, &store, NULL), 0);
    pool = NULL;
    if (workers > 0)
        assert_int_equal(pfs_pool_open(workers, &pool, NULL), 0);
    config.store = store;
    config.pool = pool;
    config.external_paths = far_away;
    assert_int_equal(pfs_catalog_open(&config, &catalog, NULL), 0);
    assert_int_equal(pfs_catalog_execute(catalog, NULL, pfs_str(TABLES), &answer, NULL), 0);
    pfs_buf_done(&answer);
    table = NULL;
    partition_shift = partition_count = 0;
    return 0;
}

static inline int set_up(void **state)
{
    (void)state;
    return set_up_with(2);
}

static int tear_down(void **state)
{
    (void)state;
    pfs_table_unref(table);
    pfs_catalog_close(catalog);
    pfs_pool_close(pool);
    return 0;
}

static inline void use(const char *name)
{
    assert_int_equal(pfs_catalog_table(catalog, "d", name, NULL, &table, NULL), 0);
}

static struct pfs_state *newest(void)
{
    struct pfs_state *s = NULL;

    assert_int_equal(pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &s, NULL), 0);
    return s;
}

static inline struct pfs_write *open_write(size_t memory)
{
    struct pfs_write *w;

    assert_int_equal(pfs_table_write_open(table, memory, &w, NULL), 0);
    return w;
}

/* Rows k = from, from + step, ..., `count` of them; p = k % 3, or as said above; n as given. */
static inline int try_add(struct pfs_write *w, int32_t from, int32_t step, int32_t count, int64_t n, int8_t kind,
                          struct pfs_state *s)
{
    static const struct pfs_type kind_type = {.kind = PFS_TINYINT};
    const struct pfs_schema *schema;
    struct pfs_arena arena = {0};
    struct pfs_column *column = pfs_arena_array(&arena, 4, sizeof(*column));
    int32_t *k = pfs_arena_alloc(&arena, (size_t)count * 4), *p = pfs_arena_alloc(&arena, (size_t)count * 4);
    int64_t *value = pfs_arena_alloc(&arena, (size_t)count * 8);
    int8_t *kinds = pfs_arena_alloc(&arena, (size_t)count);

    assert_int_equal(pfs_table_schema(table, &schema, NULL), 0);
    for (int32_t i = 0; i < count; i++) {
        k[i] = from + i * step;
        p[i] = (k[i] + partition_shift) % (partition_count > 0 ? partition_count : 3);
        value[i] = n;
        kinds[i] = kind;
    }
    column[0] = (struct pfs_column){.type = &schema->field[0].type, .values = k};
    column[1] = (struct pfs_column){.type = &schema->field[1].type, .values = p};
    column[2] = (struct pfs_column){.type = &schema->field[2].type, .values = value};
    column[3] = (struct pfs_column){.type = &kind_type, .values = kinds};
    return pfs_write_add(w, &arena, &(struct pfs_batch){count, 4, column}, s, NULL);
}

static inline void add(struct pfs_write *w, int32_t from, int32_t step, int32_t count, int64_t n, int8_t kind)
{
    struct pfs_state *s = newest();

    assert_int_equal(try_add(w, from, step, count, n, kind, s), 0);
    pfs_state_unref(s);
}

static inline void commit(struct pfs_write *w)
{
    int64_t id = 0;

    assert_int_equal(pfs_table_commit(table, w, "u", 1, false, &id, NULL), 0);
    assert_true(id > 0);
}

struct seen {
    int64_t rows, sum;
    int64_t n_of[16]; /* of the keys 0..15; -1 = not there */
};

static inline struct seen read_all(void)
{
    struct pfs_state *s = newest();
    struct pfs_scan *scan;
    struct pfs_reader *reader;
    struct pfs_arena arena = {0};
    struct pfs_batch batch;
    struct seen seen = {0};
    int64_t more = 0;

    memset(seen.n_of, 0xff, sizeof(seen.n_of));
    assert_int_equal(pfs_scan_open(&(struct pfs_scan_want){.state = s, .columns = -1}, &scan, NULL), 0);
    for (int32_t i = 0; i < pfs_scan_splits(scan) && more >= 0; i++) {
        assert_int_equal(pfs_scan_split(scan, i, &reader, NULL), 0);
        while ((more = pfs_reader_next(reader, &arena, &batch, NULL)) > 0)
            for (int64_t r = 0; r < more; r++) {
                int32_t k = ((const int32_t *)batch.column[0].values)[r];
                int64_t n = ((const int64_t *)batch.column[2].values)[r];

                seen.rows++;
                seen.sum += n;
                if (k >= 0 && k < 16)
                    seen.n_of[k] = n;
            }
        assert_int_equal(more, 0);
        pfs_reader_close(reader);
    }
    pfs_scan_close(scan);
    pfs_arena_done(&arena);
    pfs_state_unref(s);
    return seen;
}

static inline int64_t files(void)
{
    struct pfs_state *s = newest();
    int64_t count = s->files;

    pfs_state_unref(s);
    return count;
}

/* Files below a table's bucket directories. */
static inline int count_files(void *context, struct pfs_slice name, bool directory)
{
    (void)name;
    *(int64_t *)context += !directory;
    return 0;
}

static inline int64_t files_on_disk(const char *bucket)
{
    int64_t count = 0;

    return pfs_store_list(store, bucket, count_files, &count, NULL) < 0 ? 0 : count;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
