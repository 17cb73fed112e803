/* lives.h - processes one after the other over one store in memory: each begins, acknowledges and dies, or ends. */
#pragma once

#include "src/ingest/internal.h"
#include "tests/unit/fs/over_memory.h"

static struct pfs_store *memory;
static void *volatile dead[4096]; /* what a process that died holds: nobody frees it */
static size_t deads;

__attribute__((unused)) static void keep(void *self)
{
    (void)self;
}

/* A handle on the memory store that closing does not end. */
static struct pfs_store *handle(void)
{
    static struct pfs_store_ops kept;
    struct pfs_store *h = pfs_zalloc(sizeof(*h));

    kept = *memory->ops;
    kept.destroy = keep;
    assert_non_null(h);
    *h = (struct pfs_store){&kept, memory->self};
    return h;
}

static bool background;  /* the next life commits by itself */
static int64_t ahead_ms; /* the next life's clock is so far ahead */

static int64_t skewed_now(void *self)
{
    (void)self;
    return pfs_clock_now_ms(NULL) + ahead_ms;
}

__attribute__((unused)) static void begin_life_on(struct pfs_store *store)
{
    static const struct pfs_clock skewed = {.now_ms = skewed_now};
    struct pfs_catalog_config catalog = {.store = store, .clock = &skewed};
    struct pfs_tree_config tree = {.umask = 022, .background = background, .clock = &skewed};

    memset(&t, 0, sizeof(t));
    assert_int_equal(pfs_pool_open(2, &t.pool, NULL), 0);
    catalog.pool = t.pool;
    assert_int_equal(pfs_catalog_open(&catalog, &t.catalog, NULL), 0);
    tree.catalog = t.catalog;
    tree.pool = t.pool;
    assert_int_equal(pfs_tree_open(&tree, &t.tree, NULL), 0);
    assert_int_equal(pfs_waiting_init(&t.waiting, NULL), 0);
}

__attribute__((unused)) static void begin_life(void)
{
    begin_life_on(handle());
}

__attribute__((unused)) static void end_life(void)
{
    pfs_waiting_done(&t.waiting);
    pfs_tree_close(t.tree);
    pfs_pool_close(t.pool);
}

__attribute__((unused)) static void execute(const char *sql)
{
    struct pfs_buf answer = {0};

    assert_int_equal(pfs_catalog_execute(t.catalog, NULL, pfs_str(sql), &answer, NULL), 0);
    pfs_buf_done(&answer);
}

/* While nobody has the journal. */
__attribute__((unused)) static void execute_elsewhere(const char *sql)
{
    struct pfs_catalog_config config = {.store = handle()};
    struct pfs_buf answer = {0};
    struct pfs_catalog *catalog;

    assert_int_equal(pfs_catalog_open(&config, &catalog, NULL), 0);
    assert_int_equal(pfs_catalog_execute(catalog, NULL, pfs_str(sql), &answer, NULL), 0);
    pfs_buf_done(&answer);
    pfs_catalog_close(catalog);
}

/* Flushed, never released: the process dies before. */
__attribute__((unused)) static void flush_rows(const char *path, int flags, const char *rows, struct pfs_entry *entry,
                                               struct pfs_opened *file)
{
    assert_int_equal(open_path(path, O_WRONLY | flags, entry, file), 0);
    pfs_tree_write(t.tree, &t.waiting.request, file->handle, 0, pfs_str(rows));
    assert_true(pfs_waiting_result(&t.waiting, NULL) > 0);
    pfs_tree_flush(t.tree, &t.waiting.request, file->handle);
    assert_int_equal(pfs_waiting_result(&t.waiting, NULL), 0);
}

__attribute__((unused)) static void keep_dead(void *one, void *other)
{
    assert_true(deads + 2 <= COUNT(dead));
    dead[deads++] = one;
    dead[deads++] = other;
}

__attribute__((unused)) static void die(const struct pfs_entry *entry, const struct pfs_opened *file)
{
    pfs_store_memory_power_cut(memory); /* from here on nothing of this life counts */
    keep_dead(t.pool, t.tree);
    keep_dead(file->handle, entry->node);
}

__attribute__((unused)) static void acknowledge(const char *path, int flags, const char *rows)
{
    struct pfs_entry entry;
    struct pfs_opened file;

    flush_rows(path, flags, rows, &entry, &file);
    die(&entry, &file);
}

__attribute__((unused)) static int open_memory(void **state)
{
    (void)state;
    assert_int_equal(pfs_store_open_memory(&memory, NULL), 0);
    begin_life();
    execute(tables_sql);
    return 0;
}

__attribute__((unused)) static int close_memory(void **state)
{
    (void)state;
    end_life();
    pfs_store_close(memory);
    return 0;
}

/* Closed, and in no snapshot yet. */
__attribute__((unused)) static void give(const char *path, const char *rows)
{
    struct pfs_entry entry;
    struct pfs_opened file;

    assert_int_equal(open_path(path, O_WRONLY | O_APPEND, &entry, &file), 0);
    pfs_tree_write(t.tree, &t.waiting.request, file.handle, 0, pfs_str(rows));
    assert_true(pfs_waiting_result(&t.waiting, NULL) > 0);
    pfs_tree_flush(t.tree, &t.waiting.request, file.handle);
    assert_int_equal(pfs_waiting_result(&t.waiting, NULL), 0);
    assert_int_equal(close_path(&entry, &file), 0);
}

__attribute__((unused)) static void put(const struct pfs_opened *file, const char *rows)
{
    pfs_tree_write(t.tree, &t.waiting.request, file->handle, 0, pfs_str(rows));
    assert_true(pfs_waiting_result(&t.waiting, NULL) > 0);
    pfs_tree_flush(t.tree, &t.waiting.request, file->handle);
    assert_int_equal(pfs_waiting_result(&t.waiting, NULL), 0);
}
