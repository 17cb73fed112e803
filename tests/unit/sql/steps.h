/* steps.h - tables of all kinds, what is done with them step by step, and a fault at one of its allocations or calls of
 * the store. */
#pragma once

#include <errno.h>
#include <stdio.h>

static char tables_sql[600]; /* what makes the table of a case */

#define TABLES tables_sql
#include "tests/unit/write/rows.h"

#define EVERY INT64_C(10)         /* so many of the first ones fail one by one, of the later ones some */
#define FAILS_MAX INT64_C(100000) /* more than any of these steps makes */

static int complaints; /* of one test */

/* All that is wrong with a case is told of, not only what comes first. */
#define COMPLAIN(...) (complaints++ < 40 ? print_error("" __VA_ARGS__) : (void)0)

/* What fails: the n-th allocation; the n-th call of the store alone, or with all that follow. */
enum fault_kind { MEMORY, CALL, CALLS };

static char failed_call[24]; /* of the store */
static int64_t writes;       /* so far: each one has another value */

/* ---- steps ---- */

/* Six rows, the arena's. */
static struct pfs_batch make_rows(struct pfs_arena *arena, int8_t kind)
{
    static const struct pfs_type kind_type = {.kind = PFS_TINYINT};
    struct pfs_column *column = pfs_arena_array(arena, 4, sizeof(*column));
    int32_t *k = pfs_arena_array(arena, 6, 4), *p = pfs_arena_array(arena, 6, 4);
    int64_t *n = pfs_arena_array(arena, 6, 8);
    int8_t *kinds = pfs_arena_array(arena, 6, 1);
    const struct pfs_schema *schema;

    assert_int_equal(pfs_table_schema(table, &schema, NULL), 0);
    for (int32_t i = 0; i < 6; i++) {
        k[i] = (int32_t)(writes % 7) + i;
        p[i] = schema->primary_keys == 1 && schema->partition_keys == 1 ? (int32_t)(writes + i) % 2 : k[i] % 2;
        n[i] = 10 + writes;
        kinds[i] = kind;
    }
    column[0] = (struct pfs_column){.type = &schema->field[0].type, .values = k};
    column[1] = (struct pfs_column){.type = &schema->field[1].type, .values = p};
    column[2] = (struct pfs_column){.type = &schema->field[2].type, .values = n};
    column[3] = (struct pfs_column){.type = &kind_type, .values = kinds};
    return (struct pfs_batch){6, 4, column};
}

static inline int write_rows(struct pfs_arena *arena, const struct pfs_batch *rows, struct pfs_err *err)
{
    struct pfs_state *s = NULL;
    struct pfs_write *w = NULL;
    int64_t id = 0;
    int rc = pfs_table_write_open(table, 0, &w, err);

    if (rc == 0)
        rc = pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &s, err);
    if (rc == 0)
        rc = pfs_write_add(w, arena, rows, s, err);
    if (rc == 0)
        rc = pfs_table_commit(table, w, "u", writes, false, &id, err);
    pfs_state_unref(s);
    pfs_write_close(w);
    return rc;
}

static void note_call(void *context, const char *op, const char *path)
{
    (void)context;
    (void)path;
    if (fault.calls == fault.fail_at)
        (void)snprintf(failed_call, sizeof(failed_call), "%s", op);
}

/* n < 0: nothing fails. */
static void set_fault(enum fault_kind kind, int64_t n)
{
    failed_call[0] = '\0';
    if (n >= 0 && kind == MEMORY)
        pfs_mem_fail_after(n);
    else if (n >= 0)
        fault = (struct pfs_fault){.calls = fault.calls,
                                   .fail_at = fault.calls + 1 + n,
                                   .fail_on = kind == CALLS,
                                   .fail_errno = ENOSPC,
                                   .each = note_call};
}

