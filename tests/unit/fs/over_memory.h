/* over_memory.h - a tree over a store in memory, read and written as a shell would. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/mem.h"
#include "fs/tree/tree.h"
#include "src/statement/statement.h"
#include "tests/unit/cm.h"

static struct {
    struct pfs_pool *pool;
    struct pfs_catalog *catalog;
    struct pfs_tree *tree;
    struct pfs_fault fault;
    struct pfs_waiting waiting;
} t;

static const char tables_sql[] =
    "CREATE DATABASE d;"
    "CREATE TABLE d.t (k INT, v STRING, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '2');"
    "CREATE TABLE d.sums (k INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('merge-engine' = 'aggregation',"
    " 'fields.n.aggregate-function' = 'sum');"
    "CREATE TABLE d.told (k INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'merge-engine' ="
    " 'aggregation', 'fields.n.aggregate-function' = 'sum', 'changelog-producer' = 'lookup');"
    "CREATE TABLE d.logs (line STRING, p INT) PARTITIONED BY (p);"
    "CREATE TABLE d.outside (k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED)"
    " WITH ('data-file.external-paths' = 'file:///elsewhere', 'data-file.external-paths.strategy' = 'round-robin');";

__attribute__((unused)) static int open_tree(void **state)
{
    struct pfs_catalog_config catalog = {0};
    struct pfs_tree_config tree = {.umask = 022, .memory_bytes = (size_t)16 << 20};
    struct pfs_buf answer = {0};

    (void)state;
    memset(&t, 0, sizeof(t));
    t.fault.fail_errno = ENOSPC;
    assert_int_equal(pfs_store_open_memory(&catalog.store, NULL), 0);
    assert_int_equal(pfs_store_open_fault(catalog.store, &t.fault, &catalog.store, NULL), 0);
    assert_int_equal(pfs_pool_open(2, &t.pool, NULL), 0);
    catalog.pool = t.pool;
    assert_int_equal(pfs_catalog_open(&catalog, &t.catalog, NULL), 0);
    tree.catalog = t.catalog;
    tree.pool = t.pool;
    assert_int_equal(pfs_tree_open(&tree, &t.tree, NULL), 0);
    assert_int_equal(pfs_catalog_execute(t.catalog, NULL, pfs_str(tables_sql), &answer, NULL), 0);
    assert_int_equal(pfs_waiting_init(&t.waiting, NULL), 0);
    pfs_buf_done(&answer);
    return 0;
}

__attribute__((unused)) static int close_tree(void **state)
{
    (void)state;
    pfs_waiting_done(&t.waiting);
    pfs_tree_close(t.tree);
    pfs_pool_close(t.pool);
    return 0;
}

static int open_path(const char *path, int flags, struct pfs_entry *entry, struct pfs_opened *file)
{
    int64_t rc;

    PFS_TRY(pfs_tree_walk(t.tree, path, entry, NULL));
    pfs_tree_open_file(t.tree, &t.waiting.request, entry->node, flags, file);
    rc = pfs_waiting_result(&t.waiting, NULL);
    if (rc < 0)
        pfs_tree_forget(t.tree, entry->node, 1);
    return (int)rc;
}

static int64_t close_path(struct pfs_entry *entry, struct pfs_opened *file)
{
    int64_t rc;

    pfs_tree_release(t.tree, &t.waiting.request, file->handle);
    rc = pfs_waiting_result(&t.waiting, NULL);
    pfs_tree_forget(t.tree, entry->node, 1);
    return rc;
}

/* The text of a file, or NULL. What grows comes in as many pieces as it pleases. */
__attribute__((unused)) static const char *text_of(const char *path)
{
    static char text[1 << 16];
    struct pfs_entry entry;
    struct pfs_opened file;
    int64_t got = 0, more;

    if (open_path(path, O_RDONLY, &entry, &file) < 0)
        return NULL;
    do {
        pfs_tree_read(t.tree, &t.waiting.request, file.handle, (uint64_t)got, text + got,
                      sizeof(text) - 1 - (size_t)got);
        more = pfs_waiting_result(&t.waiting, NULL);
        got += more > 0 ? more : 0;
    } while (more > 0);
    (void)close_path(&entry, &file);
    if (more < 0)
        return NULL;
    text[got] = '\0';
    return text;
}

/* 0, or the errno. */
__attribute__((unused)) static int mkdir_at(const char *parent, const char *name)
{
    struct pfs_entry entry, made;
    int64_t rc;

    assert_int_equal(pfs_tree_walk(t.tree, parent, &entry, NULL), 0);
    pfs_tree_mkdir(t.tree, &t.waiting.request, entry.node, name, &made);
    rc = pfs_waiting_result(&t.waiting, NULL);
    pfs_tree_forget(t.tree, entry.node, 1);
    if (rc == 0)
        pfs_tree_forget(t.tree, made.node, 1);
    return (int)rc;
}

/* Somebody looks at the table that the inbox belongs to: what was acknowledged becomes a snapshot. */
static void look_beside(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct pfs_entry entry;
    char view[256];

    (void)snprintf(view, sizeof(view), "%.*s/snapshot/latest.csv", (int)(slash - path), path);
    if (pfs_tree_walk(t.tree, view, &entry, NULL) == 0)
        pfs_tree_forget(t.tree, entry.node, 1);
}

/* What a shell's `printf ... >> path` meets first: 0, or the errno of write(2) or of close(2). A snapshot each. */
__attribute__((unused)) static int64_t append(const char *path, const char *rows)
{
    struct pfs_entry entry;
    struct pfs_opened file;
    int64_t rc, released;

    PFS_TRY(open_path(path, O_WRONLY | O_APPEND, &entry, &file));
    pfs_tree_write(t.tree, &t.waiting.request, file.handle, 0, pfs_str(rows));
    rc = pfs_waiting_result(&t.waiting, NULL);
    if (rc >= 0) {
        pfs_tree_flush(t.tree, &t.waiting.request, file.handle);
        rc = pfs_waiting_result(&t.waiting, NULL);
    }
    released = close_path(&entry, &file);
    look_beside(path);
    return rc < 0 ? rc : released;
}
