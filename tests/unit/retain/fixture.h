/* fixture.h - one table d.t (k, v) over a memory store that fails where it is told to, with a clock that is set; and a
 * look at whether every snapshot, tag and branch that is there still has all its files. */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "src/file/file.h"
#include "src/statement/statement.h"
#include "src/table/catalog.h"
#include "tests/unit/cm.h"

static struct pfs_fault fault;
static struct pfs_store *memory, *store; /* `store` is the catalog's */
static struct pfs_catalog *catalog;
static struct pfs_table *table;
static int64_t now_ms;

static int64_t tell_time(void *self)
{
    return *(const int64_t *)self;
}

static const struct pfs_clock still = {tell_time, &now_ms};

static inline void run(const char *sql)
{
    struct pfs_buf answer = {0};
    struct pfs_err err = {0};

    if (pfs_catalog_execute(catalog, NULL, pfs_str(sql), &answer, &err) < 0)
        fail_msg("%s: %s", sql, err.text);
    pfs_buf_done(&answer);
}

static void stays(void *self)
{
    (void)self;
}

/* The memory store as one that can be closed and stays. */
static inline struct pfs_store *lent(void)
{
    static struct pfs_store_ops ops;
    struct pfs_store *out = pfs_zalloc(sizeof(*out));

    ops = *memory->ops;
    ops.destroy = stays;
    *out = (struct pfs_store){&ops, memory->self};
    return out;
}

/* options: of the table, besides those of all. */
static inline void begin(const char *options)
{
    char sql[1024];

    fault = (struct pfs_fault){0};
    now_ms = 1750000000000;
    assert_int_equal(pfs_store_open_memory(&memory, NULL), 0);
    assert_int_equal(pfs_store_open_fault(lent(), &fault, &store, NULL), 0);
    assert_int_equal(pfs_catalog_open(&(struct pfs_catalog_config){.store = store, .clock = &still}, &catalog, NULL),
                     0);
    (void)snprintf(sql, sizeof(sql),
                   "CREATE DATABASE d; CREATE TABLE d.t (k INT, v INT, PRIMARY KEY (k) NOT ENFORCED)"
                   " WITH ('bucket' = '1', 'manifest.merge-min-count' = '3', %s);",
                   options);
    run(sql);
    assert_int_equal(pfs_catalog_table(catalog, "d", "t", NULL, &table, NULL), 0);
}

static inline void end(void)
{
    fault = (struct pfs_fault){0};
    pfs_table_unref(table);
    pfs_catalog_close(catalog);
    pfs_store_close(memory);
}

/* ---- rows ---- */

static inline struct pfs_state *state_of(struct pfs_table *t, struct pfs_when when)
{
    struct pfs_state *s = NULL;
    struct pfs_err err = {0};

    if (pfs_table_state(t, when, &s, &err) < 0)
        fail_msg("%s", err.text);
    return s;
}

static inline void fill(struct pfs_table *t, struct pfs_write *write, int32_t key)
{
    static const struct pfs_type kind = {.kind = PFS_TINYINT};
    struct pfs_state *s = state_of(t, (struct pfs_when){.kind = PFS_WHEN_LATEST});
    struct pfs_arena arena = {0};
    struct pfs_column *column = pfs_arena_array(&arena, 3, sizeof(*column));
    const struct pfs_schema *schema;

    assert_int_equal(pfs_table_schema(t, &schema, NULL), 0);
    for (int i = 0; i < 2; i++) {
        column[i] = (struct pfs_column){.type = &schema->field[i].type, .values = pfs_arena_alloc(&arena, 4)};
        memcpy((void *)(uintptr_t)column[i].values, &key, 4);
    }
    column[2] = (struct pfs_column){.type = &kind, .values = pfs_arena_zalloc(&arena, 1)};
    assert_int_equal(pfs_write_add(write, &arena, &(struct pfs_batch){1, 3, column}, s, NULL), 0);
    pfs_state_unref(s);
    pfs_arena_done(&arena);
}

/* One snapshot of one row; nothing is expired by it. */
static inline int64_t commit_to(struct pfs_table *t, int32_t key)
{
    struct pfs_write *write;
    struct pfs_err err = {0};
    int64_t id = 0;

    assert_int_equal(pfs_table_write_open(t, 0, &write, NULL), 0);
    fill(t, write, key);
    if (pfs_table_commit(t, write, "u", key, false, &id, &err) < 0)
        fail_msg("%s", err.text);
    pfs_write_close(write);
    return id;
}

static inline void commits(int count)
{
    for (int i = 0; i < count; i++)
        (void)commit_to(table, i);
}

/* One COMPACT snapshot: the files so far are needed by older snapshots only. */
static inline void compact(void)
{
    struct pfs_compact_want want = {.full = true};
    struct pfs_compact_result result;
    struct pfs_err err = {0};

    if (pfs_table_compact(table, &want, &result, &err) < 0)
        fail_msg("%s", err.text);
}

/* ---- what is there ---- */

static inline int count_name(void *context, struct pfs_slice name, bool directory)
{
    *(int *)context += !directory && name.at[0] != '.';
    return 0;
}

static inline int files_in(const char *directory)
{
    int count = 0;
    int rc = pfs_store_list(memory, directory, count_name, &count, NULL);

    assert_true(rc == 0 || rc == -ENOENT);
    return count;
}

static inline bool is_there(const char *path)
{
    struct pfs_stat st;

    return pfs_store_stat(memory, path, &st, NULL) == 0;
}

static inline void check_state(const char *what, struct pfs_state *s)
{
    struct pfs_arena arena = {0};
    const char *path;

    for (int64_t i = 0; i < s->files; i++) {
        assert_int_equal(pfs_data_path("d.db/t", s->schema, s->file[i], &arena, &path, NULL), 0);
        if (!is_there(path))
            fail_msg("%s: %s is not there", what, path);
    }
    pfs_state_unref(s);
    pfs_arena_done(&arena);
}

static inline void check_when(struct pfs_table *t, const char *what, struct pfs_when when)
{
    struct pfs_state *s = NULL;
    struct pfs_err err = {0};

    if (pfs_table_state(t, when, &s, &err) < 0)
        fail_msg("%s: %s", what, err.text);
    check_state(what, s);
}

/* Every snapshot and tag of the table reads, as a process sees it that opens it now. */
static inline void check_all(const char *what, const char *branch)
{
    struct pfs_catalog_config config = {.store = lent(), .clock = &still};
    struct pfs_arena arena = {0};
    struct pfs_catalog *fresh;
    struct pfs_table *t;
    const char **tags;
    int64_t *ids, count;

    assert_int_equal(pfs_catalog_open(&config, &fresh, NULL), 0);
    assert_int_equal(pfs_catalog_table(fresh, "d", "t", branch, &t, NULL), 0);
    assert_int_equal(pfs_table_snapshots(t, &arena, &ids, &count, NULL), 0);
    assert_true(count > 0);
    for (int64_t i = 0; i < count; i++)
        check_when(t, what, (struct pfs_when){.kind = PFS_WHEN_SNAPSHOT, .number = ids[i]});
    assert_int_equal(pfs_table_tags(t, &arena, &tags, &count, NULL), 0);
    for (int64_t i = 0; i < count; i++)
        check_when(t, what, (struct pfs_when){.kind = PFS_WHEN_TAG, .tag = tags[i]});
    check_when(t, what, (struct pfs_when){.kind = PFS_WHEN_LATEST});
    pfs_table_unref(t);
    pfs_catalog_close(fresh);
    pfs_arena_done(&arena);
}
