/* statements.h - a catalog over a store in memory that fails where it is told to, and what it is told in SQL. */
#pragma once

#include <errno.h>
#include <stdio.h>

#include "base/mem.h"
#include "src/statement/statement.h"
#include "src/table/catalog.h"
#include "tests/unit/cm.h"

static struct {
    struct pfs_store *memory; /* below the store that fails */
    struct pfs_store *store;  /* the catalog's */
    struct pfs_fault fault;
    struct pfs_catalog *catalog;
    struct pfs_buf answer; /* of the last statement */
    struct pfs_err err;
} q;

/* 0 or what the statement failed with. */
static int try_sql(const char *sql)
{
    q.err = (struct pfs_err){0};
    pfs_buf_clear(&q.answer);
    return pfs_catalog_execute(q.catalog, NULL, pfs_str(sql), &q.answer, &q.err);
}

static void run_sql(const char *sql)
{
    if (try_sql(sql) < 0)
        fail_msg("%s: %s", sql, q.err.text);
}

__attribute__((unused)) static void refused(const char *sql, int code, const char *sentence)
{
    int rc = try_sql(sql);

    if (rc != -code || strstr(q.err.text, sentence) == NULL)
        fail_msg("%s: %d, %s", sql, rc, rc == 0 ? "done" : q.err.text);
}

/* What the last statement of all answered. */
__attribute__((unused)) static void answered(const char *want)
{
    size_t len = strlen(want);

    assert_true(q.answer.len >= len);
    pfs_buf_putc(&q.answer, 0);
    assert_string_equal((const char *)q.answer.at + q.answer.len - 1 - len, want);
}

__attribute__((unused)) static bool there(const char *path)
{
    struct pfs_stat st;

    return pfs_store_stat(q.memory, path, &st, NULL) == 0;
}

static int open_warehouse(void **state)
{
    struct pfs_catalog_config config = {0};

    (void)state;
    memset(&q, 0, sizeof(q));
    assert_int_equal(pfs_store_open_memory(&q.memory, NULL), 0);
    assert_int_equal(pfs_store_open_fault(q.memory, &q.fault, &q.store, NULL), 0);
    config.store = q.store;
    assert_int_equal(pfs_catalog_open(&config, &q.catalog, NULL), 0);
    run_sql("CREATE DATABASE d;");
    return 0;
}

static int close_warehouse(void **state)
{
    (void)state;
    q.fault = (struct pfs_fault){0};
    pfs_buf_done(&q.answer);
    pfs_catalog_close(q.catalog);
    return 0;
}