/* One letter is a step, more are a statement. */
static int try_step(const char *step, enum fault_kind kind, int64_t n, struct pfs_err *err)
{
    struct pfs_buf answer = {0};
    struct pfs_arena arena = {0};
    struct pfs_compact_result result;
    struct pfs_batch rows = {0};
    int rc = 0;

    *err = (struct pfs_err){0};
    if (step[1] == '\0' && strchr("wd", step[0]) != NULL)
        rows = make_rows(&arena, step[0] == 'w' ? PFS_INSERT : PFS_DELETE);
    set_fault(kind, n);
    if (step[1] != '\0')
        rc = pfs_catalog_execute(catalog, "d", pfs_str(step), &answer, err);
    else if (rows.rows > 0)
        rc = write_rows(&arena, &rows, err);
    else if (step[0] == 'c' || step[0] == 'm')
        rc = pfs_table_compact(table, &(struct pfs_compact_want){.full = step[0] == 'c'}, &result, err);
    else if (step[0] == 's')
        rc = pfs_table_settle(table, &(struct pfs_settle){.user = "u", .identifier = writes}, err);
    else if (step[0] == 'x')
        rc = pfs_table_expire(table, NULL, NULL, &(struct pfs_expired){0}, err);
    else if (step[0] == 'o')
        rc = pfs_table_remove_orphans(table, INT64_MAX, false, &(int64_t){0}, &(int64_t){0}, err);
    else if (step[0] == 't')
        rc = pfs_table_maintain(table, writes, err);
    else
        fail_msg("%s is no step", step);
    pfs_arena_done(&arena);
    pfs_buf_done(&answer);
    if (rc == 0 && rows.rows > 0)
        writes++;
    return rc;
}

static void do_step(const char *step)
{
    struct pfs_err err;

    if (try_step(step, MEMORY, -1, &err) < 0)
        fail_msg("%s: %s", step, err.text);
}

/* Was what should fail not reached? Ends the failing. */
static bool was_spared(enum fault_kind kind, int64_t n)
{
    void *at = &writes;
    bool spared = fault.calls < fault.fail_at;

    fault.fail_at = 0;
    for (int64_t i = 0; kind == MEMORY && i <= n && at != NULL; i++) {
        at = pfs_alloc(1);
        pfs_free(at);
    }
    pfs_mem_fail_after(-1);
    return kind == MEMORY ? at == NULL : spared;
}

/* Tables of k INT, p INT, n BIGINT: what stands behind those columns. */
static const struct {
    const char *name, *rest;
} tables[] = {
    {"one", ", PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1')"},
    {"told", ", PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'changelog-producer' = 'input')"},
    {"long", ", PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'changelog-producer' = 'input', "
             "'changelog.num-retained.min' = '6', 'changelog.num-retained.max' = '6')"},
    {"full",
     ", PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'changelog-producer' = 'full-compaction', "
     "'changelog-producer.row-deduplicate' = 'true', 'changelog-producer.row-deduplicate-ignore-fields' = 'p')"},
    {"sum", ", PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'changelog-producer' = 'lookup', 'merge-engine' = "
            "'aggregation', 'fields.n.aggregate-function' = 'sum', 'deletion-vectors.enabled' = 'true')"},
    {"part", ", PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '2', 'merge-engine' = 'partial-update', "
             "'partial-update.remove-record-on-delete' = 'true')"},
    {"first", ", PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'merge-engine' = 'first-row', "
              "'changelog-producer' = 'lookup', 'ignore-delete' = 'true')"},
    {"marks", ", PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'deletion-vectors.enabled' = 'true', "
              "'sequence.field' = 'n')"},
    {"dynamic", ", PRIMARY KEY (k) NOT ENFORCED) WITH ('dynamic-bucket.target-row-num' = '4')"},
    {"moving", ", PRIMARY KEY (k) NOT ENFORCED) PARTITIONED BY (p) WITH ('dynamic-bucket.target-row-num' = '4')"},
    {"days", ", PRIMARY KEY (k, p) NOT ENFORCED) PARTITIONED BY (p) WITH ('bucket' = '1', "
             "'file-index.bloom-filter.columns' = 'n')"},
    {"later", ", PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '-2', 'postpone.default-bucket-num' = '2')"},
    {"log", ") PARTITIONED BY (p) WITH ('row-tracking.enabled' = 'true', 'compaction.min.file-num' = '2')"},
    {"lines", ") WITH ('bucket' = '1', 'bucket-key' = 'k')"},
};

/* The table, after steps (letters) and a statement (NULL = none). */
static void begin(const char *name, const char *before, const char *sql)
{
    size_t i = 0;

    while (strcmp(tables[i].name, name) != 0)
        i++;
    (void)snprintf(tables_sql, sizeof(tables_sql), "CREATE DATABASE d; CREATE TABLE d.%s (k INT, p INT, n BIGINT%s;",
                   name, tables[i].rest);
    set_up_with(0);
    writes = 0;
    use(name);
    for (const char *at = before; *at != '\0'; at++)
        do_step((char[]){*at, '\0'});
    if (sql != NULL)
        do_step(sql);
}
